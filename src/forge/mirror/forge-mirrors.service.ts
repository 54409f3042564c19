import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import type { Subscription } from 'rxjs';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { EventBus } from '../../operations/event-bus.js';
import { isFinal, type RecordedEvent } from '../../operations/operation-event.js';
import type { Operation } from '../../operations/operation.js';
import { OperationsService } from '../../operations/operations.service.js';
import { ForgeClient } from '../api/forge-client.service.js';
import { ForgeMetrics } from '../forge.metrics.js';
import { ForgeStreams } from '../streams/forge-streams.service.js';
import { AttemptMirror, type MirrorTarget } from './attempt-mirror.js';
import { ForgeResourceUpdates } from './forge-resource-updates.service.js';
import { ATTEMPT_OPERATION, operationOfRun } from './run-operation.js';

/** An attempt that is being watched. */
export interface AttemptWatch {
  /** The mirroring operation as it was when the watch began. */
  readonly operation: Operation;
  /** True when this watch opened it. */
  readonly created: boolean;
  /** Leaves. The last to leave closes the streams and the operation; who never leaves keeps both to the run's end. */
  release(): void;
}

interface Mirrored {
  readonly operation: Operation;
  readonly created: boolean;
  /** Undefined for a run that was recorded to its end. */
  readonly mirror: AttemptMirror | undefined;
  holders: number;
}

const ATTEMPT_ID = /^[A-Za-z0-9][A-Za-z0-9._:@-]{0,99}$/;

/**
 * One mirroring operation per run of an attempt and tenant, shared by everyone who watches it: tools, REST and the
 * command line.
 */
@Injectable()
export class ForgeMirrors implements OnModuleDestroy {
  private readonly logger = new Logger('ForgeMirror');
  private readonly mirrored = new Map<string, Promise<Mirrored>>();
  /** Keys of `mirrored` by operation. */
  private readonly keys = new Map<string, string>();
  private readonly bus: Subscription;

  constructor(
    private readonly operations: OperationsService,
    private readonly client: ForgeClient,
    private readonly streams: ForgeStreams,
    private readonly updates: ForgeResourceUpdates,
    bus: EventBus,
    metrics: ForgeMetrics,
  ) {
    metrics.gauge('opstream_forge_mirrors', 'Runs that are being mirrored', () => this.keys.size);
    this.bus = bus.events$.subscribe((events) => this.stopEnded(events));
  }

  /** The operations stay open: whoever watches the attempt after a restart takes them up where they are. */
  async onModuleDestroy(): Promise<void> {
    this.bus.unsubscribe();
    for (const mirrored of await Promise.allSettled(this.mirrored.values())) {
      if (mirrored.status === 'rejected') continue;
      mirrored.value.mirror?.pause();
    }
  }

  /**
   * Begins to watch an attempt, or joins those who do. A run that was recorded to its end is not read from Forge again.
   * @throws OpstreamError `invalid_request` for an id that is none, `forge_not_found`, `forge_unavailable`,
   *   `too_many_operations`
   */
  async watch(tenant: string, attemptId: string): Promise<AttemptWatch> {
    if (!ATTEMPT_ID.test(attemptId)) {
      throw new OpstreamError('invalid_request', 'attempt_id must be an id of Forge');
    }
    const key = `${tenant}/${attemptId}`;
    const present = this.mirrored.get(key);
    const mirrored = await (present ?? this.begin(key, tenant, attemptId));
    mirrored.holders++;
    let held = true;
    return {
      operation: mirrored.operation,
      created: mirrored.created && !present,
      release: () => {
        if (held) this.release(mirrored);
        held = false;
      },
    };
  }

  /** Takes up what a former process of this service left unfinished, for every tenant; an attempt that is unknown by now is left alone. */
  async resumeUnfinished(): Promise<void> {
    for (const { tenant, operationId } of await this.operations.unfinished(ATTEMPT_OPERATION)) {
      const operation = await this.operations.find(tenant, operationId);
      const attemptId = operation?.metadata.attempt_id;
      if (operation?.operationType !== ATTEMPT_OPERATION || typeof attemptId !== 'string') continue;
      if (this.mirrored.has(`${tenant}/${attemptId}`)) continue;
      await this.watch(tenant, attemptId).catch((error: unknown) =>
        this.logger.warn({ event: 'forge_resume_failed', attempt_id: attemptId, error }),
      );
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
    const { operation, created, ignored } = await operationOfRun(this.operations, tenant, attempt, processes);
    if (operation.endedAt !== null) {
      this.mirrored.delete(key);
      return { operation, created, mirror: undefined, holders: 0 };
    }
    const target = { tenant, attemptId, operationId: operation.operationId, ignored };
    const mirror = this.newMirror(key, target);
    if (!created) await mirror.readBack();
    mirror.start();
    await mirror.seeProcesses(processes, attempt.status);
    return { operation, created, mirror, holders: 0 };
  }

  private newMirror(key: string, target: MirrorTarget): AttemptMirror {
    this.keys.set(operationKey(target.tenant, target.operationId), key);
    return new AttemptMirror(target, {
      operations: this.operations,
      client: this.client,
      streams: this.streams,
      onRecorded: ({ tenant, attemptId }, details) => this.updates.recorded(tenant, attemptId, details),
      onOver: ({ tenant, operationId, attemptId }) => {
        this.mirrored.delete(key);
        this.keys.delete(operationKey(tenant, operationId));
        this.updates.ended(tenant, attemptId);
      },
    });
  }

  private release(mirrored: Mirrored): void {
    mirrored.holders--;
    const { mirror } = mirrored;
    if (!mirror || mirror.isOver || mirrored.holders > 0) return;
    mirror.stop();
    const { target } = mirror;
    this.operations
      .cancel(target.tenant, target.operationId, 'Nobody watches the attempt any more')
      .catch((error: unknown) => this.logger.warn({ event: 'forge_cancel_failed', ...target, error }));
  }

  /** Someone ended a mirroring operation: its streams are not needed any more. */
  private stopEnded(events: readonly RecordedEvent[]): void {
    if (this.keys.size === 0) return;
    for (const { tenant, operationId, type } of events) {
      const key = isFinal(type) ? this.keys.get(operationKey(tenant, operationId)) : undefined;
      if (key === undefined) continue;
      void this.mirrored.get(key)?.then(
        ({ mirror }) => mirror?.stop(),
        () => {},
      );
    }
  }
}

function operationKey(tenant: string, operationId: string): string {
  return `${tenant}/${operationId}`;
}
