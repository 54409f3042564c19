import type { DeliveryMetrics } from '../streaming/delivery/delivery-metrics.js';
import { Followers } from '../streaming/delivery/followers.js';
import type { Sink } from '../streaming/delivery/sink.js';
import type { ReadLog, Topic } from '../streaming/delivery/topic.js';
import type { WireFormat } from '../streaming/delivery/wire-format.js';
import type { DeliveredEntry } from './stream-topic.js';

export interface FeedRequest {
  readonly format: WireFormat<DeliveredEntry>;
  readonly sink: Sink;
  /** Seq after which to begin. */
  readonly after: number;
  /** The last entry was written. */
  readonly onEnd: () => void;
  /** The stream is removed, or the next part of it is gone: the next request is told. */
  readonly onGone: () => void;
  readonly onError: (thrown: unknown) => void;
}

/** Live readers of streams of one kind: those that follow, and those that wait for the next change. */
export class StreamFeed {
  private readonly followers: Followers<DeliveredEntry>;
  private readonly waiters = new Map<string, Set<() => void>>();
  private readonly readers = new Map<string, Set<() => void>>();

  /** @param logOf reads the entries of a topic */
  constructor(logOf: (topic: Topic<DeliveredEntry>) => ReadLog<DeliveredEntry>, metrics: DeliveryMetrics) {
    this.followers = new Followers(logOf, metrics);
  }

  /** @returns ends it */
  follow(topic: Topic<DeliveredEntry>, request: FeedRequest): () => void {
    const { key } = topic;
    const gone = (): void => request.onGone();
    add(this.readers, key, gone);
    const leave = (): void => remove(this.readers, key, gone);
    const subscription = this.followers.subscribe({
      ...request,
      topic,
      onError: (thrown) => {
        leave();
        request.onError(thrown);
      },
    });
    return () => {
      leave();
      this.followers.unsubscribe(subscription);
    };
  }

  /**
   * Calls once at the next change of a stream: an append, its end, its removal, or the end of the service.
   * @returns stops waiting
   */
  onceChanged(key: string, wake: () => void): () => void {
    add(this.waiters, key, wake);
    return () => remove(this.waiters, key, wake);
  }

  /** Whether anybody follows the stream, or waits for it. */
  has(key: string): boolean {
    return this.followers.has(key) || this.waiters.has(key);
  }

  /** Entries that were recorded, each with its stream. */
  deliver(entries: ReadonlyMap<string, readonly DeliveredEntry[]>): void {
    for (const [key, added] of entries) {
      if (added.length > 0) this.followers.deliver(added, () => [key]);
      this.wake(key);
    }
  }

  /** The stream is gone: nobody follows it any more. */
  end(key: string): void {
    this.followers.reset(key);
    for (const gone of this.readers.get(key) ?? []) gone();
    this.wake(key);
  }

  get followerCount(): number {
    return this.followers.count();
  }

  get waiterCount(): number {
    let sum = 0;
    for (const waiting of this.waiters.values()) sum += waiting.size;
    return sum;
  }

  wake(key: string): void {
    const waiting = this.waiters.get(key);
    if (!waiting) return;
    this.waiters.delete(key);
    for (const wake of waiting) wake();
  }

  close(): void {
    for (const key of this.waiters.keys()) this.wake(key);
    this.followers.close();
  }
}

type Callbacks = Map<string, Set<() => void>>;

function add(callbacks: Callbacks, key: string, callback: () => void): void {
  const known = callbacks.get(key);
  if (known) known.add(callback);
  else callbacks.set(key, new Set([callback]));
}

function remove(callbacks: Callbacks, key: string, callback: () => void): void {
  const known = callbacks.get(key);
  if (known?.delete(callback) && known.size === 0) callbacks.delete(key);
}
