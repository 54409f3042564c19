import { type DynamicModule, Module } from '@nestjs/common';
import { AuthModule } from './auth/auth.module.js';
import { Configuration } from './config/configuration.js';
import { ConfigurationModule } from './config/configuration.module.js';
import { ForgeModule } from './forge/forge.module.js';
import { ItemsModule } from './mcp/builtin/items.module.js';
import { McpModule } from './mcp/mcp.module.js';
import { OperationsModule } from './operations/operations.module.js';
import { ApiKeysModule } from './rest/api-keys/api-keys.module.js';
import { HealthModule } from './rest/health/health.module.js';
import { MetricsModule } from './rest/metrics/metrics.module.js';
import { StreamingModule } from './streaming/streaming.module.js';

/** Settings of an embedded Opstream: the service's environment variables by their names, as text. */
export type OpstreamOptions = Readonly<Record<string, string | undefined>>;

/**
 * The whole of Opstream as one module: inside the service, and inside any other Nest application, which must call
 * `configureOpstream(app)` before it listens.
 */
@Module({})
export class OpstreamModule {
  /**
   * @param options settings by the names of the environment variables; without them the environment is read
   * @throws InvalidConfigurationError
   */
  static forRoot(options?: OpstreamOptions): DynamicModule {
    const configuration = options && Configuration.fromEnvironment(options);
    return {
      module: OpstreamModule,
      // Providers of any module of the application may report on their work.
      global: true,
      imports: [
        ConfigurationModule.forRoot(configuration),
        AuthModule,
        ApiKeysModule,
        MetricsModule,
        HealthModule,
        OperationsModule,
        StreamingModule,
        McpModule,
        ForgeModule.whenConfigured(configuration),
        ItemsModule.whenConfigured(configuration),
      ],
      exports: [OperationsModule, StreamingModule, McpModule],
    };
  }
}
