import type { Operation } from '../operation.js';

/** Characters of metadata and messages per page of a listing. */
export const LIST_PAGE_BYTES = 1024 * 1024;
/** Events of one operation trimmed per transaction; more follow in steps. */
export const TRIM_STEP = 1000;
/** Operations removed per transaction for space or age; more follow in steps. */
export const REMOVAL_STEP = 50;

/**
 * How many of an operation's oldest events to trim now. Above 100 stored events trimming waits for one percent of
 * excess, so that a long-running operation at its limit does not pay for a deletion with every event. The excess after
 * a lowered limit is trimmed in steps.
 */
export function eventsToTrim(operation: Operation, maxEvents: number): number {
  const stored = operation.eventCount - operation.firstSeq + 1;
  const slack = Math.floor(maxEvents / 100);
  return stored > maxEvents + slack ? Math.min(stored - maxEvents, TRIM_STEP) : 0;
}
