import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { EXIT } from '../exit-codes.js';
import { output } from '../terminal/output.js';
import type { CommandEnd, StreamName } from './command-recorder.js';
import { OutputTap, type TapEnds } from './output-tap.js';
import { closePipeEnds, openPipes } from './pipe.js';
import { terminalLaunch, type TerminalLaunch } from './pseudo-terminal.js';

export interface ChildOptions {
  readonly env: Readonly<Record<string, string>>;
  /** False: never give it a terminal of its own. */
  readonly terminal: boolean;
  readonly onOutput: (stream: StreamName, text: string) => void;
  /** Its terminal interrupts it; without its own terminal, we have to notice. */
  readonly onInterrupt: (signal: NodeJS.Signals) => void;
}

/** A child program whose output is passed through byte by byte and observed on the way. */
export class ChildProgram {
  /** How it ended, once all of its output has been passed on. */
  readonly ended: Promise<CommandEnd>;
  readonly #child: ChildProcess;
  readonly #taps: OutputTap[];
  readonly #launch: TerminalLaunch | undefined;
  #interrupted = false;
  // Without a terminal the program leads its own process group, so that everything it started can be stopped with it.
  // With a terminal it stays in ours: otherwise it could not read from the keyboard or ask for a password.
  readonly #ownGroup = !hasTerminal();
  /** The program itself, when a wrapper runs it. */
  #pid: number | undefined;

  constructor(command: readonly [string, ...string[]], options: ChildOptions) {
    output.handOver();
    this.#launch = options.terminal ? terminalLaunch(command, options.onInterrupt) : undefined;
    const [child, ends] = this.#launch
      ? this.#onTerminal(this.#launch, options)
      : this.#onPipes(command, options);
    this.#child = child;
    this.#taps = ends.map(([stream, ends]) => new OutputTap(ends, (text) => options.onOutput(stream, text)));
    this.ended = this.#end();
  }

  /** Stops reading its output for now, which slows it down as any full pipe does. */
  hold(wait: boolean): void {
    for (const tap of this.#taps) {
      if (wait) tap.hold();
      else tap.release();
    }
  }

  /** An interrupt does not wait until the output is read. */
  interrupt(signal: NodeJS.Signals): void {
    this.#interrupted = true;
    this.kill(signal);
  }

  kill(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    const target = this.#pid === undefined ? (this.#ownGroup ? -pid : pid) : -this.#pid;
    try {
      process.kill(target, signal);
    } catch {
      // It has already ended.
    }
  }

  async #end(): Promise<CommandEnd> {
    const end = await endOf(this.#child);
    for (const tap of this.#taps) tap.programEnded(this.#interrupted);
    this.#launch?.close();
    await Promise.all(this.#taps.map((tap) => tap.finished));
    // script(1) reports a signal as shells do.
    return this.#launch && end.kind === 'exited' ? signalled(end) : end;
  }

  #onPipes(
    [program, ...args]: readonly [string, ...string[]],
    { env }: ChildOptions,
  ): [ChildProcess, [StreamName, TapEnds][]] {
    const pipes = openPipes(2);
    const stdio: StdioOptions = ['inherit', pipes?.[0]?.writeFd ?? 'pipe', pipes?.[1]?.writeFd ?? 'pipe'];
    const child = spawn(program, args, {
      stdio,
      detached: this.#ownGroup,
      env: { ...process.env, ...env },
    });
    if (pipes) closePipeEnds(pipes);
    const [out, err] = pipes ?? [
      { source: child.stdout!, readFd: undefined },
      { source: child.stderr!, readFd: undefined },
    ];
    return [
      child,
      [
        ['stdout', { ...out!, target: process.stdout, targetFd: 1 }],
        ['stderr', { ...err!, target: process.stderr, targetFd: 2 }],
      ],
    ];
  }

  #onTerminal(launch: TerminalLaunch, { env }: ChildOptions): [ChildProcess, [StreamName, TapEnds][]] {
    const [program, ...args] = launch.command;
    const child = spawn(program, args, {
      stdio: launch.stdio,
      env: { ...process.env, ...env, ...launch.env },
    });
    launch.started();
    void launch.pid.then((pid) => (this.#pid = pid));
    const out: TapEnds = { ...(launch.stdout ?? launch.terminal), target: process.stdout, targetFd: 1 };
    const ends: [StreamName, TapEnds][] = [['stdout', out]];
    if (launch.stdout || launch.stderr) {
      const err = launch.stderr ?? launch.terminal;
      ends.push(['stderr', { ...err, target: process.stderr, targetFd: 2 }]);
    }
    return [child, ends];
  }
}

/** Whether this session has a terminal to prompt on. */
function hasTerminal(): boolean {
  if (process.stdin.isTTY) return true;
  if (process.platform === 'win32') return false;
  try {
    closeSync(openSync('/dev/tty', 'r+'));
    return true;
  } catch {
    return false;
  }
}

function signalled(end: { readonly kind: 'exited'; readonly code: number }): CommandEnd {
  const signal = Object.entries(constants.signals).find(([, number]) => number === end.code - EXIT.signal);
  return signal ? { kind: 'killed', signal: signal[0] as NodeJS.Signals } : end;
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
