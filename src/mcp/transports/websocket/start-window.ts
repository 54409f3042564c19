/** Requests of one connection that are expected to be answered soon. */
const MAX_FRESH = 16;
/** After this long without an answer, requests count as long-running and hold up nobody. */
const FRESH_MS = 50;

/**
 * Limits how many requests of one connection start before the first answers are written. A socket delivers hundreds of
 * requests at once, and each answer may have a megabyte: only written answers show whether the client reads them. Long
 * calls run concurrently, as many as the session may have.
 */
export class StartWindow {
  private fresh = 0;
  private wake: (() => void) | undefined;

  /** A request was started. */
  began(): void {
    this.fresh += 1;
  }

  /** A request was answered or cancelled. */
  ended(): void {
    if (this.fresh > 0) this.fresh -= 1;
    if (this.fresh < MAX_FRESH) this.wake?.();
  }

  /** Undefined while another request may start; otherwise resolves when one may. */
  room(): Promise<void> | undefined {
    if (this.fresh < MAX_FRESH) return undefined;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.fresh = 0;
        this.wake?.();
      }, FRESH_MS);
      this.wake = () => {
        clearTimeout(timer);
        this.wake = undefined;
        // Never in the turn of the answer: it is written first.
        setImmediate(resolve);
      };
    });
  }
}
