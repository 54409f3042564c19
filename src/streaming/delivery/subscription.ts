import type { RecordedEvent } from '../../operations/operation-event.js';
import { turnBudget } from '../../platform/lifecycle/turn-budget.js';
import type { Broadcaster, Subscriber } from './broadcaster.js';
import type { DeliveryMetrics } from './delivery-metrics.js';
import type { Sink } from './sink.js';
import type { Page, ReadLog } from './topic.js';

/** Batches read from the log grow from the first to the second size while the sink takes them at once. */
const FIRST_BATCH_BYTES = 4 * 1024;
const MAX_BATCH_BYTES = 32 * 1024;
const MAX_BATCH_EVENTS = 256;

export interface SubscriptionOptions {
  /** Leave out progress events that a later one of the same batch supersedes, when catching up. */
  readonly coalesce?: boolean;
  /** Names the log as it is now; asked when it turns out to be another one than the subscriber has followed. */
  readonly nameLog?: () => Promise<string>;
  /** The operation's final event was written, and nothing more will come. */
  readonly onEnd?: () => void;
  /**
   * What the subscriber wants next is gone: trimmed, lost, or removed with its log. Called in place of the format's
   * notice, by protocols whose readers are told when they ask again.
   */
  readonly onGone?: () => void;
  /** The log could not be read; the subscription makes no progress any more and wants closing. */
  readonly onError?: (error: unknown) => void;
}

/**
 * One subscriber's way through a log. `catching-up`: reads from the log, as fast as its sink drains. `live`: its
 * broadcaster writes to its sink. A sink that stops draining goes back to catching up, holding nothing but a cursor.
 */
export class Subscription<Entry extends object = RecordedEvent> implements Subscriber {
  state: Subscriber['state'] = 'catching-up';
  /** Newest seq or position written; while live the audience's own cursor counts. */
  cursor = 0;
  private batchBytes = FIRST_BATCH_BYTES;
  private running = false;
  private lagged = false;
  /** The trimming mark the subscriber was last told of. */
  private toldFirst = 1;
  /** Which of the logs that the topic has had the cursor belongs to. */
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

  /** Follows from after a cursor: first the log, then live. */
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

  /** Sends one batch. @returns true when the subscription is live, or closed */
  private async step(): Promise<boolean> {
    // However many catch up, one budget bounds what they do in a turn of the event loop. It also lets the events in that
    // this loop waits for, such as the operation being removed: an embedded engine answers within the turn.
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
    // Joins in the turn it read the end: where events keep coming, the next look would find another one.
    const taken = events.length === 0 || this.sink.bufferedBytes === 0;
    if (complete && taken && this.broadcaster.join(this)) {
      this.caughtUp();
      return true;
    }
    if (events.length > 0) await this.drained();
    return false;
  }

  /** The log that the subscriber has followed is gone, and another one may be in its place. */
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
   * Tells the subscriber when its place in the log is gone, because events were trimmed, the operation was removed,
   * or the log it remembers was another one, and moves it to what there is.
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
      // In a tenant's log events of other operations may be left below the mark; within one operation none are.
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

  /** Waits until the sink is empty; the next batch is larger when that was so at once. */
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

/** One subscription of a sink catches up at a time: however many fall behind, one batch waits in the sink. */
function inTurn<T>(sink: Sink, work: () => Promise<T>): Promise<T> {
  const turn = (lastTurns.get(sink) ?? Promise.resolve()).then(work);
  lastTurns.set(
    sink,
    turn.catch(() => {}),
  );
  return turn;
}
