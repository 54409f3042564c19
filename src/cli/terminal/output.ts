import { spawn } from 'node:child_process';
import { fstatSync } from 'node:fs';
import { EXIT } from '../exit-codes.js';
import type { Writable } from 'node:stream';

/** How long a terminating process waits for pending output. */
const LAST_WORDS_MS = 300;

type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** Standard output of all commands; also detects that nobody reads it any longer. */
export class Output {
  readonly #gone = new AbortController();
  readonly #ending = new AbortController();
  #handedOver = false;
  #failure: NodeJS.ErrnoException | undefined;

  constructor(
    readonly stream: OutputStream,
    private readonly fd: number,
  ) {
    stream.on('error', (error: NodeJS.ErrnoException) => this.#fail(error));
  }

  /** Fires when output no longer arrives. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** The reason; undefined when the reader simply left. */
  get failure(): NodeJS.ErrnoException | undefined {
    return this.#failure?.code === 'EPIPE' ? undefined : this.#failure;
  }

  /** From now on another program owns the output; its failures are not ours. */
  handOver(): void {
    this.#handedOver = true;
  }

  /** Resolves when more may be written: immediately, unless the reader is slow. */
  async write(text: string | Uint8Array): Promise<void> {
    if (this.gone.aborted || this.stream.write(text)) return;
    const over = AbortSignal.any([this.gone, this.#ending.signal]);
    await new Promise<void>((resolve) => {
      this.stream.once('drain', resolve);
      over.addEventListener('abort', () => resolve(), { once: true });
      if (over.aborted) resolve();
    });
  }

  /**
   * Detects a reader that leaves while nothing is being written. Node cannot; GNU tail(1) can. Without it, the next
   * write fails.
   * @returns stops watching
   */
  watchReader(): () => void {
    if (process.platform === 'win32' || !fstatSync(this.fd).isFIFO()) return () => {};
    // As its standard output, Node would make it blocking for this process, too.
    const watch = `exec tail -f -s 0.2 --pid=${process.pid} /dev/null >&3 3>&-`;
    const watcher = spawn('sh', ['-c', watch], { stdio: ['ignore', 'ignore', 'ignore', this.fd] });
    watcher.on('error', () => {});
    watcher.on('exit', (_code, signal) => {
      if (signal === 'SIGPIPE') this.#gone.abort();
    });
    watcher.unref();
    return () => watcher.kill();
  }

  /** The process is ending: do not wait for readers any longer. */
  end(): void {
    this.#ending.abort();
    setTimeout(() => process.exit(), LAST_WORDS_MS).unref();
  }

  #fail(error: NodeJS.ErrnoException): void {
    if (this.gone.aborted) return;
    this.#failure = error;
    this.#gone.abort();
    if (error.code === 'EPIPE' || this.#handedOver) return;
    process.stderr.write(`opstream: standard output cannot be written: ${error.message}\n`);
    process.exitCode = EXIT.failed;
  }
}

export const output = new Output(process.stdout, 1);
