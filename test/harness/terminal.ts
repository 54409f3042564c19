import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { CLI } from './cli-process.js';
import { ROOT } from './service-process.js';
import { eventually } from './eventually.js';
import { NEUTRAL_FOLDER, neutralEnvironment } from './own-environment.js';

/** What a terminal shows after everything that was written to it: enough of an emulator for what the command draws. */
export class Screen {
  lines: string[] = [''];
  cursorVisible = true;
  #row = 0;
  #column = 0;

  write(text: string): void {
    for (const [token] of text.matchAll(TOKEN)) this.#apply(token);
  }

  get text(): string {
    return this.lines.map((line) => line.trimEnd()).join('\n');
  }

  #apply(token: string): void {
    if (token === '\r') this.#column = 0;
    else if (token === '\n') this.#down();
    else if (token === '\u001B[?25l' || token === '\u001B[?25h') this.cursorVisible = token.endsWith('h');
    else if (token.startsWith('\u001B[')) this.#control(token.at(-1)!, Number(/\d+/.exec(token)?.[0] ?? 1));
    else if (token >= ' ') this.#put(token);
  }

  #control(kind: string, count: number): void {
    if (kind === 'A') this.#row = Math.max(0, this.#row - count);
    if (kind === 'G') this.#column = count - 1;
    if (kind === 'J' || kind === 'K') this.lines[this.#row] = this.#line.slice(0, this.#column);
    if (kind === 'J') this.lines.length = this.#row + 1;
  }

  #put(character: string): void {
    const line = this.#line.padEnd(this.#column);
    this.lines[this.#row] = line.slice(0, this.#column) + character + line.slice(this.#column + 1);
    this.#column += 1;
  }

  #down(): void {
    this.#row += 1;
    this.lines[this.#row] ??= '';
  }

  get #line(): string {
    return this.lines[this.#row] ?? '';
  }
}

const ESCAPE = '\u001B';
const TOKEN = new RegExp(`${ESCAPE}\\[[?\\d;]*[A-Za-z]|[^]`, 'gu');

/** The built command on a pseudo-terminal (test/harness/terminal.py; needs python3). */
export class Terminal {
  readonly screen = new Screen();
  readonly exit: Promise<number>;
  /** Everything drawn, as it came. */
  raw = '';
  readonly #child: ChildProcess;

  constructor(args: readonly string[], size = { rows: 24, columns: 80 }) {
    const relay = join(ROOT, 'test/harness/terminal.py');
    const { rows, columns } = size;
    const child = spawn('python3', [relay, String(rows), String(columns), CLI, ...args], {
      cwd: NEUTRAL_FOLDER,
      env: { ...neutralEnvironment(), NO_COLOR: '1', TERM: 'xterm-256color' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child = child;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.raw += text;
      this.screen.write(text);
    });
    this.exit = new Promise((resolve) => child.on('close', (code) => resolve(code ?? -1)));
  }

  /** Presses keys: `\r` is Enter, `\u0003` Ctrl-C. */
  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async shows(text: string | RegExp): Promise<void> {
    const found = (): boolean =>
      typeof text === 'string' ? this.screen.text.includes(text) : text.test(this.screen.text);
    await eventually(`the screen to show ${text}`, found, 20_000).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.screen.text}`);
    });
  }
}
