import { batch, signal } from '@preact/signals';
import type { HubClient } from '../../../client/hub/hub-client.js';
import type { OperationEvent } from '../../../client/protocol/operation-events.js';
import type { Level } from '../log/level.js';

const PAGE = 200;
/** Matches in memory; further up, a search or a line number leads on. */
const MAX_MATCHES = 20_000;
/** How often new events are looked through while the log grows, in milliseconds. */
const EVERY_MS = 500;

/** The events of one log that pass a filter: the last ones at first, earlier ones on demand, new ones as they come. */
export class FilteredLog {
  readonly matches = signal<readonly OperationEvent[]>([]);
  /** Matches before the first of these that have not been read. */
  readonly hasEarlier = signal(false);
  /** Matches in the whole log; undefined while it is not known, null when they were not all counted. */
  readonly total = signal<number | null | undefined>(undefined);
  readonly problem = signal<string | undefined>(undefined);
  #from = Number.MAX_SAFE_INTEGER;
  #through = 0;
  #closed = false;
  #busy = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly hub: HubClient,
    private readonly operationId: string,
    private readonly filter: { readonly level: Level; readonly q: string },
  ) {
    void this.earlier();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** The log has grown: looks through what is new, soon. */
  grown(): void {
    if (this.#timer !== undefined || this.#closed || this.#through === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#later();
    }, EVERY_MS);
  }

  async earlier(): Promise<void> {
    await this.#exclusively(async () => {
      const wanted = Math.min(PAGE, MAX_MATCHES - this.matches.value.length);
      let found: OperationEvent[] = [];
      let hasMore = true;
      while (hasMore && found.length < wanted && !this.#closed) {
        const page = await this.#search({
          before_seq: this.#from,
          limit: wanted - found.length,
          count: true,
        });
        found = [...page.events, ...found];
        hasMore = page.has_more;
        this.#from = page.searched_from;
        if (this.#through === 0) this.#through = page.searched_through;
        this.total.value = page.total;
      }
      if (this.#closed) return;
      batch(() => {
        this.matches.value = [...found, ...this.matches.value];
        this.hasEarlier.value = hasMore && this.matches.value.length < MAX_MATCHES;
      });
    });
  }

  async #later(): Promise<void> {
    await this.#exclusively(async () => {
      let hasMore = true;
      while (hasMore && !this.#closed) {
        const page = await this.#search({ after_seq: this.#through, limit: 1000, count: true });
        hasMore = page.has_more;
        this.#through = Math.max(this.#through, page.searched_through);
        batch(() => {
          this.total.value = page.total;
          if (page.events.length > 0)
            this.matches.value = [...this.matches.value, ...page.events].slice(-MAX_MATCHES);
        });
      }
    });
  }

  async #exclusively(work: () => Promise<void>): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      await work();
      this.problem.value = undefined;
    } catch (thrown) {
      if (!this.#closed) this.problem.value = (thrown as Error).message;
    } finally {
      this.#busy = false;
    }
  }

  #search(
    place:
      | { before_seq: number; limit: number; count: boolean }
      | { after_seq: number; limit: number; count: boolean },
  ) {
    const { level, q } = this.filter;
    return this.hub.searchLog(this.operationId, {
      event_type: ['log', 'error'],
      level,
      ...(q !== '' && { q }),
      ...place,
    });
  }
}
