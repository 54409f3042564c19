import type { Readable, Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/**
 * Passes a program's output on byte by byte and shows it to a listener on the way. The program waits, as it would in
 * any pipe, while the terminal or the recording cannot keep up.
 */
export class OutputTap {
  readonly #decoder = new StringDecoder('utf8');
  readonly #reasons = new Set<'target' | 'recording'>();
  /** Resolves once everything was passed on and shown. */
  readonly finished: Promise<void>;

  constructor(
    private readonly source: Readable,
    private readonly target: Writable,
    private readonly onText: (text: string) => void,
  ) {
    source.on('data', (chunk: Buffer) => this.#pass(chunk));
    // The reader of our output is gone: the program learns it as it would without us.
    target.on('error', () => source.destroy());
    this.finished = new Promise((resolve) => {
      source.on('close', () => {
        onText(this.#decoder.end());
        resolve();
      });
    });
  }

  hold(): void {
    this.#wait('recording');
  }

  release(): void {
    this.#go('recording');
  }

  #pass(chunk: Buffer): void {
    this.onText(this.#decoder.write(chunk));
    if (this.target.destroyed || this.target.write(chunk)) return;
    this.#wait('target');
    this.target.once('drain', () => this.#go('target'));
  }

  #wait(reason: 'target' | 'recording'): void {
    this.#reasons.add(reason);
    this.source.pause();
  }

  #go(reason: 'target' | 'recording'): void {
    if (this.#reasons.delete(reason) && this.#reasons.size === 0) this.source.resume();
  }
}
