import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CACHE = fileURLToPath(new URL('../../.ci/cache/', import.meta.url));
const CLIENTS = new URL('../mcp/clients/', import.meta.url);

/** A program that nobody here wrote, in an environment of its own under `.ci/cache`. */
export type ClientEnvironment =
  | { readonly kind: 'npm'; readonly name: string; readonly packages: Readonly<Record<string, string>> }
  | { readonly kind: 'python'; readonly name: string; readonly packages: readonly string[] };

/** Installs it from its own registry on first use. @returns its directory, and the seconds that this took */
export async function prepare(
  environment: ClientEnvironment,
): Promise<{ directory: string; seconds: number }> {
  const began = performance.now();
  const directory = `${CACHE}${environment.name}/`;
  const done = `${directory}installed.json`;
  const wanted = JSON.stringify(environment.packages);
  if (!existsSync(done) || (await readFile(done, 'utf8')) !== wanted) {
    await mkdir(directory, { recursive: true });
    if (environment.kind === 'npm') {
      const manifest = { private: true, dependencies: environment.packages };
      await writeFile(`${directory}package.json`, JSON.stringify(manifest));
      await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: directory });
    } else {
      await run('python3', ['-m', 'venv', `${directory}venv`]);
      const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...environment.packages];
      await run(`${directory}venv/bin/python`, pip);
    }
    await writeFile(done, wanted);
  }
  return { directory, seconds: (performance.now() - began) / 1000 };
}

/** What a client program says of one step: a JSON object on a line of its own. */
export type Said = Readonly<Record<string, unknown>>;

/** A running client program: it says what it did line by line, and does its next step when it is told to. */
export class InstalledClient {
  /** What it wrote to standard error: warnings of its libraries. */
  warnings = '';
  private readonly said: Said[] = [];
  private wake: () => void = () => {};
  private exited = false;

  private constructor(private readonly child: ChildProcess) {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (!line.startsWith('{')) return;
      this.said.push(JSON.parse(line) as Said);
      this.wake();
    });
    child.stderr!.on('data', (chunk: Buffer) => (this.warnings += chunk.toString()));
    child.once('exit', () => {
      this.exited = true;
      this.wake();
    });
  }

  /** @param script of `test/mcp/clients` */
  static async start(
    environment: ClientEnvironment,
    script: string,
    args: readonly string[],
  ): Promise<InstalledClient> {
    const { directory } = await prepare(environment);
    // Modules are found from where the script is.
    await copyFile(new URL(script, CLIENTS), `${directory}${script}`);
    const program = environment.kind === 'npm' ? process.execPath : `${directory}venv/bin/python`;
    const child = spawn(program, [`${directory}${script}`, ...args], { cwd: directory, stdio: 'pipe' });
    return new InstalledClient(child);
  }

  /** The next thing that it says. @throws Error when it ends, or says nothing for a minute */
  async says(): Promise<Said> {
    const deadline = setTimeout(() => this.child.kill('SIGKILL'), 60_000);
    while (this.said.length === 0 && !this.exited) {
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
    clearTimeout(deadline);
    const next = this.said.shift();
    if (next) return next;
    throw new Error(`The client ended: ${this.warnings.slice(-2000)}`);
  }

  /** Lets it go on. @param instruction what it reads, where it waits for one */
  go(instruction = ''): void {
    this.child.stdin!.write(`${instruction}\n`);
  }

  stop(): void {
    this.child.kill('SIGKILL');
  }
}
