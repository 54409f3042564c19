import { OpstreamError } from '../platform/errors/opstream-error.js';
import { durationOf, type ListOrder, type OperationFilter } from './operation-filter.js';
import type { Operation } from './operation.js';

/** A place in a listing: every operation behind it has a lower value or, with the same value, a lower number. */
export interface ListPlace {
  readonly value: number;
  readonly number: number;
}

/** How a listing is arranged: by creation number alone, or by a value first. */
export type ListKey = 'number' | 'start' | 'updated' | 'duration';

const LETTERS: Readonly<Record<Exclude<ListKey, 'number'>, string>> = {
  start: 's',
  updated: 'u',
  duration: 'd',
};

/**
 * A listing restricted to a time goes by that time: the clock may have been set back between two creations. So does a
 * search that no index narrows down, since that index alone holds all operations in one order.
 */
export function keyOf(query: OperationFilter & { readonly order?: ListOrder }): ListKey {
  const { order, startedAfter, startedBefore, text, minDuration } = query;
  if (order === 'updated' || order === 'duration') return order;
  if (startedAfter !== undefined || startedBefore !== undefined) return 'start';
  const isSearch = text !== undefined || minDuration !== undefined;
  return isSearch && !isNarrow(query) ? 'start' : 'number';
}

function isNarrow({ type, typePrefix, status, parentOperationId, createdBy, hasErrors }: OperationFilter) {
  return (
    [type, typePrefix, status, parentOperationId, createdBy].some((value) => value !== undefined) ||
    hasErrors === true
  );
}

export function placeOf(operation: Operation, key: ListKey): ListPlace {
  return { value: valueOf(operation, key), number: operation.number };
}

function valueOf(operation: Operation, key: ListKey): number {
  if (key === 'number') return 0;
  if (key === 'start') return operation.startedAt;
  return key === 'updated' ? operation.updatedAt : durationOf(operation);
}

/** Before the first operation of any listing. */
export const BEGINNING: ListPlace = { value: Number.MAX_SAFE_INTEGER, number: Number.MAX_SAFE_INTEGER };

export function isBehind(place: ListPlace, other: ListPlace): boolean {
  return place.value < other.value || (place.value === other.value && place.number < other.number);
}

/** Sorts the first of a listing to the front. */
export function byPlace(a: ListPlace, b: ListPlace): number {
  return b.value - a.value || b.number - a.number;
}

export function formatCursor({ value, number }: ListPlace, key: ListKey): string {
  return key === 'number' ? String(number) : `${LETTERS[key]}${value}-${number}`;
}

/** @throws OpstreamError `invalid_cursor` also for the cursor of a listing in another order */
export function parseCursor(cursor: string | undefined, key: ListKey): ListPlace {
  if (cursor === undefined) return key === 'number' ? { value: 0, number: BEGINNING.number } : BEGINNING;
  if (key === 'number') {
    if (/^[1-9]\d{0,15}$/.test(cursor)) return { value: 0, number: Number(cursor) };
  } else {
    const [, letter, value, number] =
      /^([sud])(-1|\d{1,12}(?:\.\d{1,15})?)-([1-9]\d{0,15})$/.exec(cursor) ?? [];
    if (letter === LETTERS[key]) return { value: Number(value), number: Number(number) };
  }
  throw new OpstreamError(
    'invalid_cursor',
    'cursor must be the next_cursor of an earlier page of the same listing',
  );
}
