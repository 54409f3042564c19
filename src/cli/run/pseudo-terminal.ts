import { spawnSync } from 'node:child_process';
import { accessSync, closeSync, constants, openSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import { delimiter, join } from 'node:path';
import type { StdioOptions } from 'node:child_process';
import { openPipes, withNamedPipes, type Pipe } from './pipe.js';

/** Characters of a command that fit into one argument of the kernel's, with room for what stands around it. */
const MAX_COMMAND = 100_000;
/** Keys by which a terminal interrupts its program. */
const INTERRUPTING: readonly (readonly [key: number, signal: NodeJS.Signals])[] = [
  [0x03, 'SIGINT'],
  [0x1c, 'SIGQUIT'],
];

/** Descriptors of the shell that starts the program. */
const FD = { pid: 3, stdin: 4, stdout: 5, stderr: 6 };

/** How a program is started on a terminal of its own. */
export interface TerminalLaunch {
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly stdio: StdioOptions;
  /** Where its streams arrive: the terminal's, and those that are no terminal for us either. */
  readonly terminal: Pipe;
  readonly stdout: Pipe | undefined;
  readonly stderr: Pipe | undefined;
  /** The number of the program, which leads the group of all that it starts. */
  readonly pid: Promise<number | undefined>;
  /** To be called once it is started. */
  started(): void;
  close(): void;
}

/**
 * A terminal between ours and the program's, by script(1) of util-linux: the program sees a terminal, and what it draws
 * can be recorded. Streams that are files or pipes for us are so for it.
 * @param onInterrupt a key was pressed that interrupts the program
 * @returns undefined where no terminal is to be seen, or none can be made
 */
export function terminalLaunch(
  command: readonly string[],
  onInterrupt: (signal: NodeJS.Signals) => void,
): TerminalLaunch | undefined {
  const isTerminal = {
    stdin: process.stdin.isTTY,
    stdout: process.stdout.isTTY,
    stderr: process.stderr.isTTY,
  };
  if (process.platform !== 'linux' || !(isTerminal.stdout || isTerminal.stderr)) return undefined;
  const redirected = [
    isTerminal.stdin ? '' : ` <&${FD.stdin}`,
    isTerminal.stdout ? '' : ` >&${FD.stdout}`,
    isTerminal.stderr ? '' : ` 2>&${FD.stderr}`,
  ].join('');
  const closed = Object.values(FD)
    .map((fd) => ` ${fd}>&-`)
    .join('');
  const shell = process.env.SHELL === undefined ? 'unset SHELL' : `export SHELL=${quoted(process.env.SHELL)}`;
  const inner = `${shell}; echo $$ >&${FD.pid}; exec ${command.map(quoted).join(' ')}${redirected}${closed}`;
  if (inner.length > MAX_COMMAND || !isExecutable(command[0]!) || !hasScript()) return undefined;
  const keyboard = isTerminal.stdin ? 0 : openTerminal();
  const pipes = openPipes(4);
  if (!pipes || keyboard === undefined) return undefined;
  const [terminal, pid, stdout, stderr] = pipes as [Pipe, Pipe, Pipe, Pipe];
  return withNamedPipes(1, ([keysPath]) => {
    const keys = readKeys(keysPath!, onInterrupt);
    const path = `/proc/${process.pid}/fd/${keys.fd}`;
    return {
      command: ['script', '-q', '-e', '-f', '-I', path, '-O', '/dev/null', '-c', inner] as const,
      // script(1) starts whatever SHELL names.
      env: { SHELL: '/bin/sh' },
      stdio: [keyboard, terminal.writeFd, 'inherit', pid.writeFd, 0, stdout.writeFd, stderr.writeFd],
      terminal,
      stdout: isTerminal.stdout ? undefined : stdout,
      stderr: isTerminal.stderr ? undefined : stderr,
      pid: firstNumber(pid.source),
      started: () => {
        for (const { writeFd } of pipes) closeSync(writeFd);
        if (keyboard !== 0) closeSync(keyboard);
        if (isTerminal.stdout) stdout.source.destroy();
        if (isTerminal.stderr) stderr.source.destroy();
      },
      close: () => keys.source.destroy(),
    };
  });
}

/** What is typed, as script(1) writes it down. */
function readKeys(
  path: string,
  onInterrupt: (signal: NodeJS.Signals) => void,
): { readonly fd: number; readonly source: Socket } {
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const source = new Socket({ fd, readable: true, writable: false });
  source.on('error', () => {});
  source.on('data', (typed: Buffer) => {
    for (const [key, signal] of INTERRUPTING) if (typed.includes(key)) onInterrupt(signal);
  });
  return { fd, source };
}

function firstNumber(source: Socket): Promise<number | undefined> {
  return new Promise((resolve) => {
    let text = '';
    source.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const pid = /^(\d+)\n/.exec(text)?.[1];
      if (pid !== undefined) resolve(Number(pid));
    });
    source.on('close', () => resolve(undefined));
  });
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The terminal that asks for passwords while something else is piped in. */
function openTerminal(): number | undefined {
  try {
    return openSync('/dev/tty', 'r+');
  } catch {
    return undefined;
  }
}

function hasScript(): boolean {
  const { stdout } = spawnSync('script', ['--version'], { encoding: 'utf8' });
  return (stdout ?? '').includes('util-linux');
}

function isExecutable(program: string): boolean {
  const places = program.includes('/')
    ? [program]
    : (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, program));
  return places.some((place) => {
    try {
      accessSync(place, constants.X_OK);
      return statSync(place).isFile();
    } catch {
      return false;
    }
  });
}
