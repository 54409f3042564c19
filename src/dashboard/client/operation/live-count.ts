/** How often new lines are told to screen readers, in milliseconds. */
const EVERY_MS = 5000;

/** Collects new lines into one sentence every few seconds: the log itself would never stop talking. */
export class LiveCount {
  #lines = 0;
  #errors = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly say: (text: string) => void) {}

  add(lines: number, errors: number): void {
    this.#lines += lines;
    this.#errors += errors;
    this.#timer ??= setTimeout(() => this.#tell(), EVERY_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #tell(): void {
    const lines = `${this.#lines} new ${this.#lines === 1 ? 'line' : 'lines'}`;
    const errors = this.#errors === 0 ? '' : `, ${this.#errors} ${this.#errors === 1 ? 'error' : 'errors'}`;
    this.say(lines + errors);
    this.#lines = 0;
    this.#errors = 0;
    this.#timer = undefined;
  }
}
