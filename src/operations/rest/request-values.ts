import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { splitPlace } from '../log-token.js';
import { LIMITS } from '../operation-draft.js';
import { LIST_ORDERS, type ListOrder, type OperationFilter } from '../operation-filter.js';
import type { ListQuery } from '../operation-store.js';

/** Reads the plain values of commands and queries; text forms are accepted because queries have no others. */

/** @throws OpstreamError `invalid_request` when it is given but no whole number from 0 on */
export function wholeNumber(value: unknown, field: string): number | undefined {
  return numberWithin(value, field, 0, Number.MAX_SAFE_INTEGER);
}

/** How many a page may hold. @throws OpstreamError `invalid_request` when it is given but not 1 to `max` */
export function pageLimit(value: unknown, max: number, fallback: number): number {
  return numberWithin(value, 'limit', 1, max) ?? fallback;
}

function numberWithin(value: unknown, field: string, min: number, max: number): number | undefined {
  if (value === undefined || value === null) return undefined;
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= min && number <= max) {
    return number;
  }
  throw new OpstreamError('invalid_request', `${field} must be a whole number from ${min} to ${max}`);
}

/** @throws OpstreamError `invalid_request` when it is given but neither true nor false */
export function boolean(value: unknown, field: string): boolean {
  if (value === undefined || value === null) return false;
  if (typeof value === 'boolean') return value;
  if (value === 'true' || value === 'false') return value === 'true';
  throw new OpstreamError('invalid_request', `${field} must be true or false`);
}

/** @throws OpstreamError `invalid_request` when it is given but not one of them */
export function oneOf<T extends string, Fallback extends T | undefined>(
  value: unknown,
  field: string,
  choices: readonly T[],
  fallback: Fallback,
): T | Fallback {
  if (value === undefined || value === null || value === '') return fallback;
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw new OpstreamError('invalid_request', `${field} must be one of ${choices.join(', ')}`);
}

/** What every query may carry: a client that cannot send headers gives its token here. */
const EVERYWHERE: readonly string[] = ['token'];

/**
 * A misspelt parameter would be ignored without a word, and the request would do something else than was asked.
 * @throws OpstreamError `invalid_request` for a parameter that is not among `known`, or is given twice
 */
export function onlyParameters(query: Readonly<Record<string, unknown>>, known: readonly string[]): void {
  for (const [name, value] of Object.entries(query)) {
    if (!known.includes(name) && !EVERYWHERE.includes(name)) {
      const shown = JSON.stringify(name.slice(0, LIMITS.name));
      throw new OpstreamError('invalid_request', `Unknown parameter ${shown}: known are ${known.join(', ')}`);
    }
    if (Array.isArray(value)) throw new OpstreamError('invalid_request', `${name} is given more than once`);
  }
}

/** The opaque place in a tenant's log that every event carries. @throws OpstreamError `invalid_cursor` */
export function parsePosition(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && /^\d{1,15}$/.test(value)) return Number(value);
  throw new OpstreamError('invalid_cursor', 'after must be the position of an event');
}

/** A place and the log it belongs to, however they were given: `17@k3f9a2.2`, or `17` and the token apart. */
export function placeAndLog(given: unknown, log: unknown): { place: unknown; log: unknown } {
  const split = splitPlace(given);
  return { place: split.place, log: split.log ?? log };
}

/** Operations of one listing page. */
export const MAX_LIST_PAGE = 500;

/** The filter of a listing, a count or a live list. @throws OpstreamError `invalid_request` */
export function parseFilter(query: Readonly<Record<string, unknown>>): OperationFilter {
  const status = shortText(query.status, 'status');
  const type = shortText(query.type, 'type');
  const text = shortText(query.q, 'q');
  const startedAfter = moment(query.started_after, 'started_after');
  const startedBefore = moment(query.started_before, 'started_before');
  const minDuration = seconds(query.min_duration, 'min_duration');
  const parent = shortText(query.parent_operation_id, 'parent_operation_id');
  const createdBy = shortText(query.created_by, 'created_by');
  return {
    // `active` is no status of its own but every one that is not final.
    ...(status === 'active' ? { active: true } : status !== undefined && { status }),
    ...(type?.endsWith('*') ? { typePrefix: type.slice(0, -1) } : type !== undefined && { type }),
    ...(text !== undefined && { text }),
    ...(startedAfter !== undefined && { startedAfter }),
    ...(startedBefore !== undefined && { startedBefore }),
    ...(minDuration !== undefined && { minDuration }),
    ...(query.has_errors != null &&
      query.has_errors !== '' && { hasErrors: boolean(query.has_errors, 'has_errors') }),
    ...(parent !== undefined && { parentOperationId: parent }),
    ...(createdBy !== undefined && { createdBy }),
  };
}

/** @throws OpstreamError `invalid_request` */
export function parseListQuery(query: Readonly<Record<string, unknown>>): ListQuery {
  const cursor = shortText(query.cursor, 'cursor');
  const order = shortText(query.sort, 'sort');
  if (order !== undefined && !isOrder(order)) {
    throw new OpstreamError('invalid_request', `sort must be ${LIST_ORDERS.join(', ')}`);
  }
  return {
    ...parseFilter(query),
    ...(order !== undefined && { order }),
    ...(cursor !== undefined && { cursor }),
    limit: pageLimit(query.limit, MAX_LIST_PAGE, 50),
  };
}

function isOrder(text: string): text is ListOrder {
  return (LIST_ORDERS as readonly string[]).includes(text);
}

/** Counts are by state, also where the list itself is restricted to one status. */
export function withoutStatus({
  status: _status,
  active: _active,
  limit: _limit,
  cursor: _cursor,
  order: _order,
  ...filter
}: ListQuery): OperationFilter {
  return filter;
}

/** Latest time, in Unix seconds, that a filter takes. */
const MAX_SECONDS = 1e11;

/** Unix seconds, or a time after ISO 8601. @throws OpstreamError `invalid_request` */
function moment(value: unknown, field: string): number | undefined {
  if (typeof value === 'string' && /^\d{4}-\d\d-\d\d(T|$)/.test(value)) {
    const milliseconds = Date.parse(value);
    if (Number.isFinite(milliseconds)) return milliseconds / 1000;
  } else if (isSeconds(value)) return seconds(value, field);
  else if (value === undefined || value === null || value === '') return undefined;
  throw new OpstreamError(
    'invalid_request',
    `${field} must be Unix seconds, or a time such as 2026-11-28T15:00:00Z`,
  );
}

/** @throws OpstreamError `invalid_request` */
function seconds(value: unknown, field: string): number | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (isSeconds(value)) return Number(value);
  throw new OpstreamError('invalid_request', `${field} must be a number of seconds`);
}

function isSeconds(value: unknown): boolean {
  const number = typeof value === 'string' && /^\d{1,12}(\.\d{1,9})?$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && number >= 0 && number <= MAX_SECONDS;
}

/** @throws OpstreamError `invalid_request` when it is given but no text of 1 to 200 characters */
export function shortText(value: unknown, field: string): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string' && value.length <= LIMITS.name) return value;
  throw new OpstreamError(
    'invalid_request',
    `${field} must be a string of at most ${LIMITS.name} characters`,
  );
}
