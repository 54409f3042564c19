/** Characters a peer may send unrequested: as a burst, and per second. */
const BURST = 32 * 1024 * 1024;
const PER_SECOND = 1024 * 1024;

/**
 * Reports of ended calls and other unrequested messages are dropped; a peer that sends nothing else is disconnected.
 */
export class UnaskedBudget {
  private left = BURST;
  private since = performance.now();

  /** @returns whether the peer may continue */
  take(characters: number): boolean {
    const now = performance.now();
    this.left = Math.min(BURST, this.left + ((now - this.since) / 1000) * PER_SECOND) - characters;
    this.since = now;
    return this.left >= 0;
  }
}
