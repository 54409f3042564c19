import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { eventually } from './eventually.js';
import { ROOT } from './service-process.js';

/** What a peer tells; which members there are depends on what happened. */
export interface Told {
  readonly port?: number;
  readonly connected?: string | true;
  readonly extensions?: string;
  readonly agent?: string;
  readonly asked?: string;
  readonly tools?: readonly string[];
  readonly called?: string;
  readonly cancelled?: string;
  readonly arguments?: unknown;
  readonly answered?: string;
  readonly result?: { readonly content: readonly { readonly text: string }[]; readonly isError?: boolean };
  readonly error?: { readonly code: number; readonly message: string };
}

/** A program of `test/mcp/peers` as a process of its own, which keeps its port when it is killed and restarted. */
export class RemotePeer {
  port = 0;
  /** What it told and nobody took. */
  private readonly told: Told[] = [];
  private child: ChildProcess | undefined;

  private constructor(private readonly program: string) {}

  static async start(program: 'calling-endpoint' | 'tool-server'): Promise<RemotePeer> {
    const peer = new RemotePeer(join(ROOT, 'test/mcp/peers', `${program}.mjs`));
    await peer.restart();
    return peer;
  }

  async restart(): Promise<void> {
    this.child = fork(this.program, [String(this.port)]);
    this.child.on('message', (message) => this.told.push(message as Told));
    this.port = (await this.take(({ port }) => port !== undefined)).port!;
  }

  /** Ends it without warning. */
  async kill(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await exited;
  }

  ask(message: object): void {
    this.child?.send(message);
  }

  /** The first thing it told that fits, waiting for it; it is told once. */
  async take(fits: (told: Told) => boolean): Promise<Told> {
    let taken: Told | undefined;
    await eventually(`the peer tells something else than ${JSON.stringify(this.told).slice(0, 500)}`, () => {
      const at = this.told.findIndex(fits);
      // Taken where it is found, so that nobody else takes it too.
      if (at >= 0) [taken] = this.told.splice(at, 1);
      return taken !== undefined;
    });
    return taken!;
  }

  /** Forgets what it told so far. */
  forget(): void {
    this.told.length = 0;
  }

  has(fits: (told: Told) => boolean): boolean {
    return this.told.some(fits);
  }
}
