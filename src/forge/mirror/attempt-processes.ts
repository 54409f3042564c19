import { OpstreamError } from '../../platform/errors/opstream-error.js';
import type { ForgeClient } from '../api/forge-client.service.js';
import { processSchema, type ExecutionProcess } from '../api/forge-records.js';
import type { ForgeFrame } from '../decoding/frame.js';
import { PatchedCollection } from '../decoding/patched-collection.js';
import type { ForgeStream } from '../streams/forge-stream.js';
import type { ForgeStreams } from '../streams/forge-streams.service.js';

export interface ProcessHandlers {
  /** Processes that appeared or changed, and the attempt's status if the server has one. */
  onProcesses(processes: readonly ExecutionProcess[], attemptStatus?: string | null): Promise<void>;
  /** Forge is no longer reachable. */
  onUnavailable(error: Error): void;
}

/** Polling interval for a server without the stream. */
const POLL_MS = 1000;
/** Forge's streams may silently drop messages, so the processes are polled occasionally, too. */
const SAFETY_POLL_MS = 10_000;

/** Tracks the processes of an attempt: by stream if there is one, else by polling. */
export class AttemptProcesses {
  private readonly collection = new PatchedCollection('execution_processes');
  private stream: ForgeStream | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private stopped = true;
  /** Ends what is being asked: a retry must not reach a server that somebody else asks meanwhile. */
  private asking = new AbortController();
  private failures = 0;

  constructor(
    private readonly tenant: string,
    private readonly attemptId: string,
    private readonly client: ForgeClient,
    private readonly streams: ForgeStreams,
    private readonly handlers: ProcessHandlers,
  ) {}

  start(): void {
    this.stopped = false;
    this.asking = new AbortController();
    this.failures = 0;
    if (this.streams.has('processes')) this.openStream();
    this.schedule();
  }

  stop(): void {
    this.stopped = true;
    this.asking.abort();
    clearTimeout(this.timer);
    this.stream?.close();
    this.stream = undefined;
  }

  private openStream(): void {
    this.stream = this.streams.open(this.tenant, 'processes', this.attemptId, {
      onOpen: () => this.collection.reset(),
      onFrame: (frame) => this.receive(frame),
      onError: () => {},
      onEnd: (end) => {
        this.stream = undefined;
        if (end.reason === 'unreachable') this.handlers.onUnavailable(end.error);
        else this.schedule();
      },
    });
  }

  private async receive(frame: ForgeFrame): Promise<void> {
    if (frame.kind !== 'patch') return;
    const processes = this.collection
      .apply(frame.operations)
      .flatMap(({ after }) => processSchema.safeParse(after).data ?? [])
      .filter(({ task_attempt_id }) => (task_attempt_id ?? this.attemptId) === this.attemptId);
    if (processes.length > 0) await this.handlers.onProcesses(processes);
  }

  private schedule(): void {
    clearTimeout(this.timer);
    if (this.stopped) return;
    this.timer = setTimeout(() => void this.poll(), this.stream ? SAFETY_POLL_MS : POLL_MS);
    this.timer.unref();
  }

  private async poll(): Promise<void> {
    const { signal } = this.asking;
    try {
      const hasStream = this.stream !== undefined;
      const attempt = hasStream ? undefined : await this.client.getTaskAttempt(this.attemptId, signal);
      const processes = await this.client.listExecutionProcesses(this.attemptId, false, signal);
      if (signal.aborted) return;
      this.failures = 0;
      await this.handlers.onProcesses(processes, attempt?.status);
    } catch (error) {
      if (signal.aborted) return;
      this.pollFailed(error instanceof Error ? error : new Error(String(error)));
    }
    this.schedule();
  }

  /** With a stream, the stream decides when Forge is gone. */
  private pollFailed(error: Error): void {
    this.failures++;
    if (this.stopped || this.stream !== undefined) return;
    const gone = error instanceof OpstreamError && error.code === 'forge_not_found';
    if (gone || this.failures > this.streams.maxReconnectAttempts) this.handlers.onUnavailable(error);
  }
}
