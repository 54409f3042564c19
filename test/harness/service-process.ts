import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { neutralEnvironment } from './own-environment.js';

/** The repository's root, wherever the tests are started from. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ENTRY = join(ROOT, 'dist/main.js');
/** Those of `npm start`. */
const NODE_OPTIONS = ['--enable-source-maps', '--max-semi-space-size=16'];
const READY = /Opstream is ready on (http:\/\/[^"\s]+)/;
/** A start takes a second; on a machine that runs much else at once, many times that. */
const START_MS = 60_000;

/**
 * The built service (`dist/main.js`) as a process of its own, on a free port and in a data folder of its own. It keeps
 * both over `restart`, so that a test can kill it and let clients find it again.
 */
export class ServiceProcess {
  url = '';
  /** Everything it wrote, for failure messages and for tests of its words. */
  output = '';
  /** Of the last start that has ended; null while it runs, and when a signal ended it. */
  exitCode: number | null = null;
  readonly dataDir = mkdtempSync(join(tmpdir(), 'opstream-test-'));
  #child: ChildProcess | undefined;

  private constructor(private readonly env: Record<string, string>) {}

  static async start(env: Record<string, string> = {}): Promise<ServiceProcess> {
    const service = new ServiceProcess(env);
    await service.restart();
    return service;
  }

  /** A start that is to fail: its exit code and everything it wrote. */
  static async failure(env: Record<string, string>): Promise<{ code: number | null; output: string }> {
    const service = new ServiceProcess(env);
    try {
      await service.restart();
    } catch {
      return { code: service.exitCode, output: service.output };
    } finally {
      await service.stop();
    }
    throw new Error('The service started, although it should not');
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('The service does not run');
    return pid;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** Starts it again after `kill` or `stop`, on the same port and data; resolves once it is ready. */
  async restart(env: Record<string, string> = {}): Promise<void> {
    if (!existsSync(ENTRY)) throw new Error(`${ENTRY} is missing: run "npm run build" first`);
    const child = spawn(process.execPath, [...NODE_OPTIONS, ENTRY], {
      // A folder without a `.env`: the one of the checkout is its owner's business.
      cwd: this.dataDir,
      env: {
        ...neutralEnvironment(),
        HOST: '127.0.0.1',
        PORT: this.url ? String(this.port) : '0',
        DATA_DIR: this.dataDir,
        LOG_LEVEL: 'info',
        ...this.env,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.once('exit', (code) => (this.exitCode = code));
    this.url = await this.#ready(child);
  }

  /** Ends it without warning, as a crash would. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** Ends it in order and keeps its data. @returns its exit code, null when the signal ended it */
  async terminate(signal: 'SIGTERM' | 'SIGINT' = 'SIGTERM'): Promise<number | null> {
    await this.#end(signal);
    return this.exitCode;
  }

  /** Ends it in order and removes its data. @returns its exit code, null when the signal ended it */
  async stop(signal: 'SIGTERM' | 'SIGINT' = 'SIGTERM'): Promise<number | null> {
    await this.#end(signal);
    rmSync(this.dataDir, { recursive: true, force: true });
    return this.exitCode;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await exited;
  }

  #ready(child: ChildProcess): Promise<string> {
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => reject(new Error(`The service ${why}:\n${this.output}`));
      const timer = setTimeout(() => {
        child.kill('SIGKILL');
        fail(`was not ready within ${START_MS} ms`);
      }, START_MS);
      child.once('exit', (code, signal) => {
        clearTimeout(timer);
        fail(`ended with ${signal ?? code}`);
      });
      let fresh = '';
      const onData = (chunk: Buffer): void => {
        this.output += chunk.toString();
        fresh += chunk.toString();
        const url = READY.exec(fresh)?.[1];
        if (!url) return;
        clearTimeout(timer);
        fresh = '';
        resolve(url);
      };
      child.stdout?.on('data', onData);
      child.stderr?.on('data', onData);
    });
  }
}
