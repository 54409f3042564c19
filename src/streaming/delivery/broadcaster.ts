import type { DeliveryMetrics } from './delivery-metrics.js';
import type { Sink } from './sink.js';
import type { Topic } from './topic.js';
import type { WireFormat } from './wire-format.js';
import { writeToAll } from './write-to-all.js';

/** Sockets written per turn of the event loop; one slice takes about two milliseconds. */
const SLICE = 256;
/** Maximum shared buffer; together with the high-water mark it bounds what a stalled socket can hold. */
const MAX_FLUSH_BYTES = 16 * 1024;
/**
 * Events waiting for a broadcast pass, and the bytes of their frames. Beyond either limit, all live subscribers switch
 * to reading from the log.
 */
const MAX_PENDING = 20_000;
const MAX_PENDING_BYTES = 16 * 1024 * 1024;

/** A subscriber as its broadcaster sees it. */
export interface Subscriber {
  state: 'catching-up' | 'live' | 'closed';
  /** Newest seq or position received, while it is not live. */
  cursor: number;
  /** The broadcaster epoch that the cursor belongs to. */
  readonly epoch: number;
  readonly sink: Sink;
  /** Leaves live delivery, having received everything up to `cursor`. */
  fallBehind(cursor: number): void;
  /** The operation's final event was written. */
  ended(): void;
}

/** One shared buffer being written to the subscribers that were live when the pass began. */
interface BroadcastPass<Entry> {
  readonly batch: readonly Entry[];
  readonly bytes: Buffer;
  /** Where a subscriber that skips this buffer resumes reading. */
  readonly before: number;
  /** How many of the live subscribers it is for. */
  readonly end: number;
  readonly epoch: number;
}

/**
 * All subscribers of one topic in one wire format. Everything due since the last flush leaves as one shared buffer and
 * one write per socket. Under load flushes grow by themselves, because events accumulate while a pass runs.
 */
export class Broadcaster<Entry extends object> {
  /**
   * Subscribers that have everything up to `deliveredUpTo`. Those that left or fell behind remain as holes for a
   * while.
   */
  private live: Subscriber[] = [];
  /** Upper bound of the number of holes. */
  private holes = 0;
  /** Subscribers that have read the log further than the bus has reported, waiting for `deliveredUpTo` to catch up. */
  private readonly joining = new Set<Subscriber>();
  private pending: Entry[] = [];
  private pendingBytes = 0;
  private broadcasting = false;
  /** Too many events were pending; the rest is left to the log. */
  private overflowed = false;
  /** Counts how often the log was replaced: a cursor of an earlier log does not apply to this one. */
  private begun = 0;
  /** What the live subscribers had of a removed log; undefined unless they still have to be notified. */
  private abandonedAt: number | undefined;
  /** Newest event reported by the bus. */
  private tail = 0;
  /** Newest event written to the live subscribers. */
  private deliveredUpTo = 0;
  private subscribers = 0;

  constructor(
    readonly topic: Topic<Entry>,
    readonly format: WireFormat<Entry>,
    private readonly metrics: DeliveryMetrics,
  ) {}

  get size(): number {
    return this.subscribers;
  }

  /** Changes when the log is replaced, so that a pass in progress does not move the new log's marks. */
  get epoch(): number {
    return this.begun;
  }

  enter(): void {
    this.subscribers += 1;
  }

  leave(subscriber: Subscriber): void {
    this.subscribers -= 1;
    this.joining.delete(subscriber);
    this.holes += 1;
    // Thousands may leave at once. Compacting looks at every subscriber, so wait until half of them are holes.
    if (this.holes * 2 >= this.live.length) this.compact();
  }

  /** Takes an event from the bus; `flush` sends it. Events that everyone already has from the log are dropped. */
  offer(event: Entry): void {
    const cursor = this.topic.cursorOf(event);
    if (cursor <= this.tail) return;
    this.tail = cursor;
    // There are no events between the last delivered one and the first pending one.
    if (this.pending.length === 0 && !this.broadcasting)
      this.deliveredUpTo = Math.max(this.deliveredUpTo, cursor - 1);
    if (this.live.length === 0 && this.joining.size === 0) this.deliveredUpTo = cursor;
    else this.wait(event);
  }

  private wait(event: Entry): void {
    if (this.pending.length >= MAX_PENDING || this.pendingBytes > MAX_PENDING_BYTES) {
      this.overflowed = true;
      return;
    }
    this.pending.push(event);
    this.pendingBytes += this.format.frame(event).length;
  }

  private forgetPending(): void {
    this.pending = [];
    this.pendingBytes = 0;
  }

  /** Makes a subscriber live from now on, without history. */
  joinNow(subscriber: Subscriber): void {
    subscriber.cursor = this.tail;
    if (this.broadcasting || this.pending.length > 0) this.joining.add(subscriber);
    else this.admit(subscriber);
  }

  /**
   * Makes a subscriber live that has read the log up to its cursor.
   * @returns false when the bus is already further: it must read on first
   */
  join(subscriber: Subscriber): boolean {
    if (this.idle && subscriber.cursor >= this.tail) this.tail = this.deliveredUpTo = subscriber.cursor;
    if (subscriber.cursor < this.deliveredUpTo) return false;
    if (!this.broadcasting && subscriber.cursor === this.deliveredUpTo) this.admit(subscriber);
    else this.joining.add(subscriber);
    return true;
  }

  /** No subscribers, and nothing pending. */
  private get idle(): boolean {
    return (
      this.live.length === 0 && this.joining.size === 0 && this.pending.length === 0 && !this.broadcasting
    );
  }

  flush(): void {
    if (this.broadcasting || this.pending.length === 0) return;
    if (this.overflowed || this.abandonedAt !== undefined) this.leaveToLog();
    else this.sweepNext();
  }

  /** The operation was removed: if its id is reused, the new log begins at 1. */
  reset(): void {
    this.forgetPending();
    this.overflowed = false;
    this.begun += 1;
    if (this.live.length > 0) this.abandonedAt = Math.max(this.abandonedAt ?? 0, this.deliveredUpTo);
    this.tail = this.deliveredUpTo = 0;
    const waiting = [...this.joining];
    this.joining.clear();
    for (const subscriber of waiting) subscriber.fallBehind(subscriber.cursor);
  }

  private sweepNext(): void {
    const batch = this.takeBatch();
    const first = batch[0];
    if (first === undefined) return;
    this.broadcasting = true;
    const frames = batch.map((event) => this.format.frame(event));
    const bytes = frames.length === 1 ? frames[0]! : Buffer.concat(frames);
    const before = this.topic.cursorOf(first) - 1;
    this.runPass({ batch, bytes, before, end: this.live.length, epoch: this.epoch }, 0);
  }

  /** Writes to the live subscribers from `from` on, one slice per turn of the event loop. */
  private runPass(pass: BroadcastPass<Entry>, from: number): void {
    const stop = Math.min(from + SLICE, pass.end);
    const due = this.live.slice(from, stop).filter(({ state }) => state === 'live');
    const behind = writeToAll(due, pass.bytes);
    for (const subscriber of behind) this.leaveBehind(subscriber, pass.before);
    const written = due.length - behind.length;
    this.metrics.delivered(this.format, written * pass.batch.length, written * pass.bytes.length);
    if (stop < pass.end) setImmediate(() => this.runPass(pass, stop));
    else this.finish(pass);
  }

  private finish({ batch, epoch }: BroadcastPass<Entry>): void {
    this.broadcasting = false;
    this.compact();
    const last = batch.at(-1)!;
    if (epoch === this.epoch) this.deliveredUpTo = Math.max(this.deliveredUpTo, this.topic.cursorOf(last));
    if (this.topic.isFinal(last)) {
      for (const subscriber of this.live) subscriber.ended();
    }
    this.admitJoining();
    if (this.overflowed || (this.abandonedAt !== undefined && this.pending.length > 0)) this.leaveToLog();
    else if (this.pending.length > 0) setImmediate(() => this.flush());
  }

  /** Events up to one buffer's size, ending where a joining subscriber can be added. */
  private takeBatch(): Entry[] {
    const first = this.pending[0];
    if (first === undefined) return [];
    const start = this.topic.cursorOf(first);
    // There are no events between the last delivered one and the first pending one, so a subscriber between them is up
    // to date.
    this.deliveredUpTo = Math.max(this.deliveredUpTo, start - 1);
    this.admitJoining();
    let stop = Infinity;
    for (const { cursor } of this.joining) stop = Math.min(stop, cursor);
    let count = 0;
    let bytes = 0;
    for (const event of this.pending) {
      if (count > 0 && (bytes >= MAX_FLUSH_BYTES || this.topic.cursorOf(event) > stop)) break;
      bytes += this.format.frame(event).length;
      count += 1;
    }
    this.pendingBytes -= bytes;
    return this.pending.splice(0, count);
  }

  private admitJoining(): void {
    for (const subscriber of this.joining) {
      if (subscriber.cursor > this.deliveredUpTo) continue;
      this.joining.delete(subscriber);
      if (subscriber.cursor === this.deliveredUpTo) this.admit(subscriber);
      else subscriber.fallBehind(subscriber.cursor);
    }
  }

  private admit(subscriber: Subscriber): void {
    subscriber.state = 'live';
    this.live.push(subscriber);
  }

  /** Switches all live subscribers to reading undelivered events from the log. */
  private leaveToLog(): void {
    this.overflowed = false;
    this.forgetPending();
    const abandonedAt = this.abandonedAt ?? 0;
    this.abandonedAt = undefined;
    for (const subscriber of this.live) {
      if (subscriber.state !== 'live') continue;
      this.leaveBehind(subscriber, subscriber.epoch === this.begun ? this.deliveredUpTo : abandonedAt);
    }
    this.compact();
  }

  private leaveBehind(subscriber: Subscriber, cursor: number): void {
    this.holes += 1;
    subscriber.fallBehind(cursor);
  }

  /** Removes holes, except while a pass depends on the indexes. */
  private compact(): void {
    if (this.broadcasting || this.holes === 0) return;
    this.holes = 0;
    this.live = this.live.filter(({ state }) => state === 'live');
  }
}
