import { type DynamicModule, type FactoryProvider, Global, Module } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { Configuration } from './configuration.js';

/** What `ConfigService` holds in addition to the variables. */
interface Validated {
  readonly opstream: Configuration;
}

const validate = (env: Record<string, string | undefined>): typeof env & Validated =>
  Object.assign({ ...env }, { opstream: Configuration.fromEnvironment(env) });

/** Provides the application's single `Configuration`. */
@Global()
@Module({})
export class ConfigurationModule {
  /** Reads `.env` and the environment; the environment takes precedence. */
  static fromEnvironment(): DynamicModule {
    return ConfigurationModule.providing(
      {
        provide: Configuration,
        useFactory: (config: ConfigService<Validated, true>) => config.get('opstream', { infer: true }),
        inject: [ConfigService],
      },
      [ConfigModule.forRoot({ envFilePath: '.env', validate })],
    );
  }

  static withValue(configuration: Configuration): DynamicModule {
    return ConfigurationModule.providing({ provide: Configuration, useFactory: () => configuration });
  }

  static providing(
    provider: FactoryProvider<Configuration>,
    imports: DynamicModule['imports'] = [],
  ): DynamicModule {
    return { module: ConfigurationModule, imports, providers: [provider], exports: [Configuration] };
  }
}
