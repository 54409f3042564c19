import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '../eventually.js';

const HERE = dirname(fileURLToPath(import.meta.url));

/**
 * A real Forge server, in directories of its own, with a scripted agent where it looks for a coding agent. Only the
 * model is not real: the server, its git work, its database and its streams are.
 */
export class RealForge {
  output = '';
  private child: ChildProcess | undefined;
  private readonly directory = mkdtempSync(join(tmpdir(), 'forge-'));

  private constructor(
    private readonly program: string,
    private readonly port: number,
  ) {}

  static async start(): Promise<RealForge> {
    const install = fileURLToPath(new URL('../../../scripts/install-forge.mjs', import.meta.url));
    const program = execFileSync(process.execPath, [install], { encoding: 'utf8' }).trim();
    const forge = new RealForge(program, await freePort());
    forge.prepare();
    await forge.restart();
    return forge;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts the server, after `stop` with the state it had. */
  async restart(): Promise<void> {
    const { directory } = this;
    this.child = spawn(this.program, [], {
      cwd: directory,
      env: {
        PATH: `${join(directory, 'agent')}:/usr/local/bin:/usr/bin:/bin`,
        SHELL: '/bin/bash',
        HOME: join(directory, 'home'),
        XDG_DATA_HOME: join(directory, 'data'),
        TMPDIR: join(directory, 'temp'),
        HOST: '127.0.0.1',
        BACKEND_PORT: String(this.port),
        DISABLE_BROWSER_OPEN: '1',
        // Without it Forge deletes the worktrees of every other Forge on this machine.
        DISABLE_WORKTREE_ORPHAN_CLEANUP: '1',
        RUST_LOG: 'warn',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    }
    await eventually('Forge answers', () => this.answers(), 30_000);
  }

  /** Ends it as an operator would: all its sockets break off. */
  async stop(): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await exited;
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** A git repository with one commit: `README.md` and `delete-me.txt` on `main`. @returns its path */
  repository(): string {
    const path = mkdtempSync(join(this.directory, 'repository-'));
    const git = (...args: string[]) => this.git(path, ...args);
    git('init', '--quiet', '--initial-branch=main');
    writeFileSync(join(path, 'README.md'), 'hello\n');
    writeFileSync(join(path, 'delete-me.txt'), 'bye\n');
    git('add', '.');
    git('commit', '--quiet', '--message=start');
    return path;
  }

  /** Gives a repository an `origin`, a bare one on this machine that has its `main`. @returns the origin's path */
  origin(repository: string): string {
    const path = mkdtempSync(join(this.directory, 'origin-'));
    this.git(path, 'init', '--quiet', '--bare', '--initial-branch=main');
    this.git(repository, 'remote', 'add', 'origin', path);
    this.git(repository, 'push', '--quiet', 'origin', 'main');
    return path;
  }

  /** @returns what git wrote */
  git(cwd: string, ...args: string[]): string {
    const env = { PATH: process.env.PATH, HOME: join(this.directory, 'home') };
    return execFileSync('git', args, { cwd, env, stdio: 'pipe', encoding: 'utf8' });
  }

  private prepare(): void {
    const at = (...parts: string[]) => join(this.directory, ...parts);
    for (const name of ['home', 'data/automagik-forge', 'temp', 'agent'])
      mkdirSync(at(name), { recursive: true });
    copyFileSync(join(HERE, 'config.json'), at('data/automagik-forge/config.json'));
    writeFileSync(at('home/.gitconfig'), '[user]\n\tname = t\n\temail = t@example.invalid\n');
    writeFileSync(
      at('agent/npx'),
      `#!/bin/sh\nexec "${process.execPath}" "${join(HERE, 'agent.mjs')}" "$@"\n`,
    );
    chmodSync(at('agent/npx'), 0o755);
  }

  private async answers(): Promise<boolean> {
    if (this.child?.exitCode !== null) throw new Error(`Forge ended:\n${this.output}`);
    return fetch(`${this.url}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
