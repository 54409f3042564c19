import { OpstreamError } from '../platform/errors/opstream-error.js';
import { LIMITS } from './operation-draft.js';
import type { ListQuery } from './operation-store.js';

/** Reads the plain values of commands and queries; text forms are accepted because queries have no others. */

/** @throws OpstreamError `invalid_request` when it is given but no whole number from 0 to `max` */
export function wholeNumber(
  value: unknown,
  field: string,
  max = Number.MAX_SAFE_INTEGER,
): number | undefined {
  if (value === undefined || value === null) return undefined;
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 && number <= max)
    return number;
  throw new OpstreamError('invalid_request', `${field} must be a whole number from 0 to ${max}`);
}

/** @throws OpstreamError `invalid_request` when it is given but neither true nor false */
export function boolean(value: unknown, field: string): boolean {
  if (value === undefined || value === null) return false;
  if (typeof value === 'boolean') return value;
  if (value === 'true' || value === 'false') return value === 'true';
  throw new OpstreamError('invalid_request', `${field} must be true or false`);
}

/** The opaque place in a tenant's log that every event carries. @throws OpstreamError `invalid_cursor` */
export function parsePosition(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && /^\d{1,15}$/.test(value)) return Number(value);
  throw new OpstreamError('invalid_cursor', 'after must be the position of an event');
}

/** Operations of one listing page. */
const MAX_LIST_PAGE = 500;

/** @throws OpstreamError `invalid_request` */
export function parseListQuery(query: Readonly<Record<string, unknown>>): ListQuery {
  const status = shortText(query.status, 'status');
  const type = shortText(query.type, 'type');
  const cursor = shortText(query.cursor, 'cursor');
  const limit = wholeNumber(query.limit, 'limit', MAX_LIST_PAGE) ?? 50;
  return {
    // `active` is no status of its own but every one that is not final (C5).
    ...(status === 'active' ? { active: true } : status !== undefined && { status }),
    ...(type !== undefined && { type }),
    ...(cursor !== undefined && { cursor }),
    limit: Math.max(1, limit),
  };
}

function shortText(value: unknown, field: string): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string' && value.length <= LIMITS.name) return value;
  throw new OpstreamError(
    'invalid_request',
    `${field} must be a string of at most ${LIMITS.name} characters`,
  );
}
