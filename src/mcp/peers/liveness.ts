import type { PeerTimeouts } from './peer-channel.js';

const RETRY_FIRST_MS = 1000;

/**
 * Checks a peer for a sign of life where no connection would show its loss. One unanswered ping ends nothing: it is
 * reported as the reason and repeated with growing delays until an answer arrives.
 */
export class Liveness {
  private timer: NodeJS.Timeout | undefined;
  private failures = 0;
  private stopped = false;
  private asking = false;

  /**
   * @param ping resolves with what is wrong; @param changed called with what is wrong, or that nothing is any longer
   */
  constructor(
    private readonly ping: () => Promise<string | undefined>,
    private readonly timeouts: PeerTimeouts,
    private readonly changed: (problem: string | undefined) => void,
  ) {}

  start(): void {
    this.later(this.timeouts.pingIntervalMs);
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  /** Something was odd: ping at once. */
  suspect(): void {
    if (!this.asking) void this.ask();
  }

  /** Any answer is a sign of life. */
  heard(): void {
    if (this.failures === 0) return;
    this.failures = 0;
    this.changed(undefined);
  }

  private async ask(): Promise<void> {
    clearTimeout(this.timer);
    if (this.stopped) return;
    this.asking = true;
    const problem = await this.ping();
    this.asking = false;
    if (this.stopped) return;
    const { pingIntervalMs } = this.timeouts;
    if (problem === undefined) {
      this.heard();
      return this.later(pingIntervalMs);
    }
    this.failures += 1;
    this.changed(problem);
    this.later(Math.min(pingIntervalMs, RETRY_FIRST_MS * 2 ** (this.failures - 1)));
  }

  private later(ms: number): void {
    if (!this.stopped) this.timer = setTimeout(() => void this.ask(), ms);
  }
}
