import { Injectable, Logger, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Subject } from 'rxjs';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { DeliveryMetrics } from '../streaming/delivery/delivery-metrics.js';
import { expiryOf } from './decide-create.js';
import { encodeOffset, generationAt } from './offset.js';
import { type FeedRequest, StreamFeed } from './stream-feed.js';
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
  /** Since the start, for metrics. */
  readonly counts = { created: 0, removed: 0, appends: 0, appendedBytes: 0, readBytes: 0 };
  /** What was recorded, before its writer is answered. */
  readonly written$ = new Subject<Written>();
  /** Streams that were deleted, or whose time is over. */
  readonly removed$ = new Subject<StreamHead>();
  private readonly logger = new Logger('Streams');
  private readonly queue: WriteQueue;
  private readonly feeds: StreamFeed[] = [];
  private readonly feed: StreamFeed;
  /** Ends of sliding lifetimes that reads have moved since they were last written down, by stream. */
  private readonly extended = new Map<number, number>();
  private janitor: NodeJS.Timeout | undefined;

  constructor(private readonly store: StreamStore) {
    this.queue = new WriteQueue(store, (written) => this.publish(written));
    this.feed = this.createFeed(({ key }) => async (after, { maxBytes }) => {
      const head = this.following.get(key)?.head;
      if (!head) return null;
      const entries = await this.entriesAfter(head, after, maxBytes);
      const newest = entries.at(-1);
      return {
        events: entries,
        first: 1,
        head: newest && !newest.isNewest ? newest.seq + 1 : (newest?.seq ?? after),
      };
    });
  }

  /** Streams that are followed, as far as this node knows, by topic. */
  private readonly following = new Map<string, { head: StreamHead; readers: number }>();

  onModuleInit(): void {
    this.janitor = setInterval(() => {
      this.tidy().catch((error: unknown) => this.logger.warn({ event: 'stream_expiry_failed', error }));
    }, JANITOR_MS).unref();
  }

  /** Before the hooks in which the shared database is closed. */
  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.janitor);
    this.feed.close();
    await this.queue.close();
    await this.flushExtensions();
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

  /** @returns ends it */
  follow(head: StreamHead, request: FeedRequest): () => void {
    const key = streamKey(head.id);
    const followed = this.following.get(key) ?? { head, readers: 0 };
    this.following.set(key, followed);
    followed.readers += 1;
    const end = this.feed.follow(streamTopic(head.tenant, key), request);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      end();
      followed.readers -= 1;
      if (followed.readers === 0) this.following.delete(key);
    };
  }

  onceChanged({ id }: StreamHead, wake: () => void): () => void {
    return this.feed.onceChanged(streamKey(id), wake);
  }

  usage(): Promise<StreamUsage> {
    return this.store.usage();
  }

  /** Live readers, those of other feeds included. */
  get readers(): { readonly following: number; readonly waiting: number } {
    const readers = { following: 0, waiting: 0 };
    for (const { followerCount, waiterCount } of this.feeds) {
      readers.following += followerCount;
      readers.waiting += waiterCount;
    }
    return readers;
  }

  /** A feed of something that is no stream of its own, for the metrics. */
  createFeed(logOf: ConstructorParameters<typeof StreamFeed>[0]): StreamFeed {
    const feed = new StreamFeed(logOf, this.metrics);
    this.feeds.push(feed);
    return feed;
  }

  private publish(written: readonly Written[]): void {
    const due = new Map<string, DeliveredEntry[]>();
    for (const { head, entries, outcome } of written) {
      if (outcome === 'existed' || outcome === 'duplicate') continue;
      this.extended.delete(head.id);
      if (outcome === 'removed') {
        this.removed(head);
        continue;
      }
      this.count(outcome, entries);
      const key = streamKey(head.id);
      if (!this.feed.has(key)) continue;
      const followed = this.following.get(key);
      if (followed) followed.head = head;
      const added = due.get(key) ?? [];
      due.set(key, added);
      // Of the appends that share a transaction, only the last one leaves its readers up to date.
      if (added.length > 0) added.push({ ...added.pop()!, isNewest: false });
      for (const entry of entries) added.push(delivered(head, entry));
    }
    this.feed.deliver(due);
    for (const one of written) this.written$.next(one);
  }

  private count(outcome: Written['outcome'], entries: readonly StreamEntry[]): void {
    if (outcome === 'created') this.counts.created += 1;
    if (entries.length === 0) return;
    this.counts.appends += 1;
    for (const { data } of entries) this.counts.appendedBytes += data.length;
  }

  private removed(head: StreamHead): void {
    this.counts.removed += 1;
    this.feed.end(streamKey(head.id));
    this.removed$.next(head);
  }

  private async tidy(): Promise<void> {
    await this.flushExtensions();
    for (;;) {
      const removed = await this.store.expire(Date.now(), EXPIRE_LIMIT);
      for (const head of removed) this.removed(head);
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
  return { ...entry, nextOffset: offsetAt(head, endOf(entry)) };
}
