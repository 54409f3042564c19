import { Module } from '@nestjs/common';
import { OperationsModule } from '../operations/operations.module.js';
import { DatabaseModule, SharedDatabase } from '../platform/sqlite/database.module.js';
import { MemoryWebhookStore } from './adapters/memory-webhook-store.js';
import { SqliteWebhookStore } from './adapters/sqlite-webhook-store.js';
import { WebhooksController } from './rest/webhooks.controller.js';
import { WebhookDispatcher } from './webhook-dispatcher.service.js';
import { WebhookFeed } from './webhook-feed.service.js';
import { WebhookStore } from './webhook-store.js';
import { WebhooksMetrics } from './webhooks.metrics.js';
import { WebhooksService } from './webhooks.service.js';

/** Chooses the engine: the only place that knows the adapters. */
function createStore({ connection }: SharedDatabase): WebhookStore {
  return connection ? new SqliteWebhookStore(connection) : new MemoryWebhookStore();
}

/** Outgoing webhooks: addresses that are told of the ends of operations (docs/webhooks.md). */
@Module({
  imports: [DatabaseModule, OperationsModule],
  controllers: [WebhooksController],
  providers: [
    { provide: WebhookStore, useFactory: createStore, inject: [SharedDatabase] },
    WebhooksService,
    WebhookFeed,
    WebhookDispatcher,
    WebhooksMetrics,
  ],
})
export class WebhooksModule {}
