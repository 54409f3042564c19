/** Characters that a peer may send without anybody waiting for them: at once, and a second. */
const BURST = 32 * 1024 * 1024;
const PER_SECOND = 1024 * 1024;

/** Reports of calls that are over, and the like, are dropped; a peer that sends nothing else is dropped, too. */
export class UnaskedBudget {
  private left = BURST;
  private since = performance.now();

  /** @returns whether the peer may go on */
  take(characters: number): boolean {
    const now = performance.now();
    this.left = Math.min(BURST, this.left + ((now - this.since) / 1000) * PER_SECOND) - characters;
    this.since = now;
    return this.left >= 0;
  }
}
