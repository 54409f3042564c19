import { Announcements } from './announcements.js';
import { Broadcaster } from './broadcaster.js';
import type { DeliveryMetrics } from './delivery-metrics.js';
import type { Sink } from './sink.js';
import { SharedReads } from './shared-reads.js';
import { Subscription, type SubscriptionOptions } from './subscription.js';
import type { ReadLog, Topic } from './topic.js';
import type { WireFormat } from './wire-format.js';

export interface FollowRequest<Entry extends object> extends SubscriptionOptions {
  readonly topic: Topic<Entry>;
  readonly format: WireFormat<Entry>;
  readonly sink: Sink;
  /** Seq or position to start after; by default, from now on. */
  readonly after?: number | undefined;
}

/** Who follows which log of one kind on this node: each topic has one broadcaster per wire format in use. */
export class Followers<Entry extends object> {
  private readonly topics = new Map<string, Broadcaster<Entry>[]>();
  private readonly sizes = new Map<string, number>();
  private readonly reads: SharedReads<Entry>;
  /** Those that follow the log of a whole tenant, by topic. */
  private readonly ofWhole = new Map<string, Set<Subscription<Entry>>>();
  private readonly announcements = new Announcements();

  /** @param logOf reads the log of a topic */
  constructor(
    logOf: (topic: Topic<Entry>) => ReadLog<Entry>,
    private readonly metrics: DeliveryMetrics,
  ) {
    this.reads = new SharedReads(logOf);
  }

  close(): void {
    this.reads.clear();
  }

  /** Without `after` the subscription is live when this returns; with it, it first reads the log. */
  subscribe(request: FollowRequest<Entry>): Subscription<Entry> {
    const broadcaster = this.broadcaster(request.topic, request.format);
    const subscription: Subscription<Entry> = new Subscription(
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
    if (request.topic.id === null) this.enlist(request.topic.key, subscription);
    if (request.after === undefined) subscription.startNow();
    else subscription.startAfter(request.after);
    return subscription;
  }

  unsubscribe(subscription: Subscription<Entry>): void {
    if (subscription.state === 'closed') return;
    subscription.close();
    const { topic } = subscription.broadcaster;
    this.resize(topic.tenant, -1);
    if (topic.id === null) this.delist(topic.key, subscription);
    if (subscription.broadcaster.size > 0) return;
    const { key } = topic;
    this.reads.forget(key);
    const left = (this.topics.get(key) ?? []).filter(
      (broadcaster) => broadcaster !== subscription.broadcaster,
    );
    if (left.length > 0) this.topics.set(key, left);
    else this.topics.delete(key);
  }

  /** Whether anybody follows the topic. */
  has(key: string): boolean {
    return this.topics.has(key);
  }

  /** Subscriptions of a tenant, or of all. */
  count(tenant?: string): number {
    if (tenant !== undefined) return this.sizes.get(tenant) ?? 0;
    let sum = 0;
    for (const size of this.sizes.values()) sum += size;
    return sum;
  }

  /** Offers entries to the followers of their topics. */
  deliver(entries: readonly Entry[], keysOf: (entry: Entry) => Iterable<string>): void {
    if (this.topics.size === 0) return;
    const due = new Set<Broadcaster<Entry>>();
    for (const entry of entries) for (const key of keysOf(entry)) this.offer(key, entry, due);
    for (const broadcaster of due) broadcaster.flush();
  }

  /** Tells the followers of a whole tenant's log what was removed from it. */
  announceRemoved(key: string, id: string): void {
    const frames = new Map<WireFormat<Entry>, Buffer | undefined>();
    for (const { broadcaster, sink } of this.ofWhole.get(key) ?? []) {
      const { format } = broadcaster;
      if (!frames.has(format)) frames.set(format, format.removed(id));
      const frame = frames.get(format);
      if (frame) this.announcements.tell(sink, frame);
    }
  }

  private enlist(key: string, subscription: Subscription<Entry>): void {
    const members = this.ofWhole.get(key) ?? new Set();
    this.ofWhole.set(key, members.add(subscription));
  }

  private delist(key: string, subscription: Subscription<Entry>): void {
    const members = this.ofWhole.get(key);
    members?.delete(subscription);
    if (members?.size === 0) this.ofWhole.delete(key);
  }

  /** The log was removed: if it reappears, it is a new one. */
  reset(key: string): void {
    this.reads.forget(key);
    for (const broadcaster of this.topics.get(key) ?? []) broadcaster.reset();
  }

  private offer(key: string, entry: Entry, due: Set<Broadcaster<Entry>>): void {
    const broadcasters = this.topics.get(key);
    if (broadcasters === undefined) return;
    this.reads.grown(key);
    for (const broadcaster of broadcasters) {
      broadcaster.offer(entry);
      due.add(broadcaster);
    }
  }

  private broadcaster(topic: Topic<Entry>, format: WireFormat<Entry>): Broadcaster<Entry> {
    const { key } = topic;
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
