import { spawnSync } from 'node:child_process';
import { accessSync, closeSync, constants, openSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import { delimiter, join } from 'node:path';
import type { StdioOptions } from 'node:child_process';
import { openPipes, withNamedPipes, type Pipe } from './pipe.js';

/** Characters of a command that fit into one kernel argument, with room for its wrapper. */
const MAX_COMMAND = 100_000;
/** Keys that interrupt a program on a terminal. */
const INTERRUPTING: readonly (readonly [key: number, signal: NodeJS.Signals])[] = [
  [0x03, 'SIGINT'],
  [0x1c, 'SIGQUIT'],
];

/** File descriptors of the shell that starts the program. */
const FD = { pid: 3, stdin: 4, stdout: 5, stderr: 6 };

/** How to start a program on its own terminal. */
export interface TerminalLaunch {
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly stdio: StdioOptions;
  /** Where its streams arrive: the terminal's, and those that are not a terminal for us either. */
  readonly terminal: Pipe;
  readonly stdout: Pipe | undefined;
  readonly stderr: Pipe | undefined;
  /** The pid of the program, which leads the process group of everything it starts. */
  readonly pid: Promise<number | undefined>;
  /** Call once it has started. */
  started(): void;
  close(): void;
}

/**
 * A terminal between ours and the program's, made with script(1) of util-linux: the program sees a terminal, and its
 * output can be recorded. Streams that are files or pipes for us remain so for it.
 * @param onInterrupt an interrupt key was pressed
 * @returns undefined when there is no terminal, or none can be created
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
      // script(1) starts the program that SHELL names.
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

/** Keyboard input, as script(1) logs it. */
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

/** The terminal used for password prompts while input is piped in. */
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
