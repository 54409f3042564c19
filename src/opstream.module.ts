import { type DynamicModule, type FactoryProvider, Module, type ModuleMetadata } from '@nestjs/common';
import { AuthModule } from './auth/auth.module.js';
import { WebSocketManager } from './client/upstream/websocket-manager.js';
import { Configuration } from './config/configuration.js';
import { ConfigurationModule } from './config/configuration.module.js';
import { environmentOf, type OpstreamOptions } from './config/options.js';
import { DashboardModule } from './dashboard/dashboard.module.js';
import { ForgeModule } from './forge/forge.module.js';
import { ItemsModule } from './mcp/builtin/items.module.js';
import { McpModule } from './mcp/mcp.module.js';
import { OperationsModule } from './operations/operations.module.js';
import { OpenRequests } from './platform/lifecycle/open-requests.js';
import { ApiKeysModule } from './rest/api-keys/api-keys.module.js';
import { HealthModule } from './rest/health/health.module.js';
import { MetricsModule } from './rest/metrics/metrics.module.js';
import { StreamsModule } from './streams/streams.module.js';
import { SessionsModule } from './sessions/sessions.module.js';
import { SharedSockets } from './shared-sockets.js';
import { DeafReaders } from './streaming/socket/deaf-readers.js';
import { StreamingModule } from './streaming/streaming.module.js';
import { WebhooksModule } from './webhooks/webhooks.module.js';

/** Options known only to a running application, e.g. from its own `ConfigService`. */
export interface OpstreamAsyncOptions {
  readonly imports?: ModuleMetadata['imports'];
  readonly inject?: FactoryProvider['inject'];
  /** @returns the options or a promise of them */
  readonly useFactory: (...injected: never[]) => OpstreamOptions | Promise<OpstreamOptions>;
  /** Nest resolves modules before it calls the factory: true adds Forge's module, which then requires `forgeUrl`. */
  readonly forge?: boolean;
  /** True adds the demo endpoint `GET /items/:item_id`. */
  readonly demo?: boolean;
}

/**
 * All of Opstream as one module, for the service and for any other Nest application. A host must call
 * `configureOpstream(app)` before it listens.
 */
@Module({})
export class OpstreamModule {
  /**
   * @param options when omitted, `.env` and the environment are read
   * @throws InvalidConfigurationError
   */
  static forRoot(options?: OpstreamOptions): DynamicModule {
    if (options)
      return OpstreamModule.withConfiguration(Configuration.fromEnvironment(environmentOf(options)));
    const configuration = ConfigurationModule.fromEnvironment();
    // Modules that depend on a variable wait until the variables are loaded; invalid variables never are.
    const loaded = Promise.all((configuration.imports ?? []).map((one) => Promise.resolve(one)));
    const whenLoaded = async (module: DynamicModule | Promise<DynamicModule>): Promise<DynamicModule> => {
      await Promise.race([loaded, module]);
      return module;
    };
    return compose(
      configuration,
      whenLoaded(ForgeModule.whenConfigured()),
      whenLoaded(ItemsModule.whenConfigured()),
    );
  }

  /**
   * Like `forRoot`, with options from a factory. An invalid option rejects the start with `InvalidConfigurationError`.
   */
  static forRootAsync(options: OpstreamAsyncOptions): DynamicModule {
    const { imports = [], inject = [], useFactory, forge = false, demo = false } = options;
    const configuration = ConfigurationModule.providing(
      {
        provide: Configuration,
        inject,
        useFactory: async (...injected: unknown[]) =>
          Configuration.fromEnvironment(environmentOf(await useFactory(...(injected as never[])))),
      },
      imports,
    );
    return compose(configuration, ...(forge ? [ForgeModule] : []), ...(demo ? [ItemsModule] : []));
  }

  /** For programs that have already read the configuration. */
  static withConfiguration(configuration: Configuration): DynamicModule {
    return compose(
      ConfigurationModule.withValue(configuration),
      ForgeModule.whenConfigured(configuration),
      ItemsModule.whenConfigured(configuration),
    );
  }
}

type Imports = NonNullable<ModuleMetadata['imports']>;

function compose(configuration: DynamicModule, ...optional: Imports): DynamicModule {
  return {
    module: OpstreamModule,
    // Providers of any module of the application may report on their work.
    global: true,
    imports: [
      configuration,
      AuthModule,
      ApiKeysModule,
      MetricsModule,
      HealthModule,
      DashboardModule,
      OperationsModule,
      StreamingModule,
      McpModule,
      StreamsModule,
      SessionsModule,
      WebhooksModule,
      ...optional,
    ],
    providers: [OpenRequests, DeafReaders, { provide: WebSocketManager, useClass: SharedSockets }],
    exports: [WebSocketManager, OperationsModule, StreamingModule, McpModule, SessionsModule],
  };
}
