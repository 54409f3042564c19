/** Minimum interval, however fast a program redraws its bar. */
const INTERVAL_MS = 100;
/** Smaller changes are not worth an event. */
const STEP = 0.01;

/** Throttles progress: steps of one percent, and the latest value every tenth of a second. */
export class ProgressReporter {
  #reported: number | undefined;
  #newest: { readonly progress: number; readonly message: string } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly report: (progress: number, message: string) => void) {}

  /** @param progress 0 to 1 */
  add(progress: number, message: string): void {
    this.#newest = { progress, message };
    if (this.#timer) return;
    this.flush();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.flush();
    }, INTERVAL_MS);
    this.#timer.unref();
  }

  /** Reports the latest value now. */
  flush(): void {
    const newest = this.#newest;
    this.#newest = undefined;
    if (!newest || !this.#isNews(newest.progress)) return;
    this.#reported = newest.progress;
    this.report(newest.progress, newest.message);
  }

  #isNews(progress: number): boolean {
    if (this.#reported === undefined) return true;
    return progress !== this.#reported && (progress === 1 || Math.abs(progress - this.#reported) >= STEP);
  }
}
