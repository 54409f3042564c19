import { batch, signal } from '@preact/signals';
import { OpstreamClientError } from '../../../client/errors.js';
import type { HubClient } from '../../../client/hub/hub-client.js';
import {
  isFinalEvent,
  type OperationEvent,
  type OperationSnapshot,
} from '../../../client/protocol/operation-events.js';
import { EventPages, PAGE_SIZE } from '../log/event-pages.js';
import { levelOf } from '../log/level.js';
import { isEvent, textOf } from '../log/event-text.js';
import { addSample, type ProgressSample } from '../log/rate.js';
import { reportReadOn } from '../connection/connection.js';

export type LogState =
  | { readonly kind: 'loading' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'missing' }
  | { readonly kind: 'failed'; readonly message: string };

/** What a listener is told of new events. */
export interface Appended {
  readonly lines: number;
  readonly errors: number;
}

/**
 * One operation as its page sees it: the snapshot, kept current by the events that arrive, and the parts of the log
 * that are in memory. Anything else is read when it is looked at.
 */
export class OperationLog {
  readonly state = signal<LogState>({ kind: 'loading' });
  readonly snapshot = signal<OperationSnapshot | undefined>(undefined);
  /** The last event there is, and the first that is still stored. */
  readonly head = signal(0);
  readonly first = signal(1);
  /** Changes whenever events in memory have changed, at most once per frame. */
  readonly version = signal(0);
  readonly samples = signal<readonly ProgressSample[]>([]);
  readonly pages = new EventPages();
  onAppended: ((appended: Appended) => void) | undefined;

  readonly #stop = new AbortController();
  readonly #loading = new Map<number, Promise<void>>();
  #pending: OperationEvent[] = [];
  #flushing = false;
  /** Up to where a reconnect has to read until nothing is missing. */
  #readOn: { readonly from: number; readonly to: number } | undefined;
  #lostAt: number | undefined;

  constructor(
    readonly hub: HubClient,
    readonly operationId: string,
  ) {
    hub.on('disconnected', this.#disconnected).on('connected', this.#connected);
    void this.#open();
  }

  close(): void {
    this.#stop.abort();
    this.hub.off('disconnected', this.#disconnected).off('connected', this.#connected);
  }

  /** Reads what is missing of a range, page by page, in the order a reader looks at it. */
  async load(from: number, to: number): Promise<void> {
    const start = Math.max(from, this.first.value);
    const end = Math.min(to, this.head.value);
    for (;;) {
      const missing = this.pages.firstMissing(start, end);
      if (missing === undefined || this.#stop.signal.aborted) return;
      await this.#loadPage(missing);
      // Events that are not there any more, or a failure: the next look tries again.
      if (this.pages.get(missing) === undefined) return;
    }
  }

  /** Begins again, after a failure or when the service turned out to have another log. */
  async reload(): Promise<void> {
    this.pages.clear();
    await this.#look();
  }

  async #open(): Promise<void> {
    if (!(await this.#look())) return;
    if (this.snapshot.value?.ended_at === null) await this.#follow();
  }

  /** Reads the snapshot. @returns whether there is one */
  async #look(): Promise<boolean> {
    try {
      const snapshot = await this.hub.getOperation(this.operationId);
      if (this.#stop.signal.aborted) return false;
      if (!snapshot) {
        this.state.value = { kind: 'missing' };
        return false;
      }
      batch(() => {
        this.snapshot.value = snapshot;
        this.head.value = Math.max(this.head.value, snapshot.event_count);
        this.first.value = snapshot.first_seq;
        this.state.value = { kind: 'ready' };
        this.#sample(snapshot.updated_at, snapshot.progress);
      });
      return true;
    } catch (thrown) {
      if (!this.#stop.signal.aborted) this.#fail(thrown);
      return false;
    }
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    try {
      for await (const event of this.hub.follow(this.operationId, { afterSeq: this.head.value, signal })) {
        if (isEvent(event)) this.#take(event);
        else if (event.event_type === 'history_trimmed') this.first.value = event.data.first_seq ?? 1;
        else {
          this.head.value = Number(event.data.kept_through);
          await this.reload();
        }
      }
      // A reader that was away when the operation ended learns the rest from the snapshot.
      if (!signal.aborted && this.snapshot.value?.ended_at === null) await this.#look();
    } catch (thrown) {
      if (!signal.aborted) this.#fail(thrown);
    }
  }

  #take(event: OperationEvent): void {
    this.#pending.push(event);
    if (this.#flushing) return;
    this.#flushing = true;
    // Hidden pages get no frames; their events must not pile up.
    if (document.visibilityState === 'visible') requestAnimationFrame(() => this.#flush());
    else setTimeout(() => this.#flush(), 250);
  }

  #flush(): void {
    this.#flushing = false;
    const events = this.#pending;
    this.#pending = [];
    const last = events.at(-1);
    if (!last || this.#stop.signal.aborted) return;
    this.pages.add(events);
    let errors = 0;
    let snapshot = this.snapshot.value!;
    for (const event of events) {
      snapshot = fold(snapshot, event);
      if (event.event_type === 'progress') this.#sample(event.timestamp, event.data.progress);
      if ((event.event_type === 'log' || event.event_type === 'error') && textOf(event).level === 'error')
        errors += 1;
    }
    batch(() => {
      this.snapshot.value = snapshot;
      this.head.value = Math.max(this.head.value, last.seq);
      this.version.value += 1;
    });
    this.onAppended?.({ lines: events.length, errors });
    if (this.#readOn && last.seq >= this.#readOn.to) {
      reportReadOn(this.#readOn.to - this.#readOn.from);
      this.#readOn = undefined;
    }
    // The snapshot alone has counts and the result.
    if (isFinalEvent(last)) void this.#look();
  }

  #sample(at: number, progress: number): void {
    this.samples.value = addSample(this.samples.value, { at, progress });
  }

  #loadPage(missing: number): Promise<void> {
    const start = Math.floor((missing - 1) / PAGE_SIZE) * PAGE_SIZE;
    const after = Math.max(start, missing - 1);
    const known = this.#loading.get(after);
    if (known) return known;
    const loading = this.#read(after, start + PAGE_SIZE - after).finally(() => this.#loading.delete(after));
    this.#loading.set(after, loading);
    return loading;
  }

  async #read(after: number, limit: number): Promise<void> {
    try {
      const page = await this.hub.getHistory(this.operationId, after, limit);
      if (this.#stop.signal.aborted) return;
      this.pages.add(page.events);
      batch(() => {
        this.first.value = Math.max(this.first.value, page.first_seq);
        this.version.value += 1;
      });
    } catch (thrown) {
      if (!this.#stop.signal.aborted) this.#fail(thrown);
    }
  }

  #fail(thrown: unknown): void {
    const error = thrown as Error;
    // A lost connection is shown by the page as a whole, and mends itself.
    if (error instanceof OpstreamClientError && error.code === 'connection_lost') return;
    if (error instanceof OpstreamClientError && error.code === 'operation_not_found')
      this.state.value = { kind: 'missing' };
    else this.state.value = { kind: 'failed', message: error.message };
  }

  readonly #disconnected = (): void => {
    this.#lostAt ??= this.head.value;
  };

  /** The connection is back: finds out how much there is to read until nothing is missing. */
  readonly #connected = (): void => {
    const from = this.#lostAt;
    if (from === undefined || this.state.value.kind !== 'ready') return;
    this.#lostAt = undefined;
    void this.hub
      .getOperation(this.operationId)
      .then((snapshot) => {
        const to = snapshot?.event_count ?? from;
        if (this.head.value >= to) reportReadOn(to - from);
        else this.#readOn = { from, to };
      })
      .catch(() => {});
  };
}

/** The snapshot after an event, as the service folds it. */
function fold(snapshot: OperationSnapshot, event: OperationEvent): OperationSnapshot {
  const next = { ...snapshot, event_count: event.seq, updated_at: event.timestamp };
  switch (event.event_type) {
    case 'progress':
      return { ...next, progress: event.data.progress, message: event.data.message };
    case 'status':
      return ['completed', 'error', 'cancelled'].includes(event.data.status)
        ? { ...next, message: event.data.message ?? '' }
        : { ...next, status: event.data.status, message: event.data.message ?? '' };
    case 'result':
      return { ...next, progress: 1 };
    case 'completed':
    case 'error':
    case 'cancelled':
      return {
        ...next,
        status: event.event_type,
        ended_at: event.timestamp,
        duration: event.timestamp - snapshot.started_at,
      };
    case 'log': {
      const level = levelOf(event.data.level);
      return { ...next, log_counts: { ...next.log_counts, [level]: next.log_counts[level] + 1 } };
    }
    default:
      return event satisfies never;
  }
}
