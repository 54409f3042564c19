import { Injectable, Logger, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Subject } from 'rxjs';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { DeliveryMetrics } from '../streaming/delivery/delivery-metrics.js';
import { Followers, type FollowRequest } from '../streaming/delivery/followers.js';
import type { Subscription } from '../streaming/delivery/subscription.js';
import { expiryOf } from './decide-create.js';
import { encodeOffset, generationAt } from './offset.js';
import { type StreamCommand, StreamStore, type StreamUsage, type Written } from './stream-store.js';
import { type DeliveredEntry, streamKey, streamTopic } from './stream-topic.js';
import { isOver } from './stream-writer.js';
import { endOf, type StreamEntry, type StreamHead } from './stream.js';
import { WriteQueue } from './write-queue.js';

/** How often lifetimes that reads have extended are written down, and streams whose time is over are removed. */
const JANITOR_MS = 1000;
/** Streams removed in one step. */
const EXPIRE_LIMIT = 100;

/** Creates, appends to, reads and follows streams (docs/streams.md). */
@Injectable()
export class StreamsService implements OnModuleInit, BeforeApplicationShutdown {
  readonly metrics = new DeliveryMetrics();
  /** Streams of this process that were created, appended to and read, for metrics. */
  readonly counts = { appends: 0, appendedBytes: 0 };
  /** Streams that were deleted, or whose time is over. */
  readonly removed$ = new Subject<StreamHead>();
  private readonly logger = new Logger('Streams');
  private readonly queue: WriteQueue;
  private readonly followers: Followers<DeliveredEntry>;
  private readonly waiters = new Map<number, Set<() => void>>();
  /** Ends of sliding lifetimes that reads have moved since they were last written down, by stream. */
  private readonly extended = new Map<number, number>();
  private janitor: NodeJS.Timeout | undefined;

  constructor(private readonly store: StreamStore) {
    this.queue = new WriteQueue(store, (written) => this.publish(written));
    this.followers = new Followers(
      ({ id }) =>
        async (after, { maxBytes }) => {
          const head = this.following.get(Number(id));
          if (!head) return null;
          const entries = await this.entriesAfter(head, after, maxBytes);
          const newest = entries.at(-1);
          return {
            events: entries,
            first: 1,
            head: newest && !newest.isNewest ? newest.seq + 1 : (newest?.seq ?? after),
          };
        },
      this.metrics,
    );
  }

  /** Heads of streams that are followed, as far as this node knows, by id. */
  private readonly following = new Map<number, StreamHead>();

  onModuleInit(): void {
    this.janitor = setInterval(() => {
      this.tidy().catch((error: unknown) => this.logger.warn({ event: 'stream_expiry_failed', error }));
    }, JANITOR_MS).unref();
  }

  /** Before the hooks in which the shared database is closed. */
  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.janitor);
    for (const waiting of this.waiters.values()) for (const wake of waiting) wake();
    await this.queue.close();
    await this.flushExtensions();
    this.followers.close();
    await this.store.close();
  }

  /** @throws OpstreamError the refusals of `StreamStore.write`, `overloaded`, `shutting_down`, `storage_full` */
  async write(command: StreamCommand): Promise<Written> {
    // The store must know of every read that has extended the stream's life.
    if (this.extended.size > 0) await this.flushExtensions();
    return this.queue.submit(command);
  }

  /** @throws OpstreamError `stream_not_found`, `stream_gone` */
  async find(tenant: string, path: string): Promise<StreamHead> {
    const head = await this.store.find(tenant, path);
    const expiresAtMs = head && (this.extended.get(head.id) ?? head.expiresAtMs);
    if (!head || isOver({ ...head, expiresAtMs: expiresAtMs ?? null }, Date.now()))
      throw new OpstreamError('stream_not_found', 'There is no such stream');
    if (head.deleted) throw new OpstreamError('stream_gone', 'The stream is deleted');
    return head;
  }

  /** Begins the sliding lifetime of a stream again, because it is read. */
  touch({ id, lifetime }: StreamHead): void {
    const expiresAtMs = lifetime.ttlSeconds === null ? null : expiryOf(lifetime, Date.now());
    if (expiresAtMs !== null) this.extended.set(id, expiresAtMs);
  }

  seqAt(head: StreamHead, position: number): Promise<number> {
    return this.store.seqAt(head, position);
  }

  async entriesAfter(head: StreamHead, seq: number, maxBytes: number): Promise<readonly DeliveredEntry[]> {
    const entries = await this.store.readAfter(head, seq, maxBytes);
    return entries.map((entry) => delivered(head, entry));
  }

  /** Without `after` from now on; with it, first what was appended after that seq. */
  follow(
    head: StreamHead,
    request: Omit<FollowRequest<DeliveredEntry>, 'topic'>,
  ): Subscription<DeliveredEntry> {
    this.following.set(head.id, head);
    return this.followers.subscribe({ ...request, topic: streamTopic(head) });
  }

  unfollow(subscription: Subscription<DeliveredEntry>): void {
    this.followers.unsubscribe(subscription);
    const id = Number(subscription.broadcaster.topic.id);
    if (subscription.broadcaster.size === 0 && !this.followers.has(streamKey(id))) this.following.delete(id);
  }

  /**
   * Calls once at the next change of a stream: an append, its closing, its removal, or the end of the service.
   * @returns stops waiting
   */
  onceChanged({ id }: StreamHead, wake: () => void): () => void {
    const waiting = this.waiters.get(id) ?? new Set();
    this.waiters.set(id, waiting.add(wake));
    return () => {
      waiting.delete(wake);
      if (waiting.size === 0 && this.waiters.get(id) === waiting) this.waiters.delete(id);
    };
  }

  usage(): Promise<StreamUsage> {
    return this.store.usage();
  }

  get followerCount(): number {
    return this.followers.count();
  }

  private publish(written: readonly Written[]): void {
    const due: DeliveredEntry[] = [];
    for (const { head, entries, outcome } of written) {
      if (outcome === 'existed' || outcome === 'duplicate') continue;
      this.counts.appends += entries.length;
      for (const entry of entries) {
        this.counts.appendedBytes += entry.data.length;
        due.push(delivered(head, entry));
      }
      if (this.following.has(head.id)) this.following.set(head.id, head);
      this.extended.delete(head.id);
      if (outcome === 'removed') this.removed$.next(head);
      this.wake(head.id);
    }
    if (due.length > 0) this.followers.deliver(due, ({ streamId }) => [streamKey(streamId)]);
  }

  private wake(id: number): void {
    const waiting = this.waiters.get(id);
    if (!waiting) return;
    this.waiters.delete(id);
    for (const wake of waiting) wake();
  }

  private async tidy(): Promise<void> {
    await this.flushExtensions();
    for (;;) {
      const removed = await this.store.expire(Date.now(), EXPIRE_LIMIT);
      for (const head of removed) {
        this.removed$.next(head);
        this.wake(head.id);
      }
      if (removed.length < EXPIRE_LIMIT) return;
    }
  }

  private async flushExtensions(): Promise<void> {
    if (this.extended.size === 0) return;
    const due = new Map(this.extended);
    await this.store.extend(due);
    for (const [id, expiresAtMs] of due) if (this.extended.get(id) === expiresAtMs) this.extended.delete(id);
  }
}

/** The token of a position of a stream. */
export function offsetAt({ generations }: StreamHead, position: number): string {
  return encodeOffset({ generation: generationAt(generations, position), position });
}

function delivered(head: StreamHead, entry: StreamEntry): DeliveredEntry {
  return { ...entry, streamId: head.id, nextOffset: offsetAt(head, endOf(entry)) };
}
