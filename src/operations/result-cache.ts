import { createHash } from 'node:crypto';
import type { Principal } from '../auth/principal.js';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { isStandIn } from '../platform/json-stand-in.js';
import { isLonger, isPrintable } from './operation-draft.js';
import { isActive, type Operation } from './operation.js';

/**
 * The result cache: an operation opened with a cache key is shared by everyone who asks for the same key while it runs,
 * and its result is handed out for a while after it completed. Nothing is stored beside the operation itself.
 */

export const CACHE_LIMITS = {
  /** Characters of a key. */
  key: 1024,
  /** Seconds: 30 days; the operation itself is rarely kept longer. */
  ttl: 30 * 24 * 60 * 60,
} as const;
/** Seconds, for a caller that names none. */
export const DEFAULT_CACHE_TTL = 3600;

/** How an opening takes part in the cache. */
export interface CacheUse {
  /** Hash of audience, operation type and the caller's key, of a fixed size. */
  readonly key: string;
  /** Seconds after its end that a result may be handed out; 0 shares running work only. */
  readonly ttl: number;
}

/** Whether somebody's operation answered for a key, or the caller's own was opened. */
export type CacheOutcome = 'hit' | 'miss';

/** The caller's wishes, not validated yet. */
export interface CacheRequest {
  readonly cacheKey?: unknown;
  readonly ttl?: unknown;
  /** Who shares the key within the tenant; everyone by default. See `cacheAudience`. */
  readonly audience?: string;
}

/** @throws OpstreamError `invalid_request` */
export function parseCacheUse(operationType: string, request: CacheRequest): CacheUse | undefined {
  const { cacheKey, ttl, audience = '' } = request;
  if (cacheKey === undefined || cacheKey === null) {
    if (ttl === undefined || ttl === null) return undefined;
    throw new OpstreamError('invalid_request', 'ttl needs a cache_key');
  }
  if (
    typeof cacheKey !== 'string' ||
    cacheKey === '' ||
    isLonger(cacheKey, CACHE_LIMITS.key) ||
    !isPrintable(cacheKey)
  ) {
    throw new OpstreamError(
      'invalid_request',
      `cache_key must be a string of 1 to ${CACHE_LIMITS.key} printable characters`,
    );
  }
  const identity = JSON.stringify([audience, operationType, cacheKey]);
  return { key: createHash('sha256').update(identity).digest('base64url'), ttl: parseTtl(ttl) };
}

function parseTtl(value: unknown): number {
  if (value === undefined || value === null) return DEFAULT_CACHE_TTL;
  if (typeof value === 'number' && value >= 0 && value <= CACHE_LIMITS.ttl) return value;
  throw new OpstreamError('invalid_request', `ttl must be a number of seconds from 0 to ${CACHE_LIMITS.ttl}`);
}

/** A result is shared among those who may read any operation; everybody else shares only with themselves. */
export function cacheAudience({ scopes, userId }: Principal): string {
  return scopes.has('operations:read') ? '' : `user ${userId}`;
}

/**
 * Whether an operation answers for its key: it is still running, or has completed recently enough for both who opened
 * it and who asks. Failures never do, nor does a result that was too large to be recorded.
 * @param ttls of both, in seconds
 * @param at Unix seconds
 */
export function servesFromCache(operation: Operation, ttls: readonly number[], at: number): boolean {
  if (isActive(operation)) return true;
  if (operation.state !== 'completed' || isStandIn(operation.result)) return false;
  return at - operation.endedAt! < Math.min(...ttls);
}
