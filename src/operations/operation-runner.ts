import { operationKeyText, type OperationKey } from './operation-key.js';
import { Logger } from '@nestjs/common';
import type { Subscription } from 'rxjs';
import { DEFAULT_TENANT } from '../auth/principal.js';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import type { EventBus } from './event-bus.js';
import type { JsonObject, JsonValue } from '../platform/json.js';
import type { EventDraft } from './operation-draft.js';
import { OperationScope, withinScope } from './operation-scope.js';
import { isActive, type Operation } from './operation.js';

export interface RunOptions {
  readonly tenant?: string;
  readonly metadata?: JsonObject;
  /** Adopts a running operation instead of creating one. */
  readonly operationId?: string;
  /** What it is a part of; by default, the operation that the calling code runs in. */
  readonly parentOperationId?: string | null;
  /** User on whose behalf it runs. */
  readonly createdBy?: string;
}

/** Maximum remembered types: an application with unbounded types must not make memory grow. */
const MAX_TYPES = 200;

/** What the runner needs from its service. */
interface Recorder {
  find(key: OperationKey): Promise<Operation | null>;
  create(
    tenant: string,
    input: {
      operationType: string;
      metadata?: JsonObject | undefined;
      operationId?: string | undefined;
      parentOperationId?: string | null | undefined;
      createdBy?: string | undefined;
      owner: string;
    },
  ): Promise<{ operation: Operation }>;
  append(key: OperationKey, draft: EventDraft): Promise<unknown>;
}

/**
 * Runs work as an operation, behind `OperationsService.run`: creates it, gives the work a scope to report through, and
 * guarantees that it ends with a result, an error or a cancellation.
 */
export class OperationRunner {
  private readonly logger = new Logger('Operations');
  /** Controllers of running work, by tenant and operation. */
  private readonly running = new Map<string, AbortController>();
  private readonly cancellations: Subscription;
  /** Types this application has run itself: its own words, which may become labels. */
  readonly types = new Set<string>();

  constructor(
    private readonly operations: Recorder,
    bus: EventBus,
    /** Identifies this run of the service; work ends with it. */
    private readonly owner: string,
  ) {
    this.cancellations = bus.events$.subscribe((events) => {
      if (this.running.size === 0) return;
      for (const event of events) {
        if (event.type === 'cancelled') this.running.get(operationKeyText(event))?.abort(cancelled());
      }
    });
  }

  /** Signals all running work to end, because the service stops. */
  stop(): void {
    this.cancellations.unsubscribe();
    for (const controller of this.running.values()) {
      controller.abort(new OpstreamError('shutting_down', 'The service is shutting down'));
    }
  }

  async run<T>(
    operationType: string,
    options: RunOptions,
    work: (scope: OperationScope) => Promise<T> | T,
  ): Promise<T> {
    const tenant = options.tenant ?? DEFAULT_TENANT;
    if (this.types.size < MAX_TYPES) this.types.add(operationType);
    const controller = new AbortController();
    const operationId = await this.open(tenant, operationType, options, controller);
    const scope = new OperationScope(
      operationId,
      controller.signal,
      (draft) =>
        operationId === null ? Promise.resolve() : this.operations.append({ tenant, operationId }, draft),
      (error) => this.emitFailed(operationId, error),
    );
    if (operationId !== null) this.running.set(operationKeyText({ tenant, operationId }), controller);
    try {
      const value = await withinScope(tenant, scope, () => work(scope));
      // After an external cancellation the operation has already ended. A shutdown does not end the work itself.
      const { aborted, reason } = controller.signal as { aborted: boolean; reason: unknown };
      if (!aborted || reason instanceof OpstreamError) {
        await scope.result(asJson(value));
        if (!scope.ended) await scope.error('The result could not be recorded', 'ResultTooLarge');
      }
      return value;
    } catch (thrown) {
      await this.recordFailure(scope, thrown);
      throw thrown;
    } finally {
      if (operationId !== null) this.running.delete(operationKeyText({ tenant, operationId }));
    }
  }

  /** @returns null when it cannot be created; the work runs nevertheless */
  private async open(
    tenant: string,
    operationType: string,
    { operationId, metadata, parentOperationId, createdBy }: RunOptions,
    controller: AbortController,
  ): Promise<string | null> {
    try {
      const adopted = operationId === undefined ? null : await this.operations.find({ tenant, operationId });
      const operation =
        adopted ??
        (
          await this.operations.create(tenant, {
            operationType,
            metadata,
            operationId,
            parentOperationId,
            createdBy,
            owner: this.owner,
          })
        ).operation;
      if (operation.state === 'cancelled') controller.abort(cancelled());
      else if (!isActive(operation)) {
        throw new OpstreamError('operation_ended', `Operation ${operation.operationId} has ended before`);
      }
      return operation.operationId;
    } catch (error) {
      this.emitFailed(null, error);
      return null;
    }
  }

  private async recordFailure(scope: OperationScope, thrown: unknown): Promise<void> {
    if (scope.signal.aborted) {
      const { reason } = scope.signal as { reason: unknown };
      if (reason instanceof OpstreamError) await scope.error(reason.message, reason.code);
      return;
    }
    const { name, message } = describe(thrown);
    if (name === 'AbortError') await scope.cancelled(message);
    else await scope.error(message || name, name);
  }

  private emitFailed(operationId: string | null, error: unknown): void {
    // Work may keep reporting after its operation was ended elsewhere; that needs no warning.
    if (operationId !== null && error instanceof OpstreamError && error.code === 'operation_ended') return;
    this.logger.warn(
      { event: 'emit_failed', operation_id: operationId, error },
      'Failed to emit; the work goes on',
    );
  }
}

function cancelled(): DOMException {
  return new DOMException('The operation was cancelled', 'AbortError');
}

/** Values without a JSON form (a function, a circular object) become text: the work did succeed. */
function asJson(value: unknown): JsonValue {
  try {
    const text: string | undefined = JSON.stringify(value);
    return text === undefined ? null : (JSON.parse(text) as JsonValue);
  } catch {
    return asText(value);
  }
}

/** Anything can be thrown, and an error's members can be anything. */
function describe(thrown: unknown): { name: string; message: string } {
  try {
    if (thrown instanceof Error)
      return { name: asText(thrown.name) || 'Error', message: asText(thrown.message) };
  } catch {
    // A getter that throws.
  }
  return { name: 'Error', message: asText(thrown) };
}

function asText(value: unknown): string {
  try {
    return String(value);
  } catch {
    return 'a value without a text form';
  }
}
