import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Subscription } from 'rxjs';
import { EventBus } from '../operations/event-bus.js';
import { isFinal, type RecordedEvent } from '../operations/operation-event.js';
import { OperationStore } from '../operations/operation-store.js';
import { turnBudget } from '../platform/lifecycle/turn-budget.js';
import { endDelivery, eventOf } from './delivery-body.js';
import { wants, type NewDelivery } from './webhook.js';
import { WebhookStore } from './webhook-store.js';
import { WebhooksService } from './webhooks.service.js';

/** Ends that wait for the store; with more, the log is read instead. */
const MAX_WAITING = 1000;
/** How often it is remembered that there was nothing to tell. */
const REMEMBER_MS = 10_000;
const PAGE = { limit: 500, maxBytes: 1024 * 1024 };

/**
 * Queues a delivery for every end that a webhook wants to hear of. Ends come over the bus as they are recorded; what a
 * crash kept from being queued is found in the log at the next start, behind the remembered position. An end that is
 * found twice is one delivery, because its id is the same.
 */
@Injectable()
export class WebhookFeed implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('Webhooks');
  private bus: Subscription | undefined;
  private timer: NodeJS.Timeout | undefined;
  /** Ends of each tenant that wait to be queued. */
  private readonly waiting = new Map<string, RecordedEvent[]>();
  /** The newest position heard of, where everything before was queued or wanted by nobody. */
  private readonly heard = new Map<string, number>();
  /** Tenants whose log has to be read from the remembered position. */
  private readonly behind = new Set<string>();
  private running: Promise<void> | undefined;
  private stopped = false;
  /** Deliveries for which there was no room. */
  refused = 0;

  constructor(
    private readonly events: EventBus,
    private readonly operations: OperationStore,
    private readonly store: WebhookStore,
    private readonly webhooks: WebhooksService,
  ) {}

  onApplicationBootstrap(): void {
    this.bus = this.events.events$.subscribe((events) => this.hear(events));
    for (const { tenant } of this.webhooks.all) this.behind.add(tenant);
    this.run();
    this.timer = setInterval(() => this.run(), REMEMBER_MS).unref();
  }

  async onModuleDestroy(): Promise<void> {
    this.bus?.unsubscribe();
    clearInterval(this.timer);
    this.run();
    await this.running;
    this.stopped = true;
  }

  private hear(events: readonly RecordedEvent[]): void {
    for (const event of events) {
      const { tenant } = event;
      if (this.webhooks.of(tenant).length === 0) continue;
      this.heard.set(tenant, event.position);
      if (!isFinal(event.type)) continue;
      let waiting = this.waiting.get(tenant);
      if (!waiting) this.waiting.set(tenant, (waiting = []));
      if (waiting.length >= MAX_WAITING) this.behind.add(tenant);
      else waiting.push(event);
      this.run();
    }
  }

  private run(): void {
    if (this.stopped) return;
    this.running ??= this.work()
      .catch((error: unknown) => {
        this.logger.warn({ event: 'webhooks_not_queued', error });
      })
      .finally(() => (this.running = undefined));
  }

  private async work(): Promise<void> {
    await new Promise(setImmediate);
    do {
      for (const tenant of this.behind) {
        this.behind.delete(tenant);
        await this.orReadLater(tenant, this.readLog(tenant));
      }
      for (const [tenant, position] of this.heard) {
        // What came since belongs to the next round.
        const ends = this.waiting.get(tenant) ?? [];
        this.waiting.delete(tenant);
        this.heard.delete(tenant);
        if (!this.behind.has(tenant)) await this.orReadLater(tenant, this.queue(tenant, ends, position));
      }
    } while (this.waiting.size > 0 || this.behind.size > 0);
  }

  /** What could not be queued is in the log. */
  private async orReadLater(tenant: string, work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (thrown) {
      this.behind.add(tenant);
      throw thrown;
    }
  }

  /** Queues what ended behind the remembered position. */
  private async readLog(tenant: string): Promise<void> {
    let after = (await this.store.positions()).get(tenant);
    if (after === undefined) return;
    for (;;) {
      const { events, head } = await this.operations.readTenant(tenant, after, PAGE);
      // Another log: it was restored, or the store keeps nothing.
      if (head < after) {
        await this.queue(tenant, [], head);
        return;
      }
      const last = events.at(-1)?.position;
      if (last === undefined) return;
      await this.queue(
        tenant,
        events.filter(({ type }) => isFinal(type)),
        last,
      );
      after = last;
      await turnBudget.turn();
    }
  }

  private async queue(tenant: string, ends: readonly RecordedEvent[], position: number): Promise<void> {
    const deliveries: NewDelivery[] = [];
    for (const { operationId } of ends) {
      const operation = await this.operations.get({ tenant, operationId });
      const event = operation && eventOf(operation);
      if (!event) continue;
      for (const webhook of this.webhooks.of(tenant))
        if (wants(webhook, event, operation.operationType))
          deliveries.push(endDelivery(webhook, operation, event));
    }
    this.refused += await this.store.enqueue(tenant, position, deliveries);
    if (deliveries.length > 0) this.webhooks.due$.next();
  }
}
