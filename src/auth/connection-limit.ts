import { OpstreamError } from '../platform/errors/opstream-error.js';
import type { Principal } from './principal.js';
import { userKey } from './rate-limits.js';

/** Limits the concurrent connections or streams of each user. */
export class ConnectionLimit {
  private readonly taken = new Map<string, number>();

  constructor(private readonly limit: number) {}

  /** The user's current count. */
  count(principal: Principal, address: string): number {
    return this.taken.get(userKey(principal, address)) ?? 0;
  }

  /**
   * Reserves a slot for one connection.
   * @returns releases the slot; call it once
   * @throws OpstreamError `too_many_connections`
   */
  reserve(principal: Principal, address: string): () => void {
    const key = userKey(principal, address);
    const connections = this.taken.get(key) ?? 0;
    if (connections >= this.limit) {
      throw new OpstreamError('too_many_connections', 'Too Many Connections', {
        connections,
        limit: this.limit,
      });
    }
    this.taken.set(key, connections + 1);
    return () => {
      const left = (this.taken.get(key) ?? 1) - 1;
      if (left === 0) this.taken.delete(key);
      else this.taken.set(key, left);
    };
  }
}
