import { Logger } from '@nestjs/common';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import type { OperationsService } from '../../operations/operations.service.js';
import type { ForgeClient } from '../api/forge-client.service.js';
import type { ExecutionProcess } from '../api/forge-records.js';
import { DiffDecoder } from '../decoding/diff-decoder.js';
import type { ForgeStream, StreamEnd } from '../streams/forge-stream.js';
import type { ForgeStreams } from '../streams/forge-streams.service.js';
import { AttemptLogs } from './attempt-logs.js';
import {
  diffEvent,
  mirrorDetails,
  processEvent,
  streamErrorEvent,
  type MirrorDetails,
  type MirrorEvent,
} from './mirror-events.js';
import { MirrorRecord } from './mirror-record.js';
import { MirrorWriter } from './mirror-writer.js';
import { ProcessSource } from './process-source.js';
import { agentRuns, FINAL_STATES, hasEnded, outcomeOf, type RunOutcome } from './run-outcome.js';

export interface MirrorTarget {
  readonly tenant: string;
  readonly attemptId: string;
  readonly operationId: string;
  /** Processes of earlier runs, which are not this operation's business. */
  readonly ignored: ReadonlySet<string>;
}

export interface MirrorServices {
  readonly operations: OperationsService;
  readonly client: ForgeClient;
  readonly streams: ForgeStreams;
  /** Something of the attempt was recorded. */
  onRecorded(target: MirrorTarget, details: MirrorDetails): void;
  /** The mirror does nothing any more: its operation ended, or cannot be written. */
  onOver(target: MirrorTarget): void;
}

/** A run is over once nothing new was seen for this long after its agent ended: the last diffs come a moment later. */
const SETTLE_MS = 500;
/** After the agent's end logs are waited for as long as something comes, and no longer than this when nothing does. */
const DRAIN_MS = 5000;
const HISTORY_PAGE = { limit: 1000, maxBytes: 1024 * 1024 };
const MAX_FILES_IN_RESULT = 1000;

export const AGENT_FAILED = 'ForgeAgentFailed';
export const AGENT_STOPPED = 'ForgeAgentStopped';
export const FORGE_UNAVAILABLE = 'ForgeUnavailable';

/**
 * Copies one run of an attempt into an operation: diffs, log lines and process states become its events, the agent's
 * end its end. Another process can take it up, because everything it knows is in the log.
 */
export class AttemptMirror {
  private readonly logger = new Logger('ForgeMirror');
  private readonly diffs = new DiffDecoder();
  private readonly recorded = new MirrorRecord(this.diffs);
  private readonly processes = new Map<string, ExecutionProcess>();
  private readonly writer: MirrorWriter;
  private readonly logs: AttemptLogs;
  private readonly source: ProcessSource;
  private attemptStatus: string | undefined;
  private diffStream: ForgeStream | undefined;
  /** The stream is over, and why; undefined while it may still bring something. */
  private diffEnd: 'finished' | 'refused' | undefined;
  /** Milliseconds; when the diff was last seen to move, or to be open. */
  private diffMoved = 0;
  /** Milliseconds; when something was last recorded. */
  private lastRecorded = 0;
  private lastStreamError = '';
  private overSince: number | undefined;
  private settleTimer: ReturnType<typeof setTimeout> | undefined;
  private active = false;
  private over = false;

  constructor(
    readonly target: MirrorTarget,
    private readonly services: MirrorServices,
  ) {
    const { tenant, attemptId, operationId } = target;
    this.writer = new MirrorWriter(
      (drafts) => services.operations.appendAll(tenant, operationId, drafts),
      (events) => {
        this.lastRecorded = Date.now();
        for (const { details } of events) services.onRecorded(target, details);
      },
      (error) => this.recordingFailed(error),
    );
    this.logs = new AttemptLogs(tenant, services.streams, this.recorded, {
      record: (events) => this.record(events),
      logEnded: () => this.settle(),
    });
    this.source = new ProcessSource(tenant, attemptId, services.client, services.streams, {
      onProcesses: (processes, status) => this.seeProcesses(processes, status),
      onUnavailable: (error) => void this.loseForge(error),
    });
  }

  /** Learns from the operation's log what was recorded before. */
  async readBack(): Promise<void> {
    const { tenant, operationId } = this.target;
    for (let after = 0; ;) {
      const page = await this.services.operations.history(tenant, operationId, after, HISTORY_PAGE);
      for (const event of page.events) {
        const details = mirrorDetails(event);
        if (details) this.recorded.note(details);
      }
      const last = page.events.at(-1);
      if (!last) return;
      after = last.seq;
    }
  }

  /** Opens the upstream streams. */
  start(): void {
    if (this.active || this.over) return;
    this.active = true;
    this.openDiff();
    this.source.start();
  }

  /** Closes the upstream streams; the operation stays open for whoever takes it up. */
  pause(): void {
    this.active = false;
    clearTimeout(this.settleTimer);
    this.diffStream?.close();
    this.diffStream = undefined;
    this.source.stop();
    this.logs.close();
  }

  get isOver(): boolean {
    return this.over;
  }

  /** The operation has ended, or is ended, by someone else's doing. */
  stop(): void {
    if (this.over) return;
    this.over = true;
    this.writer.close();
    this.pause();
    this.services.onOver(this.target);
  }

  /** Takes in what is already known of the attempt's processes. */
  async seeProcesses(processes: readonly ExecutionProcess[], attemptStatus?: string | null): Promise<void> {
    this.attemptStatus = attemptStatus ?? this.attemptStatus;
    for (const process of processes) {
      if (this.target.ignored.has(process.id)) continue;
      const before = this.processes.get(process.id)?.status ?? this.recorded.statusOf(process.id);
      // An answer may be older than what the stream has told meanwhile: no process runs again.
      if (before !== undefined && FINAL_STATES.has(before) && !hasEnded(process)) continue;
      this.processes.set(process.id, process);
      if (before !== process.status) await this.record([processEvent(process)]);
      if (this.active) await this.logs.see(process);
    }
    this.settle();
  }

  private openDiff(): void {
    const { tenant, attemptId } = this.target;
    this.diffStream = this.services.streams.open(tenant, 'diff', attemptId, {
      onOpen: () => {
        this.diffs.reset();
        this.diffMoved = Date.now();
        this.lastStreamError = '';
        this.settle();
      },
      onFrame: async (frame) => {
        this.diffMoved = Date.now();
        await this.record(this.diffs.accept(frame).map(diffEvent));
      },
      onError: (error) => void this.recordStreamError(error),
      onEnd: (end) => void this.diffStreamEnded(end),
    });
  }

  private async diffStreamEnded(end: StreamEnd): Promise<void> {
    this.diffStream = undefined;
    if (end.reason === 'unreachable') {
      await this.loseForge(end.error);
      return;
    }
    this.diffEnd = end.reason;
    if (end.reason === 'refused') await this.recordStreamError(end.error);
    this.settle();
  }

  private async recordStreamError(error: Error): Promise<void> {
    if (error.message === this.lastStreamError) return;
    this.lastStreamError = error.message;
    await this.record([streamErrorEvent('diff', error)]);
  }

  /** Taken as recorded at once: a replay that begins before the events are stored must not bring them again. */
  private record(events: readonly MirrorEvent[]): Promise<void> {
    for (const { details } of events) this.recorded.note(details);
    return this.writer.write(events);
  }

  /** What could not be stored is read from Forge again when the attempt is watched again. */
  private recordingFailed(error: unknown): void {
    if (this.over) return;
    const ended = error instanceof OpstreamError && error.code === 'operation_ended';
    if (!ended) this.logger.warn({ event: 'forge_mirror_failed', ...this.target, error });
    this.stop();
  }

  /** Ends the operation when the run is over and everything that belongs to it was seen. */
  private settle(): void {
    clearTimeout(this.settleTimer);
    if (!this.active) return;
    const outcome = this.outcome();
    if (!outcome) {
      this.overSince = undefined;
      return;
    }
    const now = Date.now();
    this.overSince ??= now;
    const wait = this.waitBeforeEnd(now, this.overSince);
    if (wait <= 0) void this.end(outcome);
    else this.settleTimer = setTimeout(() => this.settle(), wait);
  }

  private outcome(): RunOutcome | undefined {
    const outcome = outcomeOf(this.processes.values(), this.attemptStatus);
    if (outcome || this.diffEnd !== 'finished') return outcome;
    // A server that finishes the diff has nothing more to say, unless an agent is at work all the same.
    if (agentRuns(this.processes.values())) return undefined;
    return { status: 'completed', message: 'The diff is finished', exitCode: null };
  }

  /** Milliseconds; at most until the deadline for logs and a diff stream that does not open. */
  private waitBeforeEnd(now: number, overSince: number): number {
    const deadline = Math.max(overSince, this.lastRecorded) + DRAIN_MS - now;
    if (deadline <= 0) return 0;
    if (this.logs.pending || (!this.diffEnd && this.diffMoved === 0)) return deadline;
    // While much is being recorded the sockets may be paused: that they are quiet then means nothing.
    const moved = this.diffEnd ? this.lastRecorded : Math.max(this.lastRecorded, this.diffMoved);
    return Math.max(overSince, moved) + SETTLE_MS - now;
  }

  private async end(outcome: RunOutcome): Promise<void> {
    const { attemptId } = this.target;
    if (outcome.status === 'completed') {
      await this.finish((tenant, id) =>
        this.services.operations.result(tenant, id, {
          attempt_id: attemptId,
          status: outcome.status,
          exit_code: outcome.exitCode,
          diffs: this.recorded.diffs,
          log_lines: this.recorded.logLines,
          files: this.diffs.files.slice(0, MAX_FILES_IN_RESULT),
        }),
      );
    } else {
      const type = outcome.status === 'killed' ? AGENT_STOPPED : AGENT_FAILED;
      await this.finish((tenant, id) => this.services.operations.error(tenant, id, outcome.message, type));
    }
  }

  private async loseForge(error: Error): Promise<void> {
    const message = `Forge cannot be reached any more: ${error.message}`;
    await this.finish((tenant, id) => this.services.operations.error(tenant, id, message, FORGE_UNAVAILABLE));
  }

  private async finish(end: (tenant: string, operationId: string) => Promise<unknown>): Promise<void> {
    if (this.over) return;
    this.over = true;
    this.pause();
    try {
      await this.writer.write([]);
      await end(this.target.tenant, this.target.operationId);
    } catch (error) {
      const ended = error instanceof OpstreamError && error.code === 'operation_ended';
      if (!ended) this.logger.warn({ event: 'forge_mirror_failed', ...this.target, error });
    }
    this.services.onOver(this.target);
  }
}
