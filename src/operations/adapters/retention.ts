import { OpstreamError } from '../../platform/errors/opstream-error.js';
import type { Operation } from '../operation.js';

/**
 * How many of an operation's oldest events go now. Above 100 stored events trimming waits for one percent of excess,
 * so that a long-running operation at its limit does not pay for a deletion with every event.
 */
export function eventsToTrim(operation: Operation, maxEvents: number): number {
  const stored = operation.eventCount - operation.firstSeq + 1;
  const slack = Math.floor(maxEvents / 100);
  return stored > maxEvents + slack ? stored - maxEvents : 0;
}

/** Listing cursors are creation numbers; a page holds what was created before it. */
export function parseCursor(cursor: string | undefined): number {
  if (cursor === undefined) return Number.MAX_SAFE_INTEGER;
  if (/^[1-9]\d{0,15}$/.test(cursor)) return Number(cursor);
  throw new OpstreamError('invalid_cursor', 'cursor must be the next_cursor of an earlier page');
}
