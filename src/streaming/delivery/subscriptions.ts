import type { OperationKey } from '../../operations/operation-key.js';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Subscription as BusSubscription } from 'rxjs';
import { EventBus } from '../../operations/event-bus.js';
import type { RecordedEvent } from '../../operations/operation-event.js';
import { LogPlaces } from '../../operations/log-places.js';
import { OperationStore } from '../../operations/operation-store.js';
import { DeliveryMetrics } from './delivery-metrics.js';
import { Followers, type FollowRequest } from './followers.js';
import { operationTopic, topicKey } from './operation-topic.js';
import type { Subscription } from './subscription.js';

export interface SubscribeRequest extends Omit<FollowRequest<RecordedEvent>, 'topic'> {
  /** One operation's log or, without an id, the whole log of the tenant. */
  readonly topic: { readonly tenant: string; readonly operationId: string | null };
}

/** Who follows which operations on this node: connects the event bus to the broadcasters. */
@Injectable()
export class Subscriptions implements OnApplicationShutdown {
  readonly metrics = new DeliveryMetrics();
  private readonly followers: Followers<RecordedEvent>;
  private readonly bus: BusSubscription[];

  private readonly places: LogPlaces;

  constructor(bus: EventBus, store: OperationStore) {
    this.places = new LogPlaces(store);
    this.followers = new Followers(({ tenant, id }) => {
      if (id === null) return (after, bounds) => store.readTenant(tenant, after, bounds);
      return (after, bounds) => store.readOperation({ tenant, operationId: id }, after, bounds);
    }, this.metrics);
    this.bus = [
      bus.events$.subscribe((events) =>
        this.followers.deliver(events, ({ tenant, operationId }) => [
          topicKey(tenant, operationId),
          topicKey(tenant, null),
        ]),
      ),
      bus.removed$.subscribe((removed) => {
        for (const { tenant, operationId } of removed) {
          this.followers.reset(topicKey(tenant, operationId));
          this.followers.announceRemoved(topicKey(tenant, null), operationId);
        }
      }),
    ];
  }

  onApplicationShutdown(): void {
    for (const subscription of this.bus) subscription.unsubscribe();
    this.followers.close();
  }

  /** Without `after` the subscription is live when this returns; with it, it first reads the log. */
  subscribe({ topic, ...request }: SubscribeRequest): Subscription {
    const { tenant, operationId } = topic;
    return this.followers.subscribe({
      ...request,
      topic: operationTopic(tenant, operationId),
      nameLog: async () =>
        (await this.places.checkOperation({ tenant, operationId: operationId ?? '' }, 0, undefined)).log,
    });
  }

  unsubscribe(subscription: Subscription): void {
    this.followers.unsubscribe(subscription);
  }

  /** Whether anyone follows the operation itself. */
  isFollowed({ tenant, operationId }: OperationKey): boolean {
    return this.followers.has(topicKey(tenant, operationId));
  }

  /** Subscriptions of a tenant, or of all. */
  count(tenant?: string): number {
    return this.followers.count(tenant);
  }
}
