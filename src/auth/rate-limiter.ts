/** Maximum keys in memory; beyond it, the least recently used is dropped. */
const MAX_KEYS = 100_000;

/**
 * A limit per window and key, replenished evenly (generic cell rate algorithm): one number per key, and no timer for
 * cleanup. A limit of 0 means none.
 */
export class RateLimiter {
  /** When each key's allowance is full again, in milliseconds; least recently used first. */
  private readonly wholeAt = new Map<string, number>();

  constructor(
    private readonly limit: number,
    private readonly windowMs: number,
    private readonly now: () => number = Date.now,
  ) {}

  /**
   * Takes one.
   * @param limit in place of the limiter's own
   * @returns 0, or the milliseconds to wait when none is left; then nothing was taken
   */
  take(key: string, limit = this.limit): number {
    const wait = this.waitFor(key, limit);
    if (wait > 0 || limit === 0) return wait;
    const wholeAt = Math.max(this.wholeAt.get(key) ?? 0, this.now()) + this.windowMs / limit;
    this.wholeAt.delete(key);
    this.wholeAt.set(key, wholeAt);
    if (this.wholeAt.size > MAX_KEYS) this.forgetOldest();
    return 0;
  }

  /** Like `take`, without taking. */
  waitFor(key: string, limit = this.limit): number {
    if (limit === 0) return 0;
    const now = this.now();
    const wholeAt = Math.max(this.wholeAt.get(key) ?? 0, now) + this.windowMs / limit;
    return Math.max(0, Math.ceil(wholeAt - now - this.windowMs));
  }

  private forgetOldest(): void {
    const now = this.now();
    for (const [key, wholeAt] of this.wholeAt) {
      if (wholeAt > now && this.wholeAt.size <= MAX_KEYS) break;
      this.wholeAt.delete(key);
    }
  }
}
