import { spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** After its program's end: what is written in this pause still belongs to it. */
const QUIET_MS = 200;
/** And no longer than this, although something it left behind goes on writing. */
const AT_MOST_MS = 1000;

/** Where the program writes, and where we do. */
export interface TapEnds {
  readonly source: Readable;
  /** Of the source, where it is a pipe. */
  readonly readFd?: number;
  readonly target: Writable;
  readonly targetFd: 1 | 2;
}

/**
 * Passes a program's output on byte by byte and shows it to a listener on the way. The program waits, as it would in
 * any pipe, while the terminal or the recording cannot keep up.
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
   * What the program has left in the background may keep its output open for ever; that is not waited for.
   * @param interrupted nor is then a reader that is slow
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
    // A full disk, a terminal that is no more: the program is read on, and recorded.
    this.#giveUpTarget();
    // The reader of our output is gone: the program learns it as it would without us.
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
      // What has arrived while this process was busy is read before it is decided.
      const read = this.#chunks;
      setImmediate(() => {
        if (read === this.#chunks) this.#letGo();
      });
    }, QUIET_MS);
  }

  /** Leaves the output to a program of its own, so that nothing in the background is ended by our end. */
  #letGo(): void {
    const { source, readFd, targetFd } = this.ends;
    // What was read is not passed on yet.
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
    // Pipes are opened anew: ours do not block, which other programs do not expect.
    const fd = openSync(`/proc/self/fd/${readFd}`, 'r');
    const out =
      target !== 'ignore' && fstatSync(target).isFIFO() ? openSync(`/proc/self/fd/${target}`, 'w') : target;
    const relay = spawn('cat', { stdio: [fd, out, 'ignore'], detached: true });
    relay.on('error', () => {});
    relay.unref();
    closeSync(fd);
    if (typeof out === 'number' && out !== target) closeSync(out);
  } catch {
    // Where that is not possible, whoever still writes learns that nobody reads.
  }
}
