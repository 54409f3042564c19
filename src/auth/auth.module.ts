import { Global, Module } from '@nestjs/common';
import { AuthGuard } from './auth.guard.js';
import { Authenticator } from './authenticator.js';
import { OriginPolicy } from './origin-policy.js';

@Global()
@Module({
  providers: [Authenticator, OriginPolicy, AuthGuard],
  exports: [Authenticator, OriginPolicy, AuthGuard],
})
export class AuthModule {}
