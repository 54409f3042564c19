import { spawn } from 'node:child_process';
import { fstatSync } from 'node:fs';
import { EXIT } from '../exit-codes.js';
import type { Writable } from 'node:stream';

/** How long a process that was told to end waits for what is still to be written. */
const LAST_WORDS_MS = 300;

type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** Standard output: what a command has to say goes through here, and so does the news that nobody can read it. */
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

  /** Fires when nothing that is written arrives any more. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Why not; undefined when its reader has simply left. */
  get failure(): NodeJS.ErrnoException | undefined {
    return this.#failure?.code === 'EPIPE' ? undefined : this.#failure;
  }

  /** From now on it is another program's output, whose failures are not this one's. */
  handOver(): void {
    this.#handedOver = true;
  }

  /** Resolves when more may be written: at once, unless the reader is slow. */
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
   * Notices a reader that leaves while there is nothing to write. Node cannot tell; GNU tail(1) does nothing else, and
   * where there is none the next write will tell.
   * @returns ends it
   */
  watchReader(): () => void {
    if (process.platform === 'win32' || !fstatSync(this.fd).isFIFO()) return () => {};
    // Given as its standard output, Node would make it block for this process, too.
    const watch = `exec tail -f -s 0.2 --pid=${process.pid} /dev/null >&3 3>&-`;
    const watcher = spawn('sh', ['-c', watch], { stdio: ['ignore', 'ignore', 'ignore', this.fd] });
    watcher.on('error', () => {});
    watcher.on('exit', (_code, signal) => {
      if (signal === 'SIGPIPE') this.#gone.abort();
    });
    watcher.unref();
    return () => watcher.kill();
  }

  /** The process is to end: nobody's reading is waited for any more. */
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
