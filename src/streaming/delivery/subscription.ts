import type { RecordedEvent } from '../../operations/operation-event.js';
import { turnBudget } from '../../platform/lifecycle/turn-budget.js';
import type { Broadcaster, Subscriber } from './broadcaster.js';
import type { DeliveryMetrics } from './delivery-metrics.js';
import type { Sink } from './sink.js';
import type { Page, ReadLog } from './topic.js';

/** Batches read from the log grow from the first to the second size while the sink takes them without delay. */
const FIRST_BATCH_BYTES = 4 * 1024;
const MAX_BATCH_BYTES = 32 * 1024;
const MAX_BATCH_EVENTS = 256;

export interface SubscriptionOptions {
  /** While catching up, omit progress events that a later one in the same batch supersedes. */
  readonly coalesce?: boolean;
  /** Returns the id of the current log; called when it is not the one the subscriber has followed. */
  readonly nameLog?: () => Promise<string>;
  /** The operation's final event was written; nothing more will come. */
  readonly onEnd?: () => void;
  /**
   * The next entry is gone: trimmed, lost, or removed with its log. Called in place of the format's notice, for
   * protocols whose readers learn it on their next request.
   */
  readonly onGone?: () => void;
  /** The log could not be read; the subscription is stuck and should be closed. */
  readonly onError?: (error: unknown) => void;
}

/**
 * One subscriber's way through a log. `catching-up`: reads from the log as fast as its sink drains. `live`: its
 * broadcaster writes to its sink. When the sink stops draining, it returns to catching up, holding only a cursor.
 */
export class Subscription<Entry extends object = RecordedEvent> implements Subscriber {
  state: Subscriber['state'] = 'catching-up';
  /** Newest seq or position written; while live, the broadcaster's own cursor counts. */
  cursor = 0;
  private batchBytes = FIRST_BATCH_BYTES;
  private running = false;
  private lagged = false;
  /** The trimming mark last reported to the subscriber. */
  private toldFirst = 1;
  /** Which incarnation of the topic's log the cursor belongs to. */
  epoch: number;

  constructor(
    readonly broadcaster: Broadcaster<Entry>,
    readonly sink: Sink,
    private readonly read: ReadLog<Entry>,
    private readonly metrics: DeliveryMetrics,
    private readonly options: SubscriptionOptions,
  ) {
    this.epoch = broadcaster.epoch;
    broadcaster.enter();
  }

  /** Starts after a cursor: first the log, then live. */
  startAfter(cursor: number): void {
    this.cursor = cursor;
    void this.catchUp();
  }

  startNow(): void {
    this.broadcaster.joinNow(this);
  }

  /** Leaves live delivery, having received everything up to `cursor`. */
  fallBehind(cursor: number): void {
    if (this.state === 'closed') return;
    this.state = 'catching-up';
    this.cursor = cursor;
    this.batchBytes = FIRST_BATCH_BYTES;
    if (!this.lagged) {
      this.lagged = true;
      this.metrics.lagging += 1;
      this.metrics.lags += 1;
    }
    this.sink.onceDrained(() => void this.catchUp());
  }

  ended(): void {
    this.options.onEnd?.();
  }

  close(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.caughtUp();
    this.broadcaster.leave(this);
  }

  private async catchUp(): Promise<void> {
    if (this.running) return;
    this.running = true;
    try {
      while (this.state === 'catching-up' && this.sink.open) {
        if (await inTurn(this.sink, () => this.step())) break;
      }
    } catch (error) {
      this.options.onError?.(error);
    } finally {
      this.running = false;
    }
  }

  /** Sends one batch. @returns true when the subscription is live or closed */
  private async step(): Promise<boolean> {
    // One budget bounds all catch-up work per turn of the event loop. Without yielding, this loop would starve the
    // events it waits for, e.g. the operation being removed: an embedded engine answers within the turn.
    await turnBudget.turn();
    if (this.state !== 'catching-up' || !this.sink.open) return true;
    const page = await this.read(this.cursor, { limit: MAX_BATCH_EVENTS, maxBytes: this.batchBytes });
    if (this.state !== 'catching-up') return true;
    if (this.epoch !== this.broadcaster.epoch) {
      await this.beginAnew(page);
      return false;
    }
    if (!this.hasPlaceIn(page)) return false;
    const events = page?.events ?? [];
    if (events.length > 0) this.write(events);
    const complete = page === null || events.length === 0 || this.cursor >= page.head;
    if (page !== null && complete) this.cursor = Math.max(this.cursor, page.head);
    // Joins in the same turn in which it read the end: with a steady flow of events, the next read would find another
    // one.
    const taken = events.length === 0 || this.sink.bufferedBytes === 0;
    if (complete && taken && this.broadcaster.join(this)) {
      this.caughtUp();
      return true;
    }
    if (events.length > 0) await this.drained();
    return false;
  }

  /** The log that the subscriber has followed is gone, and a new one may have replaced it. */
  private async beginAnew(page: Page<Entry> | null): Promise<void> {
    const { epoch } = this.broadcaster;
    const log = page !== null && this.cursor > 0 ? await this.options.nameLog?.() : undefined;
    if (this.state !== 'catching-up') return;
    const { format, topic } = this.broadcaster;
    if (log !== undefined && this.options.onGone) this.options.onGone();
    else if (log !== undefined) this.sink.write(format.lost({ id: topic.id, keptThrough: 0, log }));
    else if (this.cursor > 0) this.tellTrimmed(null);
    this.epoch = epoch;
    this.cursor = 0;
    this.toldFirst = 1;
  }

  /**
   * Notifies the subscriber when its place in the log is gone, because events were trimmed, the operation was removed,
   * or the log was replaced, and moves it to the first available entry.
   * @returns false when the log has to be read again from the new place
   */
  private hasPlaceIn(page: Page<Entry> | null): boolean {
    const { contiguous } = this.broadcaster.topic;
    if (page === null) {
      if (this.cursor > 0) this.tellTrimmed(null);
      this.cursor = 0;
      return true;
    }
    if (this.cursor > page.head) {
      this.tellTrimmed(page.first);
      this.cursor = contiguous ? page.first - 1 : page.head;
      return false;
    }
    if (this.cursor + 1 < page.first && this.toldFirst < page.first) {
      this.toldFirst = page.first;
      this.tellTrimmed(page.first);
      // In a tenant's log, events of other operations may remain below the mark; within one operation none do.
      if (contiguous) this.cursor = page.first - 1;
    }
    return true;
  }

  private tellTrimmed(first: number | null): void {
    if (this.options.onGone) return this.options.onGone();
    const { format, topic } = this.broadcaster;
    this.sink.write(format.notice({ id: topic.id, after: this.cursor, first }));
  }

  private write(events: readonly Entry[]): void {
    const { broadcaster, sink } = this;
    const { topic } = broadcaster;
    const due = (this.options.coalesce === true ? topic.coalesce?.(events) : undefined) ?? events;
    const frames = due.map((event) => broadcaster.format.frame(event));
    const bytes = Buffer.concat(frames);
    sink.write(bytes);
    const last = events.at(-1)!;
    this.cursor = topic.cursorOf(last);
    this.metrics.delivered(broadcaster.format, due.length, bytes.length);
    if (topic.isFinal(last)) this.ended();
  }

  /** Waits until the sink is empty; the next batch is larger if it was empty at once. */
  private drained(): Promise<void> | undefined {
    const atOnce = this.sink.bufferedBytes === 0;
    this.batchBytes = atOnce ? Math.min(this.batchBytes * 2, MAX_BATCH_BYTES) : FIRST_BATCH_BYTES;
    return atOnce ? undefined : new Promise((resolve) => this.sink.onceDrained(resolve));
  }

  private caughtUp(): void {
    if (!this.lagged) return;
    this.lagged = false;
    this.metrics.lagging -= 1;
  }
}

const lastTurns = new WeakMap<Sink, Promise<unknown>>();

/**
 * One subscription of a sink catches up at a time: only one batch is pending in the sink, however many have fallen
 * behind.
 */
function inTurn<T>(sink: Sink, work: () => Promise<T>): Promise<T> {
  const turn = (lastTurns.get(sink) ?? Promise.resolve()).then(work);
  lastTurns.set(
    sink,
    turn.catch(() => {}),
  );
  return turn;
}
