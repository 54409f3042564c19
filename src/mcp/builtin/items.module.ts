import { type DynamicModule, Module } from '@nestjs/common';
import { ConditionalModule } from '@nestjs/config';
import type { Configuration } from '../../config/configuration.js';
import { ItemsController } from './items.controller.js';

/** The example endpoint; part of the application only with `DEMO=true`. */
@Module({ controllers: [ItemsController] })
export class ItemsModule {
  /** @param configuration undefined when the environment decides */
  static whenConfigured(configuration?: Configuration): Promise<DynamicModule> | DynamicModule {
    if (!configuration) {
      return ConditionalModule.registerWhen(ItemsModule, isDemo, { debug: false });
    }
    return { module: ItemsSwitch, imports: configuration.demo ? [ItemsModule] : [] };
  }
}

/** Placeholder for `ItemsModule`, whether or not it is enabled. */
@Module({})
class ItemsSwitch {}

function isDemo({ DEMO }: NodeJS.ProcessEnv): boolean {
  return DEMO === 'true' || DEMO === '1';
}
