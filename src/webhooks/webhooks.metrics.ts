import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Registry } from 'prom-client';
import { WebhookDispatcher } from './webhook-dispatcher.service.js';
import { WebhookFeed } from './webhook-feed.service.js';
import { WebhookStore } from './webhook-store.js';

/** Metrics of webhooks, read when they are scraped. */
@Injectable()
export class WebhooksMetrics {
  constructor(registry: Registry, store: WebhookStore, dispatcher: WebhookDispatcher, feed: WebhookFeed) {
    const registers = [registry];
    const attempts = new Counter({
      name: 'opstream_webhook_attempts_total',
      help: 'Requests to webhooks by what became of the delivery: delivered, to be retried, or given up',
      registers,
      labelNames: ['outcome'],
      collect() {
        attempts.reset();
        for (const [outcome, count] of Object.entries(dispatcher.counts)) attempts.inc({ outcome }, count);
      },
    });
    const refused = new Counter({
      name: 'opstream_webhook_deliveries_refused_total',
      help: 'Deliveries dropped because too many waited for their webhook',
      registers,
      collect() {
        refused.reset();
        refused.inc(feed.refused);
      },
    });
    const pending = new Gauge({
      name: 'opstream_webhook_deliveries_pending',
      help: 'Deliveries that wait for their next attempt',
      registers,
      async collect() {
        pending.set(await store.pending());
      },
    });
  }
}
