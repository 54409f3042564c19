import { type DynamicModule, Global, Module } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { Configuration } from './configuration.js';

/** Provides the one `Configuration`: the given one, or the one read from `.env` and the environment. */
@Global()
@Module({})
export class ConfigurationModule {
  static forRoot(configuration?: Configuration): DynamicModule {
    if (configuration) {
      return {
        module: ConfigurationModule,
        providers: [{ provide: Configuration, useValue: configuration }],
        exports: [Configuration],
      };
    }
    return {
      module: ConfigurationModule,
      imports: [ConfigModule.forRoot({ envFilePath: '.env' })],
      providers: [
        {
          provide: Configuration,
          // ConfigModule has merged .env into the environment by the time its service exists.
          useFactory: (_loaded: ConfigService) => Configuration.fromEnvironment(process.env),
          inject: [ConfigService],
        },
      ],
      exports: [Configuration],
    };
  }
}
