import { duration, isActive, type Operation } from './operation.js';

/** Which operations a listing, a count or a live list is about; members that are absent do not restrict it. */
export interface OperationFilter {
  readonly status?: string;
  readonly active?: boolean;
  readonly type?: string;
  /** Beginning of the type. */
  readonly typePrefix?: string;
  /** Unix seconds, this moment included. */
  readonly startedAfter?: number;
  /** Unix seconds, this moment excluded. */
  readonly startedBefore?: number;
  /** Seconds; only operations that have ended have a duration. */
  readonly minDuration?: number;
  /** Whether it ended in an error, or logged one. */
  readonly hasErrors?: boolean;
  readonly parentOperationId?: string;
  readonly createdBy?: string;
  /** Occurs in the id, the type, the message, or the metadata as JSON; ASCII letters match in either case. */
  readonly text?: string;
}

/** Newest first: by creation, by last event, or by duration, where running operations come last. */
export const LIST_ORDERS = ['started', 'updated', 'duration'] as const;
export type ListOrder = (typeof LIST_ORDERS)[number];

export function matches(operation: Operation, filter: OperationFilter): boolean {
  return matchesForever(operation, filter) && matchesNow(operation, filter);
}

/** What never changes: an operation that fails here has never matched and never will. */
function matchesForever(operation: Operation, filter: OperationFilter): boolean {
  const { type, typePrefix, startedAfter, startedBefore, parentOperationId, createdBy } = filter;
  return (
    (type === undefined || operation.operationType === type) &&
    (typePrefix === undefined || operation.operationType.startsWith(typePrefix)) &&
    (startedAfter === undefined || operation.startedAt >= startedAfter) &&
    (startedBefore === undefined || operation.startedAt < startedBefore) &&
    (parentOperationId === undefined || operation.parentOperationId === parentOperationId) &&
    (createdBy === undefined || operation.createdBy === createdBy)
  );
}

function matchesNow(operation: Operation, { status, active, minDuration, hasErrors, text }: OperationFilter) {
  return (
    (status === undefined || operation.status === status) &&
    (active === undefined || isActive(operation) === active) &&
    (minDuration === undefined || durationOf(operation) >= minDuration) &&
    (hasErrors === undefined || hasFailed(operation) === hasErrors) &&
    (text === undefined || contains(operation, text))
  );
}

/**
 * Whether an operation that does not match now may have matched before. A final state is final, a duration is known
 * only at the end, and errors never go away: a filter that requires one of them is only ever entered.
 */
export function mayHaveMatched(operation: Operation, filter: OperationFilter): boolean {
  if (!matchesForever(operation, filter) || filter.active === false) return false;
  const { status, minDuration, hasErrors } = filter;
  if (minDuration !== undefined && durationOf(operation) < minDuration) return false;
  if (hasErrors === true && !hasFailed(operation)) return false;
  return status === undefined || status === operation.status || !FINAL.has(status);
}

const FINAL: ReadonlySet<string> = new Set(['completed', 'error', 'cancelled']);

/** Seconds; below every other one while it runs. */
export function durationOf(operation: Operation): number {
  return operation.endedAt === null ? -1 : duration(operation, operation.endedAt);
}

/** Whether anything went wrong; once true, it stays so. */
export function hasFailed({ state, logCounts }: Operation): boolean {
  return state === 'error' || logCounts.error > 0;
}

function contains(operation: Operation, text: string): boolean {
  const wanted = foldCase(text);
  return [operation.operationId, operation.operationType, operation.message]
    .concat(JSON.stringify(operation.metadata))
    .some((part) => foldCase(part).includes(wanted));
}

/** Letters of ASCII only: every engine folds those alike. */
export function foldCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
