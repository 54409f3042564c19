import { Injectable } from '@nestjs/common';
import { Configuration } from '../config/configuration.js';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { addressKey } from './client-address.js';
import { Exposure } from './exposure.js';
import type { Principal } from './principal.js';
import { RateLimiter } from './rate-limiter.js';

const MINUTE_MS = 60_000;
const AUTH_WINDOW_MS = 15 * MINUTE_MS;

/**
 * S4-73's limits: requests and socket messages per user and minute, failed attempts to authenticate per address and
 * 15 minutes. None where only programs of this machine reach the service. A token may carry limits of its own (`rate_limits: {api, ws}`).
 */
@Injectable()
export class RateLimits {
  private readonly on: boolean;
  private readonly requests: RateLimiter;
  private readonly messages: RateLimiter;
  private readonly failures: RateLimiter;

  constructor({ auth }: Configuration, exposure: Exposure) {
    this.on = !exposure.isLocal;
    this.requests = new RateLimiter(auth.rateLimits.api, MINUTE_MS);
    this.messages = new RateLimiter(auth.rateLimits.ws, MINUTE_MS);
    this.failures = new RateLimiter(auth.rateLimits.auth, AUTH_WINDOW_MS);
  }

  /** @throws OpstreamError `too_many_requests` with `retry_after` in seconds */
  takeRequest(principal: Principal, address: string): void {
    if (this.on) refuseFor(this.requests.take(userKey(principal, address), principal.rateLimits?.api));
  }

  /** One message of a socket, or one upgrade. @throws OpstreamError `too_many_requests` */
  takeMessage(principal: Principal, address: string): void {
    if (this.on) refuseFor(this.messages.take(userKey(principal, address), principal.rateLimits?.ws));
  }

  /** Before a secret is looked at. @throws OpstreamError `too_many_requests` when this address guessed too often */
  checkAttempt(address: string): void {
    if (this.on) refuseFor(this.failures.waitFor(addressKey(address)));
  }

  failedAttempt(address: string): void {
    if (this.on) this.failures.take(addressKey(address));
  }
}

/** All who come without a token are one user; their addresses tell them apart. */
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
