import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Subscription as BusSubscription } from 'rxjs';
import { EventBus } from '../../operations/event-bus.js';
import type { RecordedEvent } from '../../operations/operation-event.js';
import { OperationStore } from '../../operations/operation-store.js';
import { Audience } from './broadcaster.js';
import { DeliveryMeter } from './delivery-metrics.js';
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

/** Who follows what on this node: connects the event bus to the audiences. */
@Injectable()
export class Subscriptions implements OnApplicationShutdown {
  readonly meter = new DeliveryMeter();
  /** Audiences by topic; one per wire format in use. */
  private readonly topics = new Map<string, Audience[]>();
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
          for (const audience of this.topics.get(key) ?? []) audience.reset();
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
    const audience = this.audience(request.topic, request.format);
    const subscription: Subscription = new Subscription(
      audience,
      request.sink,
      this.reads.reader(request.topic),
      this.meter,
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
    const { topic } = subscription.audience;
    this.resize(topic.tenant, -1);
    if (subscription.audience.size > 0) return;
    const key = topicKey(topic.tenant, topic.operationId);
    this.reads.forget(key);
    const left = (this.topics.get(key) ?? []).filter((audience) => audience !== subscription.audience);
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
    const due = new Set<Audience>();
    for (const event of events) {
      this.offer(topicKey(event.tenant, event.operationId), event, due);
      this.offer(topicKey(event.tenant, null), event, due);
    }
    for (const audience of due) audience.flush();
  }

  private offer(key: string, event: RecordedEvent, due: Set<Audience>): void {
    const audiences = this.topics.get(key);
    if (audiences === undefined) return;
    this.reads.grown(key);
    for (const audience of audiences) {
      audience.offer(event);
      due.add(audience);
    }
  }

  private audience(topic: Topic, format: WireFormat): Audience {
    const key = topicKey(topic.tenant, topic.operationId);
    const audiences = this.topics.get(key) ?? [];
    let audience = audiences.find((candidate) => candidate.format === format);
    if (audience === undefined) {
      audience = new Audience(topic, format, this.meter);
      this.topics.set(key, [...audiences, audience]);
    }
    return audience;
  }

  private resize(tenant: string, by: 1 | -1): void {
    const size = (this.sizes.get(tenant) ?? 0) + by;
    if (size === 0) this.sizes.delete(tenant);
    else this.sizes.set(tenant, size);
  }
}
