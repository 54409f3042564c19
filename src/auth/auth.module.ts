import { join } from 'node:path';
import { Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Configuration } from '../config/configuration.js';
import { FileApiKeyStore } from './api-keys/adapters/file-api-key-store.js';
import { MemoryApiKeyStore } from './api-keys/adapters/memory-api-key-store.js';
import { ApiKeyStore } from './api-keys/api-key-store.js';
import { ApiKeys } from './api-keys/api-keys.js';
import { AuditLog } from './audit-log.js';
import { AuthGuard } from './auth.guard.js';
import { Authenticator } from './authenticator.js';
import { Exposure } from './exposure.js';
import { GuardedRoutes } from './guarded-routes.js';
import { HttpSecurity } from './http-security.js';
import { OriginPolicy } from './origin-policy.js';
import { RateLimits } from './rate-limits.js';
import { TokenVerifier } from './token-verifier.js';

function createApiKeyStore({ store }: Configuration): ApiKeyStore {
  return store.kind === 'memory'
    ? new MemoryApiKeyStore()
    : new FileApiKeyStore(join(store.dataDir, 'api-keys.json'));
}

/** Authentication and authorization for every transport (docs/security.md). */
@Global()
@Module({
  imports: [DiscoveryModule],
  providers: [
    { provide: ApiKeyStore, useFactory: createApiKeyStore, inject: [Configuration] },
    ApiKeys,
    AuditLog,
    AuthGuard,
    Authenticator,
    Exposure,
    GuardedRoutes,
    HttpSecurity,
    OriginPolicy,
    RateLimits,
    TokenVerifier,
  ],
  exports: [
    ApiKeys,
    AuditLog,
    AuthGuard,
    Authenticator,
    Exposure,
    GuardedRoutes,
    HttpSecurity,
    OriginPolicy,
    RateLimits,
  ],
})
export class AuthModule {}
