/** Requests of one connection that may be on their way to an early answer. */
const MAX_FRESH = 16;
/** After this long without an answer, requests are taken to be long ones, which hold up nobody. */
const FRESH_MS = 50;

/**
 * How many requests of one connection begin before the answers of the first are there. A socket delivers hundreds of
 * requests at once, and each may be answered with a megabyte: only when the answers are written is it known whether
 * the client reads them. Long calls run side by side, as many as the session may have.
 */
export class StartWindow {
  private fresh = 0;
  private wake: (() => void) | undefined;

  /** A request was begun. */
  began(): void {
    this.fresh += 1;
  }

  /** A request was answered, or given up. */
  ended(): void {
    if (this.fresh > 0) this.fresh -= 1;
    if (this.fresh < MAX_FRESH) this.wake?.();
  }

  /** Undefined while another request may begin; otherwise resolves when one may. */
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
