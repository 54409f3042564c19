import type { RecordedEvent } from '../../operations/operation-event.js';

/** Sent to a subscriber whose place in the log is gone: what it missed is no longer available. */
export interface HistoryTrimmed {
  /** What the log belongs to; null when the whole log of a tenant is followed. */
  readonly id: string | null;
  /** The seq or position the subscriber had reached. */
  readonly after: number;
  /** The first seq or position that can still be read; null when the log is gone. */
  readonly first: number | null;
}

/** Sent to a subscriber that has events which are not in this log: it is a different log, or it lost its end. */
export interface HistoryLost {
  /** What the log belongs to; null when the whole log of a tenant is followed. */
  readonly id: string | null;
  /** The seq or position up to which the subscriber's events are still valid. */
  readonly keptThrough: number;
  /** Id of the current log. */
  readonly log: string;
}

/** One encoding of events. Frames are built once per event and shared by all subscribers of the format. */
export abstract class WireFormat<Entry extends object = RecordedEvent> {
  private readonly frames = new WeakMap<Entry, Buffer>();

  /** @param name identifies broadcasters in keys and metrics */
  constructor(
    readonly name: string,
    readonly transport: 'websocket' | 'sse' = 'websocket',
  ) {}

  frame(event: Entry): Buffer {
    let frame = this.frames.get(event);
    if (frame === undefined) this.frames.set(event, (frame = this.encode(event)));
    return frame;
  }

  abstract notice(notice: HistoryTrimmed): Buffer;

  /** Tells followers of a whole log that what the id names is gone; undefined in formats that do not tell. */
  removed(_id: string): Buffer | undefined {
    return undefined;
  }

  /** Formats of logs that cannot be lost need no notice for it. */
  lost({ id, keptThrough }: HistoryLost): Buffer {
    return this.notice({ id, after: keptThrough, first: keptThrough + 1 });
  }

  protected abstract encode(event: Entry): Buffer;
}
