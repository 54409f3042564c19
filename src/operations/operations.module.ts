import { Logger, Module } from '@nestjs/common';
import { Configuration } from '../config/configuration.js';
import { DatabaseModule, SharedDatabase } from '../platform/sqlite/database.module.js';
import { LocalEventBus } from './adapters/local-event-bus.js';
import { MemoryOperationStore } from './adapters/memory-operation-store.js';
import { SqliteOperationStore } from './adapters/sqlite-operation-store.js';
import { EventBus } from './event-bus.js';
import { BackupService } from './backup.service.js';
import { BackupController } from './rest/backup.controller.js';
import { EventsController } from './rest/events.controller.js';
import { RawLogController } from './rest/log/raw-log.controller.js';
import { LinesController } from './rest/lines/lines.controller.js';
import { InputsController } from './rest/inputs.controller.js';
import { InputsService } from './inputs.service.js';
import { LogPlaces } from './log-places.js';
import { LogFollower } from './log-follower.service.js';
import { OperationExpiry } from './operation-expiry.service.js';
import { OperationLeases } from './operation-leases.js';
import { OperationStore } from './operation-store.js';
import { OperationsController } from './rest/operations.controller.js';
import { OperationsMetrics } from './operations.metrics.js';
import { OperationsService } from './operations.service.js';
import { StoreHealthReporter } from './store-health.js';
import { WorkMetrics } from './work-metrics.js';

/** Chooses the engine: only this module knows the adapters. */
function createStore({ store }: Configuration, { connection }: SharedDatabase): OperationStore {
  if (!connection) return new MemoryOperationStore(store);
  const logger = new Logger('OperationStore');
  return new SqliteOperationStore(connection, store, (message) => logger.warn(message));
}

@Module({
  imports: [DatabaseModule],
  controllers: [
    OperationsController,
    InputsController,
    EventsController,
    LinesController,
    RawLogController,
    BackupController,
  ],
  providers: [
    { provide: OperationStore, useFactory: createStore, inject: [Configuration, SharedDatabase] },
    { provide: EventBus, useClass: LocalEventBus },
    OperationsService,
    OperationExpiry,
    OperationLeases,
    LogFollower,
    InputsService,
    LogPlaces,
    OperationsMetrics,
    StoreHealthReporter,
    BackupService,
    WorkMetrics,
  ],
  exports: [OperationStore, EventBus, OperationsService, InputsService, LogFollower, LogPlaces, WorkMetrics],
})
export class OperationsModule {}
