import { setTimeout as delay } from 'node:timers/promises';
import { isObject, type Params, type RpcResponse } from '../protocol/json-rpc.js';
import type { PeerClient } from './peer-client.js';

const ENDED: ReadonlySet<unknown> = new Set(['completed', 'failed', 'cancelled']);
const POLL_MS = 500;
const MAX_POLL_MS = 5000;
/** How long the peer is asked to keep the result. */
const TTL_MS = 3_600_000;

/** A call of a tool that its peer runs only as a task (2025-11-25): started, polled, and its result fetched. */
export class RemoteTask {
  private taskId: string | undefined;

  /** @param reportStatus receives progress parameters; @param onId the request that the call waits for */
  constructor(
    private readonly client: PeerClient,
    private readonly signal: AbortSignal,
    private readonly reportStatus: (params: Params) => void,
    private readonly onId: (id: number) => void,
  ) {}

  /** @returns the task's result, in the form of `tools/call`; @throws Unanswered */
  async run(name: string, args: Params): Promise<RpcResponse> {
    const begun = await this.ask('tools/call', { name, arguments: args, task: { ttl: TTL_MS } });
    const task = begun.result?.task;
    if (!isObject(task) || typeof task.taskId !== 'string') return begun;
    this.taskId = task.taskId;
    try {
      return await this.untilEnded(task);
    } finally {
      if (this.signal.aborted) this.cancel();
    }
  }

  private async untilEnded(begun: Params): Promise<RpcResponse> {
    const taskId = this.taskId!;
    let told: unknown;
    for (let task = begun, polls = 0; ; polls++) {
      if (task.statusMessage !== told && typeof task.statusMessage === 'string') {
        told = task.statusMessage;
        this.reportStatus({ progress: polls, message: task.statusMessage });
      }
      // If the task asks something, the question arrives while its result is awaited.
      if (ENDED.has(task.status) || task.status === 'input_required') {
        return this.ask('tasks/result', { taskId }, { timeoutMs: Infinity });
      }
      const wait = typeof task.pollInterval === 'number' ? task.pollInterval : POLL_MS;
      await delay(Math.max(POLL_MS / 5, Math.min(wait, MAX_POLL_MS)), undefined, { signal: this.signal });
      const { result, error } = await this.client.request('tasks/get', { taskId }, { signal: this.signal });
      if (!result) return { kind: 'response', id: 0, error: error ?? {} };
      task = result;
    }
  }

  private ask(method: string, params: Params, options: { timeoutMs?: number } = {}): Promise<RpcResponse> {
    return this.client.request(method, params, { ...options, signal: this.signal, onId: this.onId });
  }

  private cancel(): void {
    this.client.request('tasks/cancel', { taskId: this.taskId }).catch(() => undefined);
  }
}
