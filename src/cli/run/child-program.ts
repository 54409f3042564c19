import { spawn, type ChildProcess } from 'node:child_process';
import { EXIT } from '../exit-codes.js';
import type { CommandEnd, StreamName } from './command-recorder.js';
import { OutputTap } from './output-tap.js';

/** A program whose output is passed on byte by byte, and read on the way. */
export class ChildProgram {
  /** How it ended, once all of its output has been passed on. */
  readonly ended: Promise<CommandEnd>;
  readonly #child: ChildProcess;
  readonly #taps: readonly OutputTap[];
  // Without a terminal the program leads a process group of its own, so that all it started can be stopped with it.
  // On a terminal it stays in ours: otherwise it could not read from the keyboard.
  readonly #ownGroup = !process.stdin.isTTY;

  constructor(
    [program, ...args]: readonly [string, ...string[]],
    env: Readonly<Record<string, string>>,
    onOutput: (stream: StreamName, text: string) => void,
  ) {
    const child = spawn(program, args, {
      stdio: ['inherit', 'pipe', 'pipe'],
      detached: this.#ownGroup,
      env: { ...process.env, ...env },
    });
    this.#child = child;
    this.#taps = [
      new OutputTap(child.stdout, process.stdout, (text) => onOutput('stdout', text)),
      new OutputTap(child.stderr, process.stderr, (text) => onOutput('stderr', text)),
    ];
    const finished = Promise.all(this.#taps.map((tap) => tap.finished));
    this.ended = endOf(child).then((end) => finished.then(() => end));
  }

  /** Slows the program down as any pipe does: its output is not read for now. */
  hold(wait: boolean): void {
    for (const tap of this.#taps) {
      if (wait) tap.hold();
      else tap.release();
    }
  }

  kill(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(this.#ownGroup ? -pid : pid, signal);
    } catch {
      // It has ended in the meantime.
    }
  }
}

function endOf(child: ChildProcess): Promise<CommandEnd> {
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(notStarted(error)));
    child.on('exit', (code, signal) =>
      resolve(signal ? { kind: 'killed', signal } : { kind: 'exited', code: code ?? EXIT.failed }),
    );
  });
}

function notStarted(error: NodeJS.ErrnoException): CommandEnd {
  const missing = error.code === 'ENOENT';
  const message = missing ? `There is no program ${error.path ?? ''}` : error.message;
  return { kind: 'not-started', message, code: missing ? EXIT.notFound : EXIT.notExecutable };
}
