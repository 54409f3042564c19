import { operationKeyText, type OperationKey } from './operation-key.js';
import { Logger } from '@nestjs/common';
import type { Subscription } from 'rxjs';
import { DEFAULT_TENANT } from '../auth/principal.js';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import type { EventBus } from './event-bus.js';
import type { JsonObject, JsonValue } from '../platform/json.js';
import type { InputRequestFields } from './input-draft.js';
import type { EventDraft } from './operation-draft.js';
import { OperationScope, withinScope } from './operation-scope.js';
import { isActive, type Operation } from './operation.js';
import { untilEnded } from './operation-end.js';
import { sharedOutcome } from './shared-run.js';

export interface RunOptions {
  readonly tenant?: string;
  readonly metadata?: JsonObject;
  /** Adopts a running operation instead of creating one. */
  readonly operationId?: string;
  /** What it is a part of; by default, the operation that the calling code runs in. */
  readonly parentOperationId?: string | null;
  /** User on whose behalf it runs. */
  readonly createdBy?: string;
  /**
   * Shares the work with everyone who runs this type with this key, in any process: callers that come while it runs
   * wait for its result, and for `ttl` seconds after it completed they get it at once. Failures are not kept.
   */
  readonly cacheKey?: string;
  /** Seconds; an hour by default. 0 shares running work only. */
  readonly ttl?: number;
  /** Called once it is known whether the work runs here, or (`cached`) another operation's result is taken. */
  readonly onOpened?: (opened: { readonly operationId: string; readonly cached: boolean }) => void;
}

/** Maximum remembered types: an application with unbounded types must not make memory grow. */
const MAX_TYPES = 200;

/** What the runner needs from its service. */
interface Recorder {
  asker(key: OperationKey, request: InputRequestFields, signal: AbortSignal): Promise<JsonValue>;
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
      cacheKey?: string | undefined;
      ttl?: number | undefined;
    },
  ): Promise<{ operation: Operation; cached: boolean }>;
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
  /** Releases those that wait for work of others. */
  private readonly stopping = new AbortController();
  /** Types this application has run itself: its own words, which may become labels. */
  readonly types = new Set<string>();

  constructor(
    private readonly operations: Recorder,
    private readonly bus: EventBus,
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
    const reason = shuttingDown();
    this.stopping.abort(reason);
    for (const controller of this.running.values()) controller.abort(reason);
  }

  async run<T>(
    operationType: string,
    options: RunOptions,
    work: (scope: OperationScope) => Promise<T> | T,
  ): Promise<T> {
    const tenant = options.tenant ?? DEFAULT_TENANT;
    if (this.types.size < MAX_TYPES) this.types.add(operationType);
    for (;;) {
      const controller = new AbortController();
      const operation = await this.open(tenant, operationType, options, controller);
      const { operationId = null, cached = false } = operation ?? {};
      if (operationId !== null) options.onOpened?.({ operationId, cached });
      if (!operation?.cached) return this.perform(tenant, operationId, controller, work);
      const shared = sharedOutcome(await this.untilEnded(tenant, operation.operationId));
      if (shared.kind === 'failure') throw shared.error;
      if (shared.kind === 'value') return shared.value as T;
    }
  }

  /** @throws OpstreamError `shutting_down` */
  private async untilEnded(tenant: string, operationId: string): Promise<Operation | null> {
    const { signal } = this.stopping;
    const ended = await untilEnded(
      { tenant, operationId },
      (key) => this.operations.find(key),
      this.bus,
      signal,
    );
    if (signal.aborted && (ended === null || isActive(ended))) throw shuttingDown();
    return ended;
  }

  private async perform<T>(
    tenant: string,
    operationId: string | null,
    controller: AbortController,
    work: (scope: OperationScope) => Promise<T> | T,
  ): Promise<T> {
    const scope = new OperationScope(
      operationId,
      controller.signal,
      (draft) =>
        operationId === null ? Promise.resolve() : this.operations.append({ tenant, operationId }, draft),
      (error) => this.emitFailed(operationId, error),
      (request) => {
        if (operationId !== null)
          return this.operations.asker({ tenant, operationId }, request, controller.signal);
        return Promise.reject(new OpstreamError('store_unavailable', 'The operation was not recorded'));
      },
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
    { operationId, metadata, parentOperationId, createdBy, cacheKey, ttl }: RunOptions,
    controller: AbortController,
  ): Promise<{ readonly operationId: string; readonly cached: boolean } | null> {
    try {
      const adopted = operationId === undefined ? null : await this.operations.find({ tenant, operationId });
      const { operation, cached } = adopted
        ? { operation: adopted, cached: false }
        : await this.operations.create(tenant, {
            operationType,
            metadata,
            operationId,
            parentOperationId,
            createdBy,
            owner: this.owner,
            cacheKey,
            ttl,
          });
      if (cached) return { operationId: operation.operationId, cached };
      if (operation.state === 'cancelled') controller.abort(cancelled());
      else if (!isActive(operation)) {
        throw new OpstreamError('operation_ended', `Operation ${operation.operationId} has ended before`);
      }
      return { operationId: operation.operationId, cached };
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

function shuttingDown(): OpstreamError {
  return new OpstreamError('shutting_down', 'The service is shutting down');
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
