import { operationKeyText, type OperationKey } from '../../operations/operation-key.js';
import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import type { Subscription } from 'rxjs';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { Configuration } from '../../config/configuration.js';
import { EventBus } from '../../operations/event-bus.js';
import { isFinal, type RecordedEvent } from '../../operations/operation-event.js';
import type { Operation } from '../../operations/operation.js';
import { OperationsService } from '../../operations/operations.service.js';
import { ForgeClient } from '../api/forge-client.service.js';
import { Subscriptions } from '../../streaming/delivery/subscriptions.js';
import { ForgeMetrics } from '../forge.metrics.js';
import { ForgeStreams } from '../streams/forge-streams.service.js';
import { AttemptMirror, type MirrorTarget } from './attempt-mirror.js';
import { MirrorEnding } from './mirror-ending.js';
import { ForgeResourceUpdates } from './forge-resource-updates.service.js';
import { ATTEMPT_OPERATION, operationOfRun } from './run-operation.js';

/** A watched attempt. */
export interface AttemptWatch {
  /** The mirroring operation when the watch began. */
  readonly operation: Operation;
  /** True when this watch created it. */
  readonly created: boolean;
}

/** A watch by somebody who leaves at some point. */
export interface TemporaryWatch extends AttemptWatch {
  /** Ends the watch; safe to call twice. */
  readonly leave: () => void;
}

interface Mirrored {
  readonly operation: Operation;
  readonly created: boolean;
  /** Undefined for a fully recorded run, and while Forge is down. */
  readonly mirror: AttemptMirror | undefined;
}

/** Delay before a lost run is resumed; doubles each time up to the maximum. */
const TAKE_UP_MS = { first: 1000, longest: 30_000 };

const LIST_PAGE = 100;
const ATTEMPT_ID = /^[A-Za-z0-9][A-Za-z0-9._:@-]{0,99}$/;

/**
 * One mirroring operation per run of an attempt and tenant, shared by all watchers. The recording belongs to the run:
 * it continues to the run's end even when all watchers leave, and through every outage of Forge.
 */
@Injectable()
export class ForgeMirrors implements OnModuleDestroy {
  private readonly logger = new Logger('ForgeMirror');
  private readonly mirrored = new Map<string, Promise<Mirrored>>();
  /** Keys of `mirrored`, by operation. */
  private readonly keys = new Map<string, string>();
  /** Mirrors that still store what arrived, by key: the next one reads it back. */
  private readonly releasing = new Map<string, Promise<void>>();
  /** Temporary watches, by key. */
  private readonly watches = new Map<string, number>();
  /** Keys of runs that somebody asked to record to their end. */
  private readonly kept = new Set<string>();
  private readonly bus: Subscription;
  private readonly retries = new Set<NodeJS.Timeout>();
  private stopped = false;

  constructor(
    private readonly operations: OperationsService,
    private readonly client: ForgeClient,
    private readonly streams: ForgeStreams,
    private readonly updates: ForgeResourceUpdates,
    private readonly configuration: Configuration,
    private readonly subscriptions: Subscriptions,
    bus: EventBus,
    metrics: ForgeMetrics,
  ) {
    metrics.gauge('opstream_forge_mirrors', 'Runs that are being mirrored', () => this.keys.size);
    this.bus = bus.events$.subscribe((events) => this.stopEnded(events));
  }

  /** The operations stay open: a watch after a restart resumes them. */
  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    for (const timer of this.retries) clearTimeout(timer);
    this.bus.unsubscribe();
    for (const mirrored of await Promise.allSettled(this.mirrored.values())) {
      if (mirrored.status === 'rejected') continue;
      mirrored.value.mirror?.pause();
    }
  }

  /**
   * Starts recording an attempt's run, or finds that it is or was recorded; a recorded run does not need Forge.
   * @throws OpstreamError `invalid_request` for an invalid id, `forge_not_found`, `forge_unavailable`,
   *   `too_many_operations`
   */
  async watch(tenant: string, attemptId: string): Promise<AttemptWatch> {
    const watch = await this.join(tenant, attemptId);
    this.kept.add(`${tenant}/${attemptId}`);
    return watch;
  }

  /**
   * Like `watch`, until the caller leaves. Real servers are recorded on to the end of the run; a server with the older
   * API only while somebody watches, since it does not tell the end.
   * @throws OpstreamError as `watch`
   */
  async watchForNow(tenant: string, attemptId: string): Promise<TemporaryWatch> {
    const key = `${tenant}/${attemptId}`;
    this.watches.set(key, (this.watches.get(key) ?? 0) + 1);
    let present = true;
    const leave = (): void => {
      if (!present) return;
      present = false;
      const left = (this.watches.get(key) ?? 1) - 1;
      if (left > 0) this.watches.set(key, left);
      else this.watches.delete(key);
      void this.releaseUnwatched(key);
    };
    try {
      return { ...(await this.join(tenant, attemptId)), leave };
    } catch (error) {
      leave();
      throw error;
    }
  }

  private async releaseUnwatched(key: string): Promise<void> {
    const mirrored = await this.mirrored.get(key)?.catch(() => undefined);
    const mirror = mirrored?.mirror;
    if (!mirror?.needsWatcher || this.kept.has(key) || this.watches.has(key)) return;
    const { tenant, operationId } = mirror.target;
    if (this.subscriptions.isFollowed({ tenant, operationId })) return;
    this.forget(key, { tenant, operationId });
    const releasing = mirror.release().finally(() => this.releasing.delete(key));
    this.releasing.set(key, releasing);
  }

  private async join(tenant: string, attemptId: string): Promise<AttemptWatch> {
    if (!ATTEMPT_ID.test(attemptId)) {
      throw new OpstreamError('invalid_request', 'attempt_id must be an id of Forge');
    }
    const key = `${tenant}/${attemptId}`;
    const present = this.mirrored.get(key);
    try {
      const { operation, created } = await (present ?? this.begin(key, tenant, attemptId));
      return { operation, created: created && !present };
    } catch (error) {
      const recorded = isAway(error) ? await this.latest(tenant, attemptId) : undefined;
      if (!recorded) throw error;
      if (recorded.endedAt === null) this.takeUpLater(tenant, attemptId);
      return { operation: recorded, created: false };
    }
  }

  /**
   * Resumes what a previous process of this service left unfinished, for every tenant; an attempt that no longer
   * exists is left alone.
   */
  async resumeUnfinished(): Promise<void> {
    for (const { tenant, operationId } of await this.operations.unfinished(ATTEMPT_OPERATION)) {
      const operation = await this.operations.find({ tenant, operationId });
      const attemptId = operation?.metadata.attempt_id;
      if (operation?.operationType !== ATTEMPT_OPERATION || typeof attemptId !== 'string') continue;
      if (this.mirrored.has(`${tenant}/${attemptId}`)) continue;
      await this.takeUp(tenant, attemptId, TAKE_UP_MS.first);
    }
  }

  private begin(key: string, tenant: string, attemptId: string): Promise<Mirrored> {
    const beginning = this.mirror(key, tenant, attemptId);
    this.mirrored.set(key, beginning);
    beginning.catch(() => this.mirrored.delete(key));
    return beginning;
  }

  private async mirror(key: string, tenant: string, attemptId: string): Promise<Mirrored> {
    const attempt = await this.client.getTaskAttempt(attemptId);
    const processes = await this.client.listExecutionProcesses(attemptId, true);
    await this.releasing.get(key);
    const { operation, created, ignored } = await operationOfRun(this.operations, tenant, attempt, processes);
    if (operation.endedAt !== null) {
      this.mirrored.delete(key);
      return { operation, created, mirror: undefined };
    }
    const target = { tenant, attemptId, operationId: operation.operationId, ignored };
    const mirror = this.newMirror(key, target);
    if (!created) await mirror.readBack();
    mirror.start();
    await mirror.seeProcesses(processes, attempt.status);
    return { operation, created, mirror };
  }

  private newMirror(key: string, target: MirrorTarget): AttemptMirror {
    this.keys.set(operationKeyText(target), key);
    return new AttemptMirror(target, {
      rawAgentLogs: this.configuration.forge.agentLogs === 'raw',
      operations: this.operations,
      client: this.client,
      streams: this.streams,
      onRecorded: ({ tenant, attemptId }, details) => this.updates.recorded(tenant, attemptId, details),
      onOver: ({ tenant, operationId, attemptId }) => {
        this.forget(key, { tenant, operationId });
        this.updates.ended(tenant, attemptId);
      },
      onLost: ({ tenant, operationId, attemptId }) => {
        this.forget(key, { tenant, operationId });
        this.takeUpLater(tenant, attemptId);
      },
    });
  }

  private forget(key: string, { tenant, operationId }: OperationKey): void {
    this.mirrored.delete(key);
    this.kept.delete(key);
    this.keys.delete(operationKeyText({ tenant, operationId }));
  }

  /** Resumes a run when Forge is back, unless it was cancelled or resumed by another watch. */
  private takeUpLater(tenant: string, attemptId: string, wait = TAKE_UP_MS.first): void {
    if (this.stopped) return;
    const timer = setTimeout(() => {
      this.retries.delete(timer);
      void this.takeUp(tenant, attemptId, wait);
    }, wait);
    timer.unref();
    this.retries.add(timer);
  }

  private async takeUp(tenant: string, attemptId: string, waited: number): Promise<void> {
    const key = `${tenant}/${attemptId}`;
    const open = await this.latest(tenant, attemptId).catch(() => undefined);
    if (this.mirrored.has(key) || open?.endedAt !== null) return;
    try {
      await this.begin(key, tenant, attemptId);
    } catch (error) {
      if (isAway(error)) this.takeUpLater(tenant, attemptId, Math.min(TAKE_UP_MS.longest, waited * 2));
      else if (error instanceof OpstreamError && error.code === 'forge_not_found') {
        await new MirrorEnding(this.operations, tenant, open.operationId)
          .attemptIsGone(error)
          .catch(() => {});
      } else this.logger.warn({ event: 'forge_resume_failed', attempt_id: attemptId, error });
    }
  }

  /** The most recent operation of an attempt. */
  private async latest(tenant: string, attemptId: string): Promise<Operation | undefined> {
    let cursor: string | undefined;
    do {
      const page = await this.operations.list(tenant, { type: ATTEMPT_OPERATION, limit: LIST_PAGE, cursor });
      const found = page.operations.find(({ metadata }) => metadata.attempt_id === attemptId);
      if (found) return found;
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return undefined;
  }

  /** A mirroring operation was ended elsewhere: its streams are no longer needed. */
  private stopEnded(events: readonly RecordedEvent[]): void {
    if (this.keys.size === 0) return;
    for (const { tenant, operationId, type } of events) {
      const key = isFinal(type) ? this.keys.get(operationKeyText({ tenant, operationId })) : undefined;
      if (key === undefined) continue;
      void this.mirrored.get(key)?.then(
        ({ mirror }) => mirror?.stop(),
        () => {},
      );
    }
  }
}

/** Forge does not respond; that says nothing about the attempt. */
function isAway(error: unknown): boolean {
  return error instanceof OpstreamError && AWAY.has(error.code);
}

const AWAY: ReadonlySet<string> = new Set(['forge_unavailable', 'forge_timeout', 'forge_failed']);
