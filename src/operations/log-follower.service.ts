import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { Subscription } from 'rxjs';
import { turnBudget } from '../platform/lifecycle/turn-budget.js';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { EventBus } from './event-bus.js';
import { isFinal, type RecordedEvent } from './operation-event.js';
import { operationKeyText, type OperationKey } from './operation-key.js';
import { OperationsService } from './operations.service.js';

export interface FollowOptions {
  /** Starts after this seq; 0, the default, is the beginning of the log. */
  readonly afterSeq?: number;
  /** Stops following, without an error. */
  readonly signal?: AbortSignal;
}

/** One reader's place in a log, with a bounded number of unread live events. */
interface Reader {
  cursor: number;
  live: RecordedEvent[];
  /** Characters of the live events' data. */
  size: number;
  /** Everything before the live events was read; until then the log is read. */
  caughtUp: boolean;
  /** How often live events were dropped, or the operation removed: what was read before is incomplete. */
  losses: number;
  /** The operation was removed: a later one with its id has a different log. */
  gone: boolean;
  wake: () => void;
}

const PAGE = { limit: 256, maxBytes: 256 * 1024 };
/** Live events kept for a slow reader, and their characters; beyond either they are read from the log again. */
const MAX_LIVE = 256;
const MAX_LIVE_CHARACTERS = 1024 * 1024;

/**
 * Follows an operation's log inside the process, for code that works with events rather than bytes: first stored
 * events, then live, without gaps or repeats, at the reader's pace.
 */
@Injectable()
export class LogFollower implements OnModuleDestroy {
  private readonly readers = new Map<string, Set<Reader>>();
  private readonly bus: Subscription[];

  constructor(
    private readonly operations: OperationsService,
    bus: EventBus,
  ) {
    this.bus = [
      bus.events$.subscribe((events) => this.deliver(events)),
      bus.removed$.subscribe((removed) => this.forget(removed)),
    ];
  }

  onModuleDestroy(): void {
    for (const subscription of this.bus) subscription.unsubscribe();
  }

  /**
   * Yields an operation's events until the final one, or until the signal fires. Trimmed events are skipped.
   * @throws OpstreamError `operation_not_found`, also when the operation is removed while it is followed
   */
  async *follow(
    key: OperationKey,
    { afterSeq = 0, signal }: FollowOptions = {},
  ): AsyncGenerator<RecordedEvent, void> {
    const reader: Reader = {
      cursor: afterSeq,
      live: [],
      size: 0,
      caughtUp: false,
      losses: 0,
      gone: false,
      wake: () => {},
    };
    const leave = this.enter(operationKeyText(key), reader);
    const stop = () => reader.wake();
    signal?.addEventListener('abort', stop);
    try {
      while (!isAborted(signal)) {
        const events = reader.caughtUp ? takeLive(reader) : await this.readLog(key, reader);
        if (events === null) return;
        for (const event of events) {
          if (isAborted(signal)) return;
          reader.cursor = event.seq;
          yield event;
          if (isFinal(event.type)) return;
        }
        if (reader.caughtUp) await awake(reader, signal);
      }
    } finally {
      signal?.removeEventListener('abort', stop);
      leave();
    }
  }

  /** The next page of the log; null when the operation ended before the cursor. */
  private async readLog(
    { tenant, operationId }: OperationKey,
    reader: Reader,
  ): Promise<readonly RecordedEvent[] | null> {
    // A fast reader must not read a long log in one turn of the event loop.
    await turnBudget.turn();
    if (reader.gone) throw new OpstreamError('operation_not_found', `Operation ${operationId} was deleted`);
    const { losses } = reader;
    const { events, head } = await this.operations.history({ tenant, operationId }, reader.cursor, PAGE);
    if (events.length > 0) return events;
    const { endedAt } = await this.operations.get({ tenant, operationId });
    if (endedAt !== null && reader.cursor >= head) return null;
    // Events recorded since the page was read are among the live events.
    reader.caughtUp = reader.losses === losses;
    return [];
  }

  private enter(key: string, reader: Reader): () => void {
    const readers = this.readers.get(key) ?? new Set<Reader>();
    this.readers.set(key, readers.add(reader));
    return () => {
      readers.delete(reader);
      if (readers.size === 0) this.readers.delete(key);
    };
  }

  private deliver(events: readonly RecordedEvent[]): void {
    if (this.readers.size === 0) return;
    for (const event of events) {
      for (const reader of this.readers.get(operationKeyText(event)) ?? []) {
        if (reader.live.length >= MAX_LIVE || reader.size > MAX_LIVE_CHARACTERS) {
          reader.live = [];
          reader.size = 0;
          lose(reader);
        }
        reader.live.push(event);
        reader.size += event.data.length;
        reader.wake();
      }
    }
  }

  /** Reading the log again reveals to readers that it is gone. */
  private forget(removed: readonly OperationKey[]): void {
    for (const key of removed) {
      for (const reader of this.readers.get(operationKeyText(key)) ?? []) {
        lose(reader);
        reader.gone = true;
        reader.wake();
      }
    }
  }
}

function lose(reader: Reader): void {
  reader.losses++;
  reader.caughtUp = false;
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function takeLive(reader: Reader): readonly RecordedEvent[] {
  const live = reader.live.filter(({ seq }) => seq > reader.cursor);
  reader.live = [];
  reader.size = 0;
  return live;
}

/** Waits until something arrived, the log must be read again, or the signal fired. */
async function awake(reader: Reader, signal: AbortSignal | undefined): Promise<void> {
  if (reader.live.length > 0 || isAborted(signal)) return;
  await new Promise<void>((resolve) => {
    reader.wake = resolve;
  });
}
