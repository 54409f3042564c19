import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CACHE = fileURLToPath(new URL('../../.ci/cache/', import.meta.url));
const CLIENTS = new URL('../mcp/clients/', import.meta.url);

/** A program that nobody here wrote, in an environment of its own under `.ci/cache`. */
export type ClientEnvironment =
  | { readonly kind: 'npm'; readonly name: string; readonly packages: Readonly<Record<string, string>> }
  | { readonly kind: 'python'; readonly name: string; readonly packages: readonly string[] }
  /** A program of the Go module in `test/mcp/clients/go`. */
  | { readonly kind: 'go'; readonly name: string }
  /** A folder of `test/mcp/clients` with a `pom.xml` and a program of one file. */
  | { readonly kind: 'java'; readonly name: string; readonly folder: string };

/** Debian's Go is too old for these modules, so that it is not installed by `.ci/run`: it must be there. */
export const isGoInstalled = spawnSync('go', ['version']).status === 0;

/** Builds every program of the Go module; Go's own cache makes this a second when nothing changed. */
export async function goProgram(name: string): Promise<string> {
  const folder = `${CACHE}go/`;
  await (building ??= run('go', ['build', '-o', folder, './...'], { cwd: new URL('go/', CLIENTS) }));
  return folder + name;
}
let building: Promise<unknown> | undefined;

const MAVEN_COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies';

async function install(environment: ClientEnvironment, directory: string): Promise<void> {
  switch (environment.kind) {
    case 'npm': {
      const manifest = { private: true, dependencies: environment.packages };
      await writeFile(`${directory}package.json`, JSON.stringify(manifest));
      await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: directory });
      return;
    }
    case 'python': {
      await run('python3', ['-m', 'venv', `${directory}venv`]);
      const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...environment.packages];
      await run(`${directory}venv/bin/python`, pip);
      return;
    }
    case 'java': {
      const pom = fileURLToPath(new URL(`${environment.folder}/pom.xml`, CLIENTS));
      await run('mvn', ['-q', '-B', '-f', pom, MAVEN_COPY, `-DoutputDirectory=${directory}jars`]);
      return;
    }
    case 'go':
  }
}

/** What a change of makes another installation necessary. */
async function recipe(environment: ClientEnvironment): Promise<string> {
  if (environment.kind === 'java') {
    return readFile(new URL(`${environment.folder}/pom.xml`, CLIENTS), 'utf8');
  }
  return environment.kind === 'go' ? '' : JSON.stringify(environment.packages);
}

/** Installs it from its own registry on first use. @returns its directory, and the seconds that this took */
export async function prepare(
  environment: ClientEnvironment,
): Promise<{ directory: string; seconds: number }> {
  const began = performance.now();
  const directory = `${CACHE}${environment.name}/`;
  const done = `${directory}installed.json`;
  const wanted = await recipe(environment);
  if (!existsSync(done) || (await readFile(done, 'utf8')) !== wanted) {
    await mkdir(directory, { recursive: true });
    await install(environment, directory);
    await writeFile(done, wanted);
  }
  return { directory, seconds: (performance.now() - began) / 1000 };
}

async function commandLine(
  environment: ClientEnvironment,
  directory: string,
  script: string,
): Promise<[string, ...string[]]> {
  if (environment.kind === 'go') return [await goProgram(script)];
  if (environment.kind === 'java') {
    const source = fileURLToPath(new URL(`${environment.folder}/${script}`, CLIENTS));
    return ['java', '-cp', `${directory}jars/*`, source];
  }
  // Modules are found from where the script is. In one step, since another client may be reading it.
  const copy = `${directory}${randomUUID()}`;
  await copyFile(new URL(script, CLIENTS), copy);
  await rename(copy, `${directory}${script}`);
  return [
    environment.kind === 'npm' ? process.execPath : `${directory}venv/bin/python`,
    `${directory}${script}`,
  ];
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

  /** @param script of `test/mcp/clients`; of a Go program its name */
  static async start(
    environment: ClientEnvironment,
    script: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<InstalledClient> {
    const { directory } = await prepare(environment);
    const [program, ...first] = await commandLine(environment, directory, script);
    const options = { cwd: directory, stdio: 'pipe', env: { ...process.env, ...env } } as const;
    return new InstalledClient(spawn(program, [...first, ...args], options));
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
