import type { WebSocket } from 'ws';
import { envelope, type FakeForge } from './fake-forge.js';
import { recordedExchanges, recordedStream } from './forge-fixtures.js';

interface Patch {
  readonly JsonPatch?: readonly { readonly op: string; readonly path: string; readonly value?: unknown }[];
}

/** One frame of a recorded stream, at the moment when the server sent it. */
export interface Moment {
  readonly stream: string;
  readonly frame: unknown;
}

const PROCESSES = 'execution-processes';

/**
 * The recorded attempt on a fake Forge, moment by moment. As the real server does it, every new socket first gets all
 * that a log has had so far, or the present state of processes and files; and sockets stay open after `finished`.
 */
export class RecordedAttempt {
  readonly id: string;
  private readonly played = new Map<string, unknown[]>();
  private readonly processes = new Map<string, unknown>();

  constructor(
    private readonly forge: FakeForge,
    streams: readonly string[],
  ) {
    const attempt = recordedExchanges().find(({ name }) => name === 'attempt-get')!;
    this.id = (attempt.json as { data: { id: string } }).data.id;
    forge.route('GET', path(`/api/task-attempts/${this.id}`), { body: attempt.json });
    forge.route('GET', path('/api/execution-processes'), () => envelope([...this.processes.values()]));
    for (const name of [...streams, PROCESSES]) {
      this.played.set(name, []);
      forge.stream(this.pathOf(name), undefined, (socket) => this.greet(name, socket));
    }
  }

  pathOf(stream: string): RegExp {
    const [pathname, query] = recordedStream(stream).path.split('?');
    return path(`${pathname}${query === undefined ? '' : `\\?${query}`}`);
  }

  /** Whether somebody follows the attempt. */
  get isFollowed(): boolean {
    return this.forge.open(/execution-processes\/stream/).length > 0;
  }

  play({ stream, frame }: Moment): void {
    this.played.get(stream)!.push(frame);
    if (stream === PROCESSES) this.fold(frame as Patch);
    this.forge.send(stream === PROCESSES ? /execution-processes\/stream/ : this.pathOf(stream), frame);
  }

  private fold({ JsonPatch = [] }: Patch): void {
    for (const { op, path: at, value } of JsonPatch) {
      const [, , id] = at.split('/');
      if (op === 'remove') this.processes.delete(id!);
      else if (id !== undefined) this.processes.set(id, value);
      else for (const [one, process] of Object.entries(value as object)) this.processes.set(one, process);
    }
  }

  private greet(name: string, socket: WebSocket): void {
    const snapshot = {
      op: 'replace',
      path: '/execution_processes',
      value: Object.fromEntries(this.processes),
    };
    const played = this.played.get(name)!;
    const frames =
      name === PROCESSES ? [{ JsonPatch: [snapshot] }] : name === 'diff' ? presentFiles(played) : played;
    for (const frame of frames) socket.send(JSON.stringify(frame));
  }
}

/** The last frame of each file. */
function presentFiles(frames: readonly unknown[]): unknown[] {
  const files = new Map<string, unknown>();
  for (const frame of frames) {
    const { op, path: file } = (frame as Patch).JsonPatch![0]!;
    files.delete(file);
    if (op !== 'remove') files.set(file, frame);
  }
  return [...files.values()];
}

/** The frames of a recorded stream as moments. */
export function momentsOf(stream: string, from = 0, to?: number): Moment[] {
  return (recordedStream(stream).frames ?? []).slice(from, to).map((frame) => ({ stream, frame }));
}

function path(text: string): RegExp {
  return new RegExp(`^${text}`);
}
