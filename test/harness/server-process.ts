import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const READY = /Opstream is ready on (http:\/\/\S+)"/;
const START_DEADLINE_MS = 60_000;

/** Builds `dist/` when it is missing or older than its sources. */
export function ensureBuilt(): void {
  const { status } = spawnSync(process.execPath, ['scripts/ensure-built.mjs'], { stdio: 'inherit' });
  if (status !== 0) throw new Error('The build failed');
}

/** How a process of the built service ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One process of the built service, `node dist/main.js`, as an operator runs it. */
export class ServerProcess {
  /** Everything it wrote to its two outputs. */
  output = '';
  /** Where it serves, e.g. `http://127.0.0.1:8765`; known once it is ready. */
  url = '';
  readonly exit: Promise<Exit>;
  private readonly ready: Promise<void>;

  private constructor(private readonly child: ChildProcess) {
    this.exit = once(child, 'exit').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
    }));
    const announced = new Promise<void>((resolve) => {
      for (const stream of [child.stdout!, child.stderr!]) {
        createInterface({ input: stream }).on('line', (line) => {
          this.output += `${line}\n`;
          this.url ||= READY.exec(line)?.[1] ?? '';
          if (this.url !== '') resolve();
        });
      }
    });
    this.ready = Promise.race([
      announced,
      this.exit.then(({ code, signal }) => {
        if (this.url === '') throw new Error(`The service ended (${code ?? signal}):\n${this.output}`);
      }),
    ]);
    // Who kills a server while it starts does not wait for it.
    this.ready.catch(() => {});
  }

  /**
   * Spawns without waiting.
   * @param env variables beside this process's own; `PORT` is 0 unless given
   * @param wrapper a command that starts the service, for limits that a process cannot set for itself
   */
  static spawn(env: Readonly<Record<string, string>>, wrapper: readonly string[] = []): ServerProcess {
    const [command, ...args] = [...wrapper, process.execPath, 'dist/main.js'];
    const child = spawn(command, args, {
      env: { ...process.env, PORT: '0', HOST: '127.0.0.1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new ServerProcess(child);
  }

  /** Spawns and resolves once it serves. */
  static async start(
    env: Readonly<Record<string, string>>,
    wrapper: readonly string[] = [],
  ): Promise<ServerProcess> {
    const server = ServerProcess.spawn(env, wrapper);
    await server.serving();
    return server;
  }

  get pid(): number {
    return this.child.pid!;
  }

  get port(): string {
    return new URL(this.url).port;
  }

  /** Resolves once it serves. @throws Error when it ends before, or takes too long */
  async serving(): Promise<void> {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), START_DEADLINE_MS);
    await this.ready.finally(() => clearTimeout(timer));
  }

  /** Sends a signal and resolves when the process is gone. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.child.kill(signal);
    return this.exit;
  }
}
