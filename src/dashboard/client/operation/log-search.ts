import { batch, signal } from '@preact/signals';
import type { HubClient } from '../../../client/hub/hub-client.js';

/** How long typing must pause before the service is asked, in milliseconds. */
const PAUSE_MS = 250;
/** Parts of a very long log that one step may ask for before it gives up. */
const MAX_PARTS = 200;

/** Where a search is. */
export interface Match {
  readonly seq: number;
  /** 1 for the first match of the log; undefined when the service did not count them all. */
  readonly index: number | undefined;
}

/** A search of a whole log, on the service: how many events match, and the next and the previous one. */
export class LogSearch {
  readonly query = signal('');
  /** Undefined while it is not known; null when there are too many to count. */
  readonly total = signal<number | null | undefined>(undefined);
  readonly current = signal<Match | undefined>(undefined);
  readonly problem = signal<string | undefined>(undefined);
  readonly searching = signal(false);
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Tells the answer to the latest question from older ones. */
  #asked = 0;

  /** @param onMatch called with the event to show */
  constructor(
    private readonly hub: HubClient,
    private readonly operationId: string,
    private readonly onMatch: (seq: number) => void,
  ) {}

  /** @param from the search begins at the first match after this event, or else at the last one before it */
  set(query: string, from: number): void {
    if (query === this.query.value) return;
    clearTimeout(this.#timer);
    this.#asked += 1;
    batch(() => {
      this.query.value = query;
      this.total.value = undefined;
      this.current.value = undefined;
      this.problem.value = undefined;
    });
    if (query !== '') this.#timer = setTimeout(() => void this.#first(from), PAUSE_MS);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#asked += 1;
  }

  async next(from: number): Promise<boolean> {
    return this.#step({ after_seq: from });
  }

  async previous(from: number): Promise<boolean> {
    return this.#step({ before_seq: from });
  }

  async #first(from: number): Promise<void> {
    if (!(await this.next(from - 1))) await this.previous(from);
  }

  /** @returns whether there is a match in that direction */
  async #step(direction: { after_seq: number } | { before_seq: number }): Promise<boolean> {
    const asked = ++this.#asked;
    const q = this.query.value;
    let place = direction;
    this.searching.value = true;
    try {
      for (let part = 0; part < MAX_PARTS; part++) {
        const page = await this.hub.searchLog(this.operationId, { q, ...place, limit: 1, count: true });
        if (asked !== this.#asked) return true;
        this.total.value = page.total;
        const [event] = page.events;
        if (event) {
          const before = page.total_before;
          this.current.value = { seq: event.seq, index: before === null ? undefined : before + 1 };
          this.onMatch(event.seq);
          return true;
        }
        if (!page.has_more) return false;
        place =
          'after_seq' in place ? { after_seq: page.searched_through } : { before_seq: page.searched_from };
      }
      return false;
    } catch (thrown) {
      if (asked === this.#asked) this.problem.value = (thrown as Error).message;
      return true;
    } finally {
      if (asked === this.#asked) this.searching.value = false;
    }
  }
}
