import type { EventDraft } from '../../operations/operation-draft.js';
import type { MirrorEvent } from './mirror-events.js';

/** Events of one append: a burst of lines must not hold up everyone else's. */
const MAX_APPEND = 500;

/** Records a mirror's events in order, many at a time: what arrives while one append is under way goes with the next. */
export class MirrorWriter {
  private waiting: MirrorEvent[] = [];
  private flushing: Promise<void> | undefined;
  private closed = false;

  /**
   * @param append stores drafts, all or none
   * @param onRecorded called with what was stored
   * @param onFailed the append failed; nothing is written any more
   */
  constructor(
    private readonly append: (drafts: readonly EventDraft[]) => Promise<unknown>,
    private readonly onRecorded: (events: readonly MirrorEvent[]) => void,
    private readonly onFailed: (error: unknown) => void,
  ) {}

  /** Resolves when these events, and what else waits, are stored; sources that wait for it are slowed down. */
  write(events: readonly MirrorEvent[]): Promise<void> {
    if (this.closed || (events.length === 0 && !this.flushing)) return Promise.resolve();
    for (const event of events) this.waiting.push(event);
    this.flushing ??= this.flush();
    return this.flushing;
  }

  /** Forgets what waits. */
  close(): void {
    this.closed = true;
    this.waiting = [];
  }

  private async flush(): Promise<void> {
    try {
      while (this.waiting.length > 0) {
        const batch = this.waiting.splice(0, MAX_APPEND);
        await this.append(batch.map(({ draft }) => draft));
        this.onRecorded(batch);
      }
    } catch (error) {
      const wasClosed = this.closed;
      this.close();
      if (!wasClosed) this.onFailed(error);
    } finally {
      this.flushing = undefined;
    }
  }
}
