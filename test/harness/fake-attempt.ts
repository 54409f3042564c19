import { randomUUID } from 'node:crypto';
import type { WebSocket } from 'ws';
import { envelope, type FakeForge } from './fake-forge.js';

interface FakeProcess {
  readonly id: string;
  readonly run_reason: string;
  readonly started_at: string;
  status: string;
  exit_code: number | null;
  readonly task_attempt_id: string;
  readonly dropped: boolean;
}

/**
 * One attempt of a fake Forge in the flavour of version 0.7.4: REST answers from its state, and streams that replay
 * it to every new socket and stay open after `finished`.
 */
export class FakeAttempt {
  private readonly processes: FakeProcess[] = [];
  private readonly logs = new Map<string, unknown[]>();
  private readonly normalized = new Map<string, unknown[]>();
  private readonly finished = new Set<string>();
  private readonly diffs: unknown[] = [];
  private entries = new Map<string, number>();

  constructor(
    private readonly forge: FakeForge,
    readonly id: string = randomUUID(),
  ) {
    forge.route(
      'GET',
      path(`/api/task-attempts/${id}$`),
      envelope({ id, task_id: 'task', branch: 'forge/x', target_branch: 'main' }),
    );
    forge.route('GET', path('/api/execution-processes$'), ({ url }) =>
      envelope(url.searchParams.get('task_attempt_id') === id ? this.processes : []),
    );
    forge.stream(path(`/api/task-attempts/${id}/diff/ws`), undefined, (socket) =>
      sendAll(socket, this.diffs),
    );
    forge.stream(path(`/api/execution-processes/stream/ws\\?task_attempt_id=${id}`), undefined, (socket) => {
      const value = Object.fromEntries(this.processes.map((process) => [process.id, process]));
      sendAll(socket, [patch('replace', '/execution_processes', value)]);
    });
  }

  get diffPath(): RegExp {
    return new RegExp(`/api/task-attempts/${this.id}/diff/ws`);
  }

  logPath(processId: string): RegExp {
    return new RegExp(`/api/execution-processes/${processId}/raw-logs/ws`);
  }

  normalizedPath(processId: string): RegExp {
    return new RegExp(`/api/execution-processes/${processId}/normalized-logs/ws`);
  }

  /** @returns the new process's id */
  startProcess(runReason: 'setupscript' | 'codingagent' | 'devserver' = 'codingagent'): string {
    const id = randomUUID();
    const process = {
      id,
      run_reason: runReason,
      started_at: new Date(Date.now() + this.processes.length).toISOString(),
      status: 'running',
      exit_code: null,
      task_attempt_id: this.id,
      dropped: false,
    };
    this.processes.push(process);
    this.logs.set(id, []);
    this.normalized.set(id, []);
    this.forge.stream(this.normalizedPath(id), undefined, (socket) => {
      // A replay brings them in another order.
      const said = this.normalized.get(id)!.map((value, entry) => patch('add', `/entries/${entry}`, value));
      sendAll(socket, said.toReversed());
      if (this.finished.has(id)) sendAll(socket, [{ finished: true }]);
    });
    this.forge.stream(this.logPath(id), undefined, (socket) => {
      sendAll(socket, this.logs.get(id)!);
      if (this.finished.has(id)) sendAll(socket, [{ finished: true }]);
    });
    this.tell(patch('add', `/execution_processes/${id}`, process));
    return id;
  }

  endProcess(
    processId: string,
    status: 'completed' | 'failed' | 'killed',
    exitCode: number | null = 0,
  ): void {
    const process = this.processes.find(({ id }) => id === processId)!;
    process.status = status;
    process.exit_code = exitCode;
    this.finished.add(processId);
    this.forge.send(this.logPath(processId), { finished: true });
    this.forge.send(this.normalizedPath(processId), { finished: true });
    this.tell(patch('replace', `/execution_processes/${processId}`, process));
  }

  log(processId: string, content: string, type: 'STDOUT' | 'STDERR' = 'STDOUT'): void {
    const entry = this.entries.get(processId) ?? 0;
    this.entries.set(processId, entry + 1);
    const frame = patch('add', `/entries/${entry}`, { type, content });
    this.logs.get(processId)!.push(frame);
    this.forge.send(this.logPath(processId), frame);
  }

  /** What the agent says, as Forge understands it. @param entry its number; an older one is rewritten */
  say(processId: string, entry: number, type: string, content: string): void {
    const value = { type: 'NORMALIZED_ENTRY', content: { entry_type: { type }, content } };
    const said = this.normalized.get(processId)!;
    said[entry] = value;
    this.forge.send(this.normalizedPath(processId), patch('replace', `/entries/${entry}`, value));
  }

  diff(file: string, newContent: string, change = 'added'): void {
    const content = { change, oldPath: null, newPath: file, oldContent: null, newContent };
    const path = `/entries/${file.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const frame = patch('add', path, { type: 'DIFF', content });
    this.diffs.push(frame);
    this.forge.send(this.diffPath, frame);
  }

  /** The attempt was merged. */
  finishDiff(): void {
    this.diffs.push({ finished: true });
    this.forge.send(this.diffPath, { finished: true });
  }

  private tell(frame: unknown): void {
    // Real servers send the same object several times.
    this.forge.send(/execution-processes\/stream/, frame, frame);
  }
}

function path(text: string): RegExp {
  return new RegExp(`^${text}`);
}

function patch(op: string, path: string, value: unknown): object {
  return { JsonPatch: [{ op, path, value }] };
}

function sendAll(socket: WebSocket, frames: readonly unknown[]): void {
  for (const frame of frames) socket.send(JSON.stringify(frame));
}
