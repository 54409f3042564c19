import { OpstreamError } from '../platform/errors/opstream-error.js';
import { turnBudget } from '../platform/lifecycle/turn-budget.js';
import { testOf, type EventTest, type LogFilter } from './log-filter.js';
import type { RecordedEvent } from './operation-event.js';
import type { OperationKey } from './operation-key.js';
import type { LogPage, OperationStore, PageBounds } from './operation-store.js';

export interface LogQuery {
  readonly filter: LogFilter;
  /** Only events after this seq. */
  readonly afterSeq: number;
  /** Only events before this seq, the latest of them. */
  readonly beforeSeq?: number | undefined;
  /** Also count what matches in the whole log. */
  readonly count: boolean;
  readonly bounds: PageBounds;
}

/** Matching events, oldest first, and which part of the log was searched for them. */
export interface LogMatches extends LogPage {
  /** Every match from here to `searchedThrough` is in the page. */
  readonly searchedFrom: number;
  readonly searchedThrough: number;
  /** There is more to search in the direction of the query. */
  readonly hasMore: boolean;
  /** Matches in the stored log, and those before `searchedFrom`; null when not counted. */
  readonly total: number | null;
  readonly totalBefore: number | null;
  /** Events that were read to be compared with the filter. */
  readonly compared: number;
}

type SearchedPage = Omit<LogMatches, 'total' | 'totalBefore' | 'compared'>;

/** Work of one search: events read, and characters of their data. */
export interface SearchLimits {
  readonly events: number;
  readonly characters: number;
}
/** About 200 ms of CPU, in slices of a millisecond; the caller continues where the answer says. */
const SEARCH: SearchLimits = { events: 50_000, characters: 32 * 1024 * 1024 };
/** Events read in one turn of the event loop. */
const STEP = { limit: 256, maxBytes: 256 * 1024 };
const ONE = { limit: 1, maxBytes: 1 };

/**
 * Searches an operation's log: at most `limits` for the page, and as much again to count.
 * @throws OpstreamError `operation_not_found`
 */
export async function searchLog(
  store: OperationStore,
  key: OperationKey,
  query: LogQuery,
  limits: SearchLimits = SEARCH,
): Promise<LogMatches> {
  const search = new LogSearch(store, key, testOf(query.filter));
  const page = await search.page(query, limits);
  const totals = await search.totals(page, query.count, limits);
  return { ...page, ...totals, compared: search.compared };
}

interface Scan {
  /** The last seq read. */
  readonly at: number;
  readonly matches: RecordedEvent[];
  /** Nothing is left in the range. */
  readonly isComplete: boolean;
}

interface Range {
  /** Both inclusive. */
  readonly from: number;
  readonly through: number;
}

class LogSearch {
  compared = 0;
  private first = 1;

  constructor(
    private readonly store: OperationStore,
    private readonly key: OperationKey,
    private readonly test: EventTest | undefined,
  ) {}

  async page({ afterSeq, beforeSeq, bounds }: LogQuery, limits: SearchLimits): Promise<SearchedPage> {
    const isBackward = beforeSeq !== undefined;
    if (this.test === undefined) return this.everything(afterSeq, beforeSeq, bounds);
    // What comes while the log is searched is not awaited, or a busy log would have no end.
    const { first, head } = await this.read(Number.MAX_SAFE_INTEGER, false, ONE);
    const range = {
      from: Math.max(first, afterSeq + 1),
      through: Math.min(head, (beforeSeq ?? Infinity) - 1),
    };
    const { at, matches, isComplete } = await this.scan(range, isBackward, limits, bounds);
    return {
      events: isBackward ? matches.toReversed() : matches,
      // Events may have been trimmed meanwhile.
      first: this.first,
      head,
      searchedFrom: isBackward ? at : range.from,
      searchedThrough: isBackward ? range.through : at,
      hasMore: !isComplete,
    };
  }

  /** In one read, so that nothing is trimmed in between unnoticed. */
  private async everything(
    afterSeq: number,
    beforeSeq: number | undefined,
    bounds: PageBounds,
  ): Promise<SearchedPage> {
    if (beforeSeq === undefined) {
      const page = await this.read(afterSeq, false, bounds);
      const searchedThrough = page.events.at(-1)?.seq ?? afterSeq;
      const searchedFrom = Math.max(page.first, afterSeq + 1);
      return { ...page, searchedFrom, searchedThrough, hasMore: searchedThrough < page.head };
    }
    const { events, first, head } = await this.read(beforeSeq, true, bounds);
    const wanted = events.filter(({ seq }) => seq > afterSeq).toReversed();
    const searchedThrough = Math.min(head, beforeSeq - 1);
    const searchedFrom = wanted[0]?.seq ?? searchedThrough + 1;
    const hasMore = wanted.length === events.length && searchedFrom > Math.max(first, afterSeq + 1);
    return { events: wanted, first, head, searchedFrom, searchedThrough, hasMore };
  }

  async totals(
    page: SearchedPage,
    count: boolean,
    limits: SearchLimits,
  ): Promise<Pick<LogMatches, 'total' | 'totalBefore'>> {
    const { first, head, events } = page;
    const below = { from: first, through: Math.min(head, page.searchedFrom - 1) };
    const above = { from: Math.max(first, page.searchedThrough + 1, page.searchedFrom), through: head };
    const left = { ...limits };
    const before = await this.count(below, count, left);
    const after = before === null ? null : await this.count(above, count, left);
    return {
      total: before === null || after === null ? null : before + events.length + after,
      totalBefore: before,
    };
  }

  /** Takes what it costs from `left`. */
  private async count(
    range: Range,
    count: boolean,
    left: { events: number; characters: number },
  ): Promise<number | null> {
    const size = Math.max(0, range.through - range.from + 1);
    if (size === 0 || this.test === undefined) return size;
    if (!count) return null;
    let found = 0;
    for (let at = range.from - 1; at < range.through;) {
      if (left.events <= 0 || left.characters <= 0) return null;
      const { events } = await this.read(at, false, STEP);
      if (events.length === 0) break;
      for (const event of events) {
        at = event.seq;
        this.compared++;
        left.events--;
        left.characters -= event.data.length;
        if (at <= range.through && this.test(event)) found++;
      }
    }
    return found;
  }

  private async scan(
    range: Range,
    isBackward: boolean,
    limits: SearchLimits,
    wanted: PageBounds,
  ): Promise<Scan> {
    const { from, through } = range;
    const matches: RecordedEvent[] = [];
    let at = isBackward ? through + 1 : from - 1;
    let size = 0;
    let scanned = 0;
    let characters = 0;
    const isDone = () => (isBackward ? at <= from : at >= through);
    while (!isDone() && scanned < limits.events && characters < limits.characters) {
      const { events } = await this.read(at, isBackward, STEP);
      if (events.length === 0) return { at: isBackward ? from : through, matches, isComplete: true };
      for (const event of events) {
        if (isDone()) break;
        at = event.seq;
        scanned++;
        this.compared++;
        characters += event.data.length;
        if (this.test?.(event) === false) continue;
        matches.push(event);
        size += event.data.length;
        if (matches.length >= wanted.limit || size >= wanted.maxBytes)
          return { at, matches, isComplete: isDone() };
      }
    }
    return { at, matches, isComplete: isDone() };
  }

  private async read(at: number, isBackward: boolean, bounds: PageBounds): Promise<LogPage> {
    await turnBudget.turn();
    const page = isBackward
      ? await this.store.readOperationBefore(this.key, at, bounds)
      : await this.store.readOperation(this.key, at, bounds);
    if (page) {
      this.first = page.first;
      return page;
    }
    throw new OpstreamError('operation_not_found', `There is no operation ${this.key.operationId}`);
  }
}
