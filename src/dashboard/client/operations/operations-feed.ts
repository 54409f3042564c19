import { batch, signal } from '@preact/signals';
import type { HubClient } from '../../../client/hub/hub-client.js';
import type { ListQuery } from '../../../client/rest/rest-client.js';
import type { OperationCounts, OperationSnapshot } from '../../../client/protocol/operation-events.js';

/** What the list is narrowed to, and its order. */
export type ListFilter = Omit<ListQuery, 'limit' | 'cursor' | 'counts'>;

/** How often the list is read again while the page is looked at, in milliseconds. */
const EVERY_MS = 1000;
const PAGE = 100;

/** The operations of one filter, newest first, kept current while the page is visible. */
export class OperationsFeed {
  readonly operations = signal<readonly OperationSnapshot[] | undefined>(undefined);
  readonly hasMore = signal(false);
  /** Of the filter, by state. */
  readonly counts = signal<OperationCounts | undefined>(undefined);
  readonly problem = signal<string | undefined>(undefined);
  #limit = PAGE;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  #reading = false;

  constructor(
    private readonly hub: HubClient,
    private readonly filter: ListFilter,
  ) {
    document.addEventListener('visibilitychange', this.#look);
    void this.#read();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    document.removeEventListener('visibilitychange', this.#look);
  }

  more(): void {
    this.#limit += PAGE;
    void this.#read();
  }

  readonly #look = (): void => {
    if (document.visibilityState === 'visible') void this.#read();
  };

  async #read(): Promise<void> {
    if (this.#reading || this.#closed) return;
    this.#reading = true;
    clearTimeout(this.#timer);
    try {
      const operations: OperationSnapshot[] = [];
      let cursor: string | null = null;
      let counts: OperationCounts | undefined;
      do {
        const page = await this.hub.listOperations({
          ...this.filter,
          limit: PAGE,
          counts: cursor === null,
          ...(cursor !== null && { cursor }),
        });
        operations.push(...page.operations);
        if (page.counts) counts = page.counts;
        cursor = page.next_cursor;
      } while (cursor !== null && operations.length < this.#limit);
      if (this.#closed) return;
      batch(() => {
        this.operations.value = keepSame(this.operations.value ?? [], operations);
        this.hasMore.value = cursor !== null;
        this.counts.value = counts;
        this.problem.value = undefined;
      });
    } catch (thrown) {
      if (!this.#closed) this.problem.value = (thrown as Error).message;
    } finally {
      this.#reading = false;
      if (!this.#closed && document.visibilityState === 'visible')
        this.#timer = setTimeout(() => void this.#read(), EVERY_MS);
    }
  }
}

/** Rows whose operation has not changed keep their object, so that they are not drawn again. */
function keepSame(
  before: readonly OperationSnapshot[],
  after: readonly OperationSnapshot[],
): readonly OperationSnapshot[] {
  const known = new Map(before.map((one) => [one.operation_id, one]));
  const merged = after.map((one) => {
    const old = known.get(one.operation_id);
    return old && old.event_count === one.event_count && old.started_at === one.started_at ? old : one;
  });
  const isSame = merged.length === before.length && merged.every((one, index) => one === before[index]);
  return isSame ? before : merged;
}
