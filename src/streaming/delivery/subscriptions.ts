import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Subscription as BusSubscription } from 'rxjs';
import { EventBus } from '../../operations/event-bus.js';
import type { RecordedEvent } from '../../operations/operation-event.js';
import { OperationStore } from '../../operations/operation-store.js';
import { Broadcaster } from './broadcaster.js';
import { DeliveryMetrics } from './delivery-metrics.js';
import type { Sink } from './sink.js';
import { SharedReads } from './shared-reads.js';
import { Subscription, type SubscriptionOptions } from './subscription.js';
import { topicKey, type Topic } from './topic.js';
import type { WireFormat } from './wire-format.js';

export interface SubscribeRequest extends SubscriptionOptions {
  readonly topic: Topic;
  readonly format: WireFormat;
  readonly sink: Sink;
  /** Seq or position after which to begin; without it, from now on. */
  readonly after?: number | undefined;
}

/** Who follows what on this node: connects the event bus to the broadcasters. */
@Injectable()
export class Subscriptions implements OnApplicationShutdown {
  readonly metrics = new DeliveryMetrics();
  /** Audiences by topic; one per wire format in use. */
  private readonly topics = new Map<string, Broadcaster[]>();
  private readonly sizes = new Map<string, number>();
  private readonly reads: SharedReads;
  private readonly bus: BusSubscription[];

  constructor(bus: EventBus, store: OperationStore) {
    this.reads = new SharedReads(store);
    this.bus = [
      bus.events$.subscribe((events) => this.deliver(events)),
      bus.removed$.subscribe((removed) => {
        for (const { tenant, operationId } of removed) {
          const key = topicKey(tenant, operationId);
          this.reads.forget(key);
          for (const broadcaster of this.topics.get(key) ?? []) broadcaster.reset();
        }
      }),
    ];
  }

  onApplicationShutdown(): void {
    for (const subscription of this.bus) subscription.unsubscribe();
    this.reads.clear();
  }

  /** Without `after` the subscription is live when this returns; with it, it first reads the log. */
  subscribe(request: SubscribeRequest): Subscription {
    const broadcaster = this.broadcaster(request.topic, request.format);
    const subscription: Subscription = new Subscription(
      broadcaster,
      request.sink,
      this.reads.reader(request.topic),
      this.metrics,
      {
        ...request,
        onError: (error) => {
          this.unsubscribe(subscription);
          request.onError?.(error);
        },
      },
    );
    this.resize(request.topic.tenant, 1);
    if (request.after === undefined) subscription.startNow();
    else subscription.startAfter(request.after);
    return subscription;
  }

  unsubscribe(subscription: Subscription): void {
    if (subscription.state === 'closed') return;
    subscription.close();
    const { topic } = subscription.broadcaster;
    this.resize(topic.tenant, -1);
    if (subscription.broadcaster.size > 0) return;
    const key = topicKey(topic.tenant, topic.operationId);
    this.reads.forget(key);
    const left = (this.topics.get(key) ?? []).filter(
      (broadcaster) => broadcaster !== subscription.broadcaster,
    );
    if (left.length > 0) this.topics.set(key, left);
    else this.topics.delete(key);
  }

  /** Subscriptions of a tenant, or of all. */
  count(tenant?: string): number {
    if (tenant !== undefined) return this.sizes.get(tenant) ?? 0;
    let sum = 0;
    for (const size of this.sizes.values()) sum += size;
    return sum;
  }

  private deliver(events: readonly RecordedEvent[]): void {
    if (this.topics.size === 0) return;
    const due = new Set<Broadcaster>();
    for (const event of events) {
      this.offer(topicKey(event.tenant, event.operationId), event, due);
      this.offer(topicKey(event.tenant, null), event, due);
    }
    for (const broadcaster of due) broadcaster.flush();
  }

  private offer(key: string, event: RecordedEvent, due: Set<Broadcaster>): void {
    const broadcasters = this.topics.get(key);
    if (broadcasters === undefined) return;
    this.reads.grown(key);
    for (const broadcaster of broadcasters) {
      broadcaster.offer(event);
      due.add(broadcaster);
    }
  }

  private broadcaster(topic: Topic, format: WireFormat): Broadcaster {
    const key = topicKey(topic.tenant, topic.operationId);
    const broadcasters = this.topics.get(key) ?? [];
    let broadcaster = broadcasters.find((candidate) => candidate.format === format);
    if (broadcaster === undefined) {
      broadcaster = new Broadcaster(topic, format, this.metrics);
      this.topics.set(key, [...broadcasters, broadcaster]);
    }
    return broadcaster;
  }

  private resize(tenant: string, by: 1 | -1): void {
    const size = (this.sizes.get(tenant) ?? 0) + by;
    if (size === 0) this.sizes.delete(tenant);
    else this.sizes.set(tenant, size);
  }
}
