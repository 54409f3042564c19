import { LEVELS } from '../../client/protocol/log-level.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import type { LogFilter } from '../log-filter.js';
import type { LogPlaces } from '../log-places.js';
import type { LogMatches } from '../log-search.js';
import { EVENT_TYPES, type EventType } from '../operation-event.js';
import type { OperationKey } from '../operation-key.js';
import type { PageBounds } from '../operation-store.js';
import type { OperationsService } from '../operations.service.js';
import { boolean, oneOf, placeAndLog, shortText, wholeNumber } from './request-values.js';

/** A page of an operation's log as REST and the hub ask for it: forward or backward, all events or some. */
export interface HistoryQuery {
  readonly afterSeq: number;
  readonly beforeSeq: number | undefined;
  readonly log: unknown;
  readonly filter: LogFilter;
  readonly count: boolean;
  /** Asks for a part of the events, or backward: the answer says what was searched. */
  readonly isSearch: boolean;
}

export interface HistoryResult extends LogMatches {
  readonly after: number;
  readonly isBackward: boolean;
  readonly isSearch: boolean;
  readonly log: string;
  /** What was read before is valid up to here; undefined when it all is. */
  readonly keptThrough: number | undefined;
}

const SEARCH_MEMBERS = ['event_type', 'level', 'q', 'before_seq', 'count'] as const;

/** @throws OpstreamError `invalid_request` that names the member */
export function parseHistoryQuery(input: Readonly<Record<string, unknown>>): HistoryQuery {
  const given = placeAndLog(input.after_seq, input.log);
  const level = oneOf(input.level, 'level', LEVELS, undefined);
  return {
    afterSeq: wholeNumber(given.place, 'after_seq') ?? 0,
    beforeSeq: wholeNumber(input.before_seq, 'before_seq'),
    log: given.log,
    filter: { types: parseTypes(input.event_type), level, text: shortText(input.q, 'q') },
    count: boolean(input.count, 'count'),
    isSearch: SEARCH_MEMBERS.some((member) => input[member] !== undefined && input[member] !== null),
  };
}

/** @throws OpstreamError `operation_not_found`, `invalid_cursor` */
export async function readHistory(
  { operations, places }: { readonly operations: OperationsService; readonly places: LogPlaces },
  key: OperationKey,
  query: HistoryQuery,
  bounds: PageBounds,
): Promise<HistoryResult> {
  const { filter, count } = query;
  const isBackward = query.beforeSeq !== undefined;
  // Who reads backward knows what is below; without a token, a place beyond the end is the end.
  const known = isBackward && query.log != null ? Math.max(0, query.beforeSeq - 1) : query.afterSeq;
  const place = await places.checkOperation(key, known, query.log);
  const after = isBackward ? query.afterSeq : place.after;
  const beforeSeq = isBackward && place.lost ? place.after + 1 : query.beforeSeq;
  const found = await operations.search(key, { filter, afterSeq: after, beforeSeq, count, bounds });
  return {
    ...found,
    after,
    isBackward,
    isSearch: query.isSearch,
    log: place.log,
    keptThrough: place.lost ? place.after : undefined,
  };
}

/** @param texts the events as JSON: parsing them to serialize them again would only cost time */
export function historyJson(texts: readonly string[], page: HistoryResult): string {
  const { first, head, after, hasMore, log, keptThrough } = page;
  const searched = page.isSearch
    ? `,"searched_from":${page.searchedFrom},"searched_through":${page.searchedThrough},` +
      `"total":${page.total},"total_before":${page.totalBefore}`
    : '';
  const lost = keptThrough === undefined ? '' : `,"history_lost":true,"kept_through":${keptThrough}`;
  return (
    `{"events":[${texts.join(',')}],"first_seq":${first},"head_seq":${head},"has_more":${hasMore},` +
    `"history_trimmed":${after + 1 < first},"log":"${log}"${searched}${lost}}`
  );
}

function isKnown(type: unknown): type is EventType {
  return (EVENT_TYPES as readonly unknown[]).includes(type);
}

function parseTypes(value: unknown): ReadonlySet<EventType> | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const names: unknown[] = Array.isArray(value) ? value : [value];
  const types = names.flatMap((name) => (typeof name === 'string' ? name.split(',') : [name]));
  if (types.length > 0 && types.length <= 100 && types.every(isKnown)) return new Set(types);
  throw new OpstreamError('invalid_request', `event_type must be some of ${EVENT_TYPES.join(', ')}`);
}
