import { Logger } from '@nestjs/common';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import type { OperationsService } from '../../operations/operations.service.js';
import type { ForgeClient } from '../api/forge-client.service.js';
import type { ExecutionProcess } from '../api/forge-records.js';
import { DiffDecoder } from '../decoding/diff-decoder.js';
import type { ForgeStreams } from '../streams/forge-streams.service.js';
import { AttemptDiff } from './attempt-diff.js';
import { AttemptLogs } from './attempt-logs.js';
import { AttemptProcesses } from './attempt-processes.js';
import { MirrorEnding } from './mirror-ending.js';
import {
  lostEvent,
  mirrorDetails,
  processEvent,
  type MirrorDetails,
  type MirrorEvent,
} from './mirror-events.js';
import { MirrorRecord } from './mirror-record.js';
import { MirrorWriter } from './mirror-writer.js';
import { agentRuns, FINAL_STATES, hasEnded, outcomeOf, type RunOutcome } from './run-outcome.js';

export interface MirrorTarget {
  readonly tenant: string;
  readonly attemptId: string;
  readonly operationId: string;
  /** Processes of earlier runs, which belong to other operations. */
  readonly ignored: ReadonlySet<string>;
}

export interface MirrorDependencies {
  /** Record agents' raw output instead of normalized entries. */
  readonly rawAgentLogs: boolean;
  readonly operations: OperationsService;
  readonly client: ForgeClient;
  readonly streams: ForgeStreams;
  /** Something of the attempt was recorded. */
  onRecorded(target: MirrorTarget, details: MirrorDetails): void;
  /** The mirror is finished: its operation ended or cannot be written. */
  onOver(target: MirrorTarget): void;
  /** Forge was lost before the end; another mirror may continue when it is back. */
  onLost(target: MirrorTarget): void;
}

/**
 * A run is over when nothing new has arrived for this long after its agent ended: the last diffs arrive slightly
 * later.
 */
const SETTLE_MS = 500;
/** After the agent's end, logs are awaited as long as data arrives, and at most this long without data. */
const DRAIN_MS = 5000;
const HISTORY_PAGE = { limit: 1000, maxBytes: 1024 * 1024 };

/**
 * Copies one run of an attempt into an operation: diffs, log lines and process states become events, and the agent's
 * end ends it. Another process can take over, because the entire state is in the log.
 */
export class AttemptMirror {
  private readonly logger = new Logger('ForgeMirror');
  private readonly decoder = new DiffDecoder();
  private readonly recorded = new MirrorRecord(this.decoder);
  private readonly seen = new Map<string, ExecutionProcess>();
  private readonly writer: MirrorWriter;
  private readonly diff: AttemptDiff;
  private readonly logs: AttemptLogs;
  private readonly processes: AttemptProcesses;
  private readonly ending: MirrorEnding;
  private attemptStatus: string | undefined;
  /** Milliseconds; when something was last recorded. */
  private lastRecorded = 0;
  private overSince: number | undefined;
  private settleTimer: ReturnType<typeof setTimeout> | undefined;
  private active = false;
  private over = false;

  constructor(
    readonly target: MirrorTarget,
    private readonly services: MirrorDependencies,
  ) {
    const { tenant, attemptId, operationId } = target;
    this.writer = new MirrorWriter(
      (drafts) => services.operations.appendAll({ tenant, operationId }, drafts),
      (events) => {
        this.lastRecorded = Date.now();
        for (const { details } of events) services.onRecorded(target, details);
      },
      (error) => this.recordingFailed(error),
    );
    this.ending = new MirrorEnding(services.operations, tenant, operationId);
    this.diff = new AttemptDiff(tenant, attemptId, services.streams, this.decoder, {
      record: (events) => this.record(events),
      diffChanged: () => this.settle(),
      onUnavailable: (error) => void this.loseForge(error),
    });
    this.logs = new AttemptLogs(
      tenant,
      services.streams,
      this.recorded,
      {
        record: (events) => this.record(events),
        logEnded: () => this.settle(),
      },
      services.rawAgentLogs,
    );
    this.processes = new AttemptProcesses(tenant, attemptId, services.client, services.streams, {
      onProcesses: (processes, status) => this.seeProcesses(processes, status),
      onUnavailable: (error) => void this.loseForge(error),
    });
  }

  /** Restores its state from the operation's log. */
  async readBack(): Promise<void> {
    const { tenant, operationId } = this.target;
    for (let after = 0; ;) {
      const page = await this.services.operations.history({ tenant, operationId }, after, HISTORY_PAGE);
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
    this.diff.open();
    this.processes.start();
  }

  /** Closes the upstream streams; the operation stays open so that it can be resumed. */
  pause(): void {
    this.active = false;
    clearTimeout(this.settleTimer);
    this.diff.close();
    this.processes.stop();
    this.logs.close();
  }

  /**
   * Whether it must not hold its sockets without a watcher: the older API has no event for the end of a run, so they
   * might stay open for good.
   */
  get needsWatcher(): boolean {
    return this.active && this.diff.isLegacy;
  }

  /** Nobody watches any more: releases the sockets and stores what arrived. The next watch continues its operation. */
  async release(): Promise<void> {
    if (this.over) return;
    this.over = true;
    this.pause();
    await this.writer.write([]).catch((error: unknown) => this.warnUnlessEnded(error));
    this.writer.close();
  }

  get isOver(): boolean {
    return this.over;
  }

  /** The operation was ended elsewhere. */
  stop(): void {
    if (this.over) return;
    this.over = true;
    this.writer.close();
    this.pause();
    this.services.onOver(this.target);
  }

  /** Takes in what is already known about the attempt's processes. */
  async seeProcesses(processes: readonly ExecutionProcess[], attemptStatus?: string | null): Promise<void> {
    this.attemptStatus = attemptStatus ?? this.attemptStatus;
    for (const process of processes) {
      if (this.target.ignored.has(process.id)) continue;
      const before = this.seen.get(process.id)?.status ?? this.recorded.statusOf(process.id);
      // A response may be older than the stream: no process starts again.
      if (before !== undefined && FINAL_STATES.has(before) && !hasEnded(process)) continue;
      this.seen.set(process.id, process);
      if (before !== process.status) await this.record([processEvent(process)]);
      if (this.active) await this.logs.see(process);
    }
    this.settle();
  }

  /** Marked as recorded immediately: a replay before the events are stored must not add them again. */
  private record(events: readonly MirrorEvent[]): Promise<void> {
    for (const { details } of events) this.recorded.note(details);
    return this.writer.write(events);
  }

  /** Anything that could not be stored is read again when the attempt is watched again. */
  private recordingFailed(error: unknown): void {
    if (this.over) return;
    this.warnUnlessEnded(error);
    this.stop();
  }

  /** The operation may have been ended elsewhere in the meantime. */
  private warnUnlessEnded(error: unknown): void {
    const ended = error instanceof OpstreamError && error.code === 'operation_ended';
    if (!ended) this.logger.warn({ event: 'forge_mirror_failed', ...this.target, error });
  }

  /** Ends the operation when the run is over and everything belonging to it has arrived. */
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
    const outcome = outcomeOf(this.seen.values(), this.attemptStatus);
    if (outcome || this.diff.ended !== 'finished') return outcome;
    // After `finished` on the diff nothing more comes, unless an agent is still running.
    if (agentRuns(this.seen.values())) return undefined;
    return { status: 'completed', message: 'The diff is finished', exitCode: null };
  }

  /** Milliseconds; at most until the deadline for logs and a diff stream that does not open. */
  private waitBeforeEnd(now: number, overSince: number): number {
    const deadline = Math.max(overSince, this.lastRecorded) + DRAIN_MS - now;
    if (deadline <= 0) return 0;
    const { ended, movedAt } = this.diff;
    if (this.logs.pending || (!ended && movedAt === 0)) return deadline;
    // While much is being recorded the sockets may be paused, so their silence means nothing.
    const moved = ended ? this.lastRecorded : Math.max(this.lastRecorded, movedAt);
    return Math.max(overSince, moved) + SETTLE_MS - now;
  }

  private end(outcome: RunOutcome): Promise<void> {
    return this.finish(() =>
      this.ending.runIsOver(outcome, {
        attemptId: this.target.attemptId,
        diffs: this.recorded.diffs,
        logLines: this.recorded.logLines,
        files: this.decoder.files,
      }),
    );
  }

  /** The run may continue unseen: recording resumes when Forge is back. */
  private async loseForge(error: Error): Promise<void> {
    if (error instanceof OpstreamError && error.code === 'forge_not_found') {
      return this.finish(() => this.ending.attemptIsGone(error));
    }
    // The other streams report the same.
    if (this.over || !this.active) return;
    this.pause();
    await this.record([lostEvent(error)]);
    if (this.over) return;
    this.over = true;
    this.writer.close();
    this.services.onLost(this.target);
  }

  private async finish(end: () => Promise<void>): Promise<void> {
    if (this.over) return;
    this.over = true;
    this.pause();
    try {
      await this.writer.write([]);
      await end();
    } catch (error) {
      this.warnUnlessEnded(error);
    }
    this.services.onOver(this.target);
  }
}
