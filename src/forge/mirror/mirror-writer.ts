import type { EventDraft } from '../../operations/operation-draft.js';
import type { MirrorEvent } from './mirror-events.js';

/** Events per append: a burst of lines must not delay other appends. */
const MAX_APPEND = 500;

/** Records a mirror's events in order and in batches: what arrives during one append goes with the next. */
export class MirrorWriter {
  private waiting: MirrorEvent[] = [];
  private flushing: Promise<void> | undefined;
  private closed = false;

  /**
   * @param append stores drafts, all or none
   * @param onRecorded called with what was stored
   * @param onFailed the append failed; nothing more is written
   */
  constructor(
    private readonly append: (drafts: readonly EventDraft[]) => Promise<unknown>,
    private readonly onRecorded: (events: readonly MirrorEvent[]) => void,
    private readonly onFailed: (error: unknown) => void,
  ) {}

  /** Resolves when these and all pending events are stored; sources that await it are slowed down. */
  write(events: readonly MirrorEvent[]): Promise<void> {
    if (this.closed || (events.length === 0 && !this.flushing)) return Promise.resolve();
    for (const event of events) this.waiting.push(event);
    this.flushing ??= this.flush();
    return this.flushing;
  }

  /** Discards pending events. */
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
