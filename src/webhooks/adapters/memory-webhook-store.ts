import type { Delivery, NewDelivery, Webhook } from '../webhook.js';
import {
  KEPT_DELIVERIES,
  MAX_PENDING,
  WebhookStore,
  type AttemptOutcome,
  type DeliveryPage,
  type DeliveryQuery,
} from '../webhook-store.js';

interface Entry {
  readonly number: number;
  claimedUntil: number;
  delivery: Delivery;
}

/** Webhooks of a process that keeps nothing. */
export class MemoryWebhookStore extends WebhookStore {
  private readonly webhooks = new Map<string, Webhook>();
  private readonly looked = new Map<string, number>();
  /** In the order they were queued. */
  private readonly entries = new Map<string, Entry>();
  private queued = 0;

  all(): Promise<readonly Webhook[]> {
    return Promise.resolve([...this.webhooks.values()]);
  }

  add(webhook: Webhook): Promise<boolean> {
    if (this.webhooks.has(webhook.id)) return Promise.resolve(false);
    this.webhooks.set(webhook.id, webhook);
    return Promise.resolve(true);
  }

  update(webhook: Webhook): Promise<void> {
    if (this.webhooks.has(webhook.id)) this.webhooks.set(webhook.id, webhook);
    return Promise.resolve();
  }

  remove(webhookId: string): Promise<void> {
    this.webhooks.delete(webhookId);
    for (const { delivery } of this.of(webhookId)) this.entries.delete(delivery.id);
    return Promise.resolve();
  }

  positions(): Promise<ReadonlyMap<string, number>> {
    return Promise.resolve(new Map(this.looked));
  }

  enqueue(tenant: string, position: number, deliveries: readonly NewDelivery[]): Promise<number> {
    let refused = 0;
    const room = new Map<string, number>();
    for (const one of deliveries) {
      if (this.entries.has(one.id)) continue;
      const { webhookId } = one;
      const left = room.get(webhookId) ?? MAX_PENDING - this.pendingOf(webhookId).length;
      room.set(webhookId, left - 1);
      if (left <= 0) {
        refused += 1;
        continue;
      }
      const delivery = { ...one, state: 'pending', attempts: 0, nextAt: one.createdAt, last: null } as const;
      this.entries.set(one.id, { number: ++this.queued, claimedUntil: 0, delivery });
    }
    this.looked.set(tenant, position);
    return Promise.resolve(refused);
  }

  claim(webhookId: string, limit: number, at: number, claimedUntil: number): Promise<readonly Delivery[]> {
    const operations = new Set<string>();
    const claimed: Delivery[] = [];
    for (const entry of this.pendingOf(webhookId)) {
      const { operationId, nextAt, id } = entry.delivery;
      const lane = operationId ?? id;
      const isFirst = !operations.has(lane);
      operations.add(lane);
      if (!isFirst || nextAt > at || entry.claimedUntil > at || claimed.length >= limit) continue;
      entry.claimedUntil = claimedUntil;
      claimed.push(entry.delivery);
    }
    return Promise.resolve(claimed);
  }

  settle(deliveryId: string, { state, nextAt, last }: AttemptOutcome): Promise<void> {
    const entry = this.entries.get(deliveryId);
    if (!entry) return Promise.resolve();
    const { delivery } = entry;
    entry.claimedUntil = 0;
    entry.delivery = { ...delivery, state, nextAt, last, attempts: delivery.attempts + 1 };
    if (state !== 'pending') this.trim(delivery.webhookId);
    return Promise.resolve();
  }

  repeat(webhookId: string, deliveryId: string, at: number): Promise<boolean> {
    const entry = this.entries.get(deliveryId);
    if (entry?.delivery.webhookId !== webhookId) return Promise.resolve(false);
    entry.claimedUntil = 0;
    entry.delivery = { ...entry.delivery, state: 'pending', attempts: 0, nextAt: at };
    return Promise.resolve(true);
  }

  deliveries(webhookId: string, { state, limit, cursor = Infinity }: DeliveryQuery): Promise<DeliveryPage> {
    const found = this.of(webhookId)
      .filter(({ number, delivery }) => number < cursor && (!state || delivery.state === state))
      .sort((a, b) => b.number - a.number);
    const page = found.slice(0, limit);
    return Promise.resolve({
      deliveries: page.map(({ delivery }) => delivery),
      nextCursor: found.length > limit ? page.at(-1)!.number : null,
    });
  }

  pending(): Promise<number> {
    return Promise.resolve(
      [...this.entries.values()].filter(({ delivery }) => delivery.state === 'pending').length,
    );
  }

  private of(webhookId: string): Entry[] {
    return [...this.entries.values()].filter(({ delivery }) => delivery.webhookId === webhookId);
  }

  private pendingOf(webhookId: string): Entry[] {
    return this.of(webhookId).filter(({ delivery }) => delivery.state === 'pending');
  }

  private trim(webhookId: string): void {
    const finished = this.of(webhookId).filter(({ delivery }) => delivery.state !== 'pending');
    for (const { delivery } of finished.slice(0, -KEPT_DELIVERIES)) this.entries.delete(delivery.id);
  }
}
