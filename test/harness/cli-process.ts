import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from './service-process.js';
import { eventually } from './eventually.js';
import { NEUTRAL_FOLDER, neutralEnvironment } from './own-environment.js';

export const CLI = join(ROOT, 'dist/cli/main.js');

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** One run of the built `opstream` command. */
export class CliProcess {
  stdout = '';
  stderr = '';
  /** The exit code, or 128 and the number of the signal that ended it. */
  readonly exit: Promise<number>;
  readonly #child: ChildProcess;

  constructor(args: readonly string[], options: CliOptions = {}) {
    const child = spawn(CLI, args, {
      cwd: options.cwd ?? NEUTRAL_FOLDER,
      env: { ...neutralEnvironment(), NO_COLOR: '1', ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stdout.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.exit = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => resolve(code ?? (signal === null ? -1 : 128)));
    });
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  endInput(): void {
    this.#child.stdin?.end();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits until its output contains the text. */
  async shows(text: string | RegExp, where: 'stdout' | 'stderr' = 'stdout'): Promise<void> {
    const found = (): boolean =>
      typeof text === 'string' ? this[where].includes(text) : text.test(this[where]);
    await eventually(`${where} to contain ${text}`, () => found() || !this.running, 30_000).catch(
      (error: unknown) => {
        throw new Error(`${String(error)}\nstdout: ${this.stdout}\nstderr: ${this.stderr}`);
      },
    );
    if (!found()) await this.exit;
    if (!found()) throw new Error(`It ended without ${text}\nstdout: ${this.stdout}\nstderr: ${this.stderr}`);
  }

  /** The lines of its output as JSON. */
  get json(): unknown[] {
    return this.stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as unknown);
  }
}

/** Runs a command to its end. */
export async function runCli(
  args: readonly string[],
  options: CliOptions = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const cli = new CliProcess(args, options);
  cli.endInput();
  const code = await cli.exit;
  return { code, stdout: cli.stdout, stderr: cli.stderr };
}
