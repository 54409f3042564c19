import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Configuration } from '../config/configuration.js';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { addressKey } from './client-address.js';
import { Exposure } from './exposure.js';
import type { Principal } from './principal.js';
import { RateLimiter } from './rate-limiter.js';

const MINUTE_MS = 60_000;
const AUTH_WINDOW_MS = 15 * MINUTE_MS;
/** An address may fail as often as this many credentials. */
const ADDRESS_SHARE = 10;

/**
 * Limits requests and socket messages per user and minute, and failed authentication attempts per address, credential
 * prefix and 15 minutes. Off on loopback. A token may carry its own limits (`rate_limits: {api, ws}`).
 */
@Injectable()
export class RateLimits {
  private readonly on: boolean;
  private readonly requests: RateLimiter;
  private readonly messages: RateLimiter;
  private readonly failures: RateLimiter;
  /** Per address, for any credential: one client must not lock out a network, and nobody may guess forever. */
  private readonly addressFailures: RateLimiter;

  constructor({ auth }: Configuration, exposure: Exposure) {
    this.on = !exposure.isLocal;
    this.requests = new RateLimiter(auth.rateLimits.api, MINUTE_MS);
    this.messages = new RateLimiter(auth.rateLimits.ws, MINUTE_MS);
    this.failures = new RateLimiter(auth.rateLimits.auth, AUTH_WINDOW_MS);
    this.addressFailures = new RateLimiter(auth.rateLimits.auth * ADDRESS_SHARE, AUTH_WINDOW_MS);
  }

  /**
   * @param always counts without refusing, so that a caller over the limit can still end running work
   * @throws OpstreamError `too_many_requests` with `retry_after` in seconds
   */
  takeRequest(principal: Principal, address: string, always = false): void {
    if (!this.on) return;
    const wait = this.requests.take(userKey(principal, address), principal.rateLimits?.api);
    if (!always) refuseFor(wait);
  }

  /** Counts one socket message or one upgrade. @param always as above. @throws OpstreamError `too_many_requests` */
  takeMessage(principal: Principal, address: string, always = false): void {
    if (!this.on) return;
    const wait = this.messages.take(userKey(principal, address), principal.rateLimits?.ws);
    if (!always) refuseFor(wait);
  }

  /** Call before verifying a secret. @throws OpstreamError `too_many_requests` after too many similar failures */
  checkAttempt(address: string, credential: string): void {
    if (!this.on) return;
    const key = addressKey(address);
    refuseFor(this.addressFailures.waitFor(key));
    refuseFor(this.failures.waitFor(attemptKey(key, credential)));
  }

  failedAttempt(address: string, credential: string): void {
    if (!this.on) return;
    const key = addressKey(address);
    this.addressFailures.take(key);
    this.failures.take(attemptKey(key, credential));
  }
}

/** Groups attempts by credential: a token without its signature, or the prefix of a key. */
function attemptKey(address: string, credential: string): string {
  const signature = credential.lastIndexOf('.');
  const prefix = signature < 0 ? credential.slice(0, 8) : credential.slice(0, signature);
  return `${address} ${createHash('sha256').update(prefix).digest('base64url').slice(0, 22)}`;
}

/** All callers without a token are one user; their addresses distinguish them. */
export function userKey({ authenticated, tenant, userId }: Principal, address: string): string {
  return authenticated ? `${tenant}/${userId}` : addressKey(address);
}

function refuseFor(waitMs: number): void {
  if (waitMs === 0) return;
  const seconds = Math.ceil(waitMs / 1000);
  throw new OpstreamError('too_many_requests', `Too many requests; try again in ${seconds} s`, {
    retry_after: seconds,
  });
}
