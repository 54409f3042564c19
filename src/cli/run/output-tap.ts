import { spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** After the program ends, output that arrives within this pause still belongs to it. */
const QUIET_MS = 200;
/** The maximum wait, even if a background process keeps writing. */
const AT_MOST_MS = 1000;

/** Where the program writes, and where we pass it on. */
export interface TapEnds {
  readonly source: Readable;
  /** Of the source, when it is a pipe. */
  readonly readFd?: number;
  readonly target: Writable;
  readonly targetFd: 1 | 2;
}

/**
 * Passes a program's output through byte by byte and shows it to a listener. The program blocks, as with any pipe,
 * while the terminal or the recording cannot keep up.
 */
export class OutputTap {
  readonly #decoder = new StringDecoder('utf8');
  readonly #reasons = new Set<'target' | 'recording'>();
  /** Resolves once everything was passed on and shown. */
  readonly finished: Promise<void>;
  #targetFailed = false;
  #programEnded = false;
  #chunks = 0;
  #quiet: NodeJS.Timeout | undefined;
  #limit: NodeJS.Timeout | undefined;

  constructor(
    private readonly ends: TapEnds,
    private readonly onText: (text: string) => void,
  ) {
    const { source, target } = ends;
    source.on('data', (chunk: Buffer) => this.#pass(chunk));
    target.on('error', (error: NodeJS.ErrnoException) => this.#failed(error));
    this.finished = new Promise((resolve) => {
      source.on('close', () => {
        clearTimeout(this.#quiet);
        clearTimeout(this.#limit);
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

  /**
   * Background processes of the program may keep its output open forever; they are not waited for.
   * @param interrupted do not wait for a slow reader either
   */
  programEnded(interrupted: boolean): void {
    this.#programEnded = true;
    this.#waitForEnd();
    if (interrupted) setTimeout(() => this.#giveUpTarget(), AT_MOST_MS).unref();
  }

  #pass(chunk: Buffer): void {
    this.#chunks += 1;
    this.onText(this.#decoder.write(chunk));
    if (this.#programEnded) this.#waitForQuiet();
    const { target } = this.ends;
    if (this.#targetFailed || target.destroyed || target.write(chunk)) return;
    this.#wait('target');
    target.once('drain', () => this.#go('target'));
  }

  #failed({ code }: NodeJS.ErrnoException): void {
    if (this.#targetFailed) return;
    // A full disk or a vanished terminal: the program is still read and recorded.
    this.#giveUpTarget();
    // The reader of our output is gone: the program gets the same error as without us.
    if (code === 'EPIPE') this.ends.source.destroy();
  }

  #giveUpTarget(): void {
    this.#targetFailed = true;
    this.#go('target');
  }

  #waitForEnd(): void {
    clearTimeout(this.#limit);
    this.#limit = setTimeout(() => this.#letGo(), AT_MOST_MS);
    this.#waitForQuiet();
  }

  #waitForQuiet(): void {
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => {
      // Data that arrived while this process was busy is read before deciding.
      const read = this.#chunks;
      setImmediate(() => {
        if (read === this.#chunks) this.#letGo();
      });
    }, QUIET_MS);
  }

  /** Hands the output to a separate program, so that our exit does not end background processes. */
  #letGo(): void {
    const { source, readFd, targetFd } = this.ends;
    // What was read has not been passed on yet.
    if (source.destroyed || this.#reasons.size > 0) return;
    source.pause();
    if (readFd !== undefined) passOn(readFd, this.#targetFailed ? 'ignore' : targetFd);
    source.destroy();
  }

  #wait(reason: 'target' | 'recording'): void {
    this.#reasons.add(reason);
    this.ends.source.pause();
  }

  #go(reason: 'target' | 'recording'): void {
    if (!this.#reasons.delete(reason) || this.#reasons.size > 0) return;
    this.ends.source.resume();
    if (this.#programEnded) this.#waitForEnd();
  }
}

function passOn(readFd: number, target: 1 | 2 | 'ignore'): void {
  try {
    // Reopens the pipe: ours is non-blocking, which other programs do not expect.
    const fd = openSync(`/proc/self/fd/${readFd}`, 'r');
    const out =
      target !== 'ignore' && fstatSync(target).isFIFO() ? openSync(`/proc/self/fd/${target}`, 'w') : target;
    const relay = spawn('cat', { stdio: [fd, out, 'ignore'], detached: true });
    relay.on('error', () => {});
    relay.unref();
    closeSync(fd);
    if (typeof out === 'number' && out !== target) closeSync(out);
  } catch {
    // Where that is impossible, remaining writers get a broken pipe.
  }
}
