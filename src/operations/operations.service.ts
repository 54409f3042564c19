import { randomUUID } from 'node:crypto';
import { Injectable, Logger, type OnApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
import { OpstreamError, toOpstreamError } from '../platform/errors/opstream-error.js';
import { AppendQueue } from './append-queue.js';
import { EventBus } from './event-bus.js';
import type { JsonObject, JsonValue } from '../platform/json.js';
import {
  attributed,
  parseDraft,
  parseLease,
  parseMetadata,
  parseOperationId,
  parseOperationType,
  parseParent,
  type EventDraft,
  type ProducerEventType,
} from './operation-draft.js';
import type { InputRequestFields } from './input-draft.js';
import type { RecordedEvent } from './operation-event.js';
import { OperationRunner, type RunOptions } from './operation-runner.js';
import { searchLog, type LogMatches, type LogQuery } from './log-search.js';
import { enclosingOperation, type OperationScope } from './operation-scope.js';
import type { OperationKey } from './operation-key.js';
import type { OperationFilter } from './operation-filter.js';
import {
  OperationStore,
  type ListQuery,
  type FilteredCounts,
  type LogPage,
  type OperationCounts,
  type OperationPage,
  type PageBounds,
  type Receipt,
  type Recorded,
  type StateCounts,
} from './operation-store.js';
import { parseCacheUse, type CacheOutcome } from './result-cache.js';
import type { Operation } from './operation.js';

export interface CreateOperation {
  readonly operationType: unknown;
  readonly metadata?: unknown;
  /** A client's own id makes creation repeatable; by default a UUID. */
  readonly operationId?: unknown;
  /** Seconds the producer may be silent before the operation ends as `Stalled`; any event renews them. */
  readonly leaseSeconds?: unknown;
  /** The run of the service that does the work itself: the work ends with it. */
  readonly owner?: string;
  /** What it is a part of: by default the operation that the calling code runs in, and nothing for null. */
  readonly parentOperationId?: unknown;
  readonly createdBy?: string | undefined;
  /** Shares the operation and its result with everyone who asks for the same key: see `result-cache.ts`. */
  readonly cacheKey?: unknown;
  /** Seconds after its end that the result may be handed out; needs a `cacheKey`. */
  readonly ttl?: unknown;
  /** Who shares the key; everyone in the tenant by default. */
  readonly audience?: string;
}

export interface CreatedOperation {
  readonly operation: Operation;
  /** False when this id was created before with the same type and metadata. */
  readonly created: boolean;
  /** It is somebody else's, running or completed, found by the cache key: the caller must not run the work. */
  readonly cached: boolean;
}

export interface AppendReceipt extends Receipt {
  readonly operation: Operation;
}

/**
 * Creates operations and records their events. A resolved promise means that the event is stored and published; a
 * rejection is an `OpstreamError` and means that nothing was recorded.
 */
@Injectable()
export class OperationsService implements OnModuleDestroy, OnApplicationShutdown {
  private readonly logger = new Logger(OperationsService.name);
  private readonly queue: AppendQueue;
  private readonly runner: OperationRunner;
  private compared = 0;
  /** Identifies this run of the service: its own work ends with it. */
  readonly incarnation = randomUUID();
  /** Called whenever a producer creates an operation or renews its lease; must not throw. */
  onHeard: (operation: Operation) => void = () => {};
  /** Asks for input on behalf of running work; set by `InputsService`. */
  asker: (key: OperationKey, request: InputRequestFields, signal: AbortSignal) => Promise<JsonValue> = () =>
    Promise.reject(new OpstreamError('invalid_request', 'Input requests are not available'));
  /** Called whenever an opening with a cache key was answered; must not throw. */
  onCacheUsed: (outcome: CacheOutcome) => void = () => {};

  constructor(
    private readonly store: OperationStore,
    private readonly bus: EventBus,
  ) {
    this.queue = new AppendQueue(store, (outcomes) => this.publish(outcomes));
    this.runner = new OperationRunner(this, bus, this.incarnation);
    store.onRemoved = (removed) => bus.publishRemoved(removed);
  }

  onModuleDestroy(): void {
    this.runner.stop();
  }

  /** Everything accepted is answered before the store closes. */
  async onApplicationShutdown(): Promise<void> {
    await this.queue.close();
    await this.store.close();
  }

  /** @throws OpstreamError `invalid_request`, `invalid_operation_id`, `operation_exists`, `too_many_operations` */
  async create(tenant: string, input: CreateOperation): Promise<CreatedOperation> {
    const operationId = input.operationId == null ? randomUUID() : parseOperationId(input.operationId);
    const { parentOperationId: given = enclosingOperation(tenant), createdBy } = input;
    const operationType = parseOperationType(input.operationType);
    const recorded = await this.queue.submit({
      kind: 'open',
      operation: {
        tenant,
        operationId,
        operationType,
        metadata: parseMetadata(input.metadata),
        leaseSeconds: parseLease(input.leaseSeconds),
        owner: input.owner ?? null,
        parentOperationId: parseParent(given, operationId),
        createdBy,
      },
      cache: parseCacheUse(operationType, input),
      at: now(),
    });
    const { operation, cached = false } = recorded;
    if (cached) this.onCacheUsed('hit');
    // Only its own producer renews a lease.
    else this.onHeard(operation);
    const created = recorded.events.length > 0;
    if (created && input.cacheKey != null) this.onCacheUsed('miss');
    return { operation, created, cached };
  }

  /**
   * Records one event and returns its receipt; for a known `event_id`, the first receipt.
   * @throws OpstreamError `operation_not_found`, `operation_ended`, `storage_full`, `store_unavailable`
   */
  append({ tenant, operationId }: OperationKey, draft: EventDraft): Promise<AppendReceipt> {
    return this.queue
      .submit({ kind: 'record', tenant, operationId, drafts: [draft], at: now() })
      .then(toAppendReceipt);
  }

  /** Records several events of one operation, all or none. An empty list renews the lease. */
  async appendAll({ tenant, operationId }: OperationKey, drafts: readonly EventDraft[]): Promise<Recorded> {
    const recorded = await this.queue.submit({ kind: 'record', tenant, operationId, drafts, at: now() });
    if (drafts.length === 0) this.onHeard(recorded.operation);
    return recorded;
  }

  /** @param progress 0 to 1 */
  progress(key: OperationKey, progress: number, message?: string, details?: JsonObject) {
    return this.emit(key, 'progress', { progress, message, details });
  }

  status(key: OperationKey, status: string, message?: string, details?: JsonObject) {
    return this.emit(key, 'status', { status, message, details });
  }

  log(key: OperationKey, level: string, message: string, details?: JsonObject) {
    return this.emit(key, 'log', { level, message, details });
  }

  /** Records the result and then `completed` with the duration. */
  result(key: OperationKey, result: JsonValue) {
    return this.emit(key, 'result', { result });
  }

  /** @param errorType defaults to `UnknownError` */
  error(key: OperationKey, error: string, errorType?: string) {
    return this.emit(key, 'error', { error, error_type: errorType });
  }

  /** Ends the operation as `cancelled`; its producer sees the `AbortSignal` fire. */
  cancel(key: OperationKey, reason?: string, user?: string) {
    return this.emit(key, 'cancelled', { reason }, user);
  }

  /** Like `append`, for data that is not validated yet: a refusal is a rejection, too. */
  private emit(
    key: OperationKey,
    type: ProducerEventType,
    data: unknown,
    user?: string,
  ): Promise<AppendReceipt> {
    let draft: EventDraft;
    try {
      draft = attributed(parseDraft(type, data), user);
    } catch (refused) {
      return Promise.reject(toOpstreamError(refused));
    }
    return this.append(key, draft);
  }

  /**
   * Runs work as an operation: creates it, and ends it with the work's result, exception or cancellation. Failing to
   * record never breaks the work.
   * @param work reports through its scope, or through `currentOperation()`; its `signal` fires on cancellation. Its
   *   return value becomes the result, as JSON; an exception becomes the error
   * @returns what the work returns; rejects with what it throws
   */
  run<T>(
    operationType: string,
    options: RunOptions,
    work: (operation: OperationScope) => Promise<T> | T,
  ): Promise<T> {
    return this.runner.run(operationType, options, work);
  }

  /** Types that `run` was called with, up to a limit. */
  get ownTypes(): ReadonlySet<string> {
    return this.runner.types;
  }

  find(key: OperationKey): Promise<Operation | null> {
    return this.store.get(key);
  }

  /** @throws OpstreamError `operation_not_found` */
  async get({ tenant, operationId }: OperationKey): Promise<Operation> {
    const operation = await this.store.get({ tenant, operationId });
    if (!operation) throw notFound(operationId);
    return operation;
  }

  list(tenant: string, query: ListQuery): Promise<OperationPage> {
    return this.store.list(tenant, query);
  }

  /** How many operations match a filter, by state. */
  countMatching(tenant: string, filter: OperationFilter): Promise<FilteredCounts> {
    return this.store.countMatching(tenant, filter);
  }

  /** One page of an operation's log after a seq. @throws OpstreamError `operation_not_found` */
  async history(
    { tenant, operationId }: OperationKey,
    afterSeq: number,
    bounds: PageBounds,
  ): Promise<LogPage> {
    const page = await this.store.readOperation({ tenant, operationId }, afterSeq, bounds);
    if (!page) throw notFound(operationId);
    return page;
  }

  /** The events of a log that match a filter, forward or backward. @throws OpstreamError `operation_not_found` */
  async search(key: OperationKey, query: LogQuery): Promise<LogMatches> {
    const matches = await searchLog(this.store, key, query);
    this.compared += matches.compared;
    return matches;
  }

  /** Events that searches have compared since the start. */
  get comparedEvents(): number {
    return this.compared;
  }

  /** One page of the tenant's whole log after a position. */
  historyOfAll(tenant: string, afterPosition: number, bounds: PageBounds): Promise<LogPage> {
    return this.store.readTenant(tenant, afterPosition, bounds);
  }

  /** Position of the newest event of the tenant's log. */
  async headOf(tenant: string): Promise<number> {
    // After everything: nothing is read to find the end of the log.
    const { head } = await this.store.readTenant(tenant, Number.MAX_SAFE_INTEGER, { limit: 1, maxBytes: 1 });
    return head;
  }

  counts(tenant: string): Promise<OperationCounts> {
    return this.store.counts(tenant);
  }

  countsByState(): Promise<StateCounts> {
    return this.store.countsByState();
  }

  /** Running operations of all tenants whose type begins with `typePrefix`, oldest first. */
  unfinished(typePrefix: string): Promise<readonly OperationKey[]> {
    return this.store.unfinished(typePrefix);
  }

  /** Removes an ended operation. @throws OpstreamError `operation_not_found`, `operation_running` */
  async remove({ tenant, operationId }: OperationKey): Promise<void> {
    if (!(await this.store.remove({ tenant, operationId }))) throw notFound(operationId);
  }

  private publish(outcomes: readonly Recorded[]): void {
    const events: RecordedEvent[] = [];
    for (const outcome of outcomes) for (const event of outcome.events) events.push(event);
    if (events.length === 0) return;
    try {
      this.bus.publish(events);
    } catch (error) {
      // The events are stored: a failing follower must not turn their acknowledgement into an error.
      this.logger.error({ error }, 'Publishing recorded events failed');
    }
  }
}

function toAppendReceipt({ operation, receipts }: Recorded): AppendReceipt {
  const { seq, timestamp, repeated } = receipts[0]!;
  return { seq, timestamp, repeated, operation };
}

/** Unix seconds with milliseconds. */
function now(): number {
  return Date.now() / 1000;
}

function notFound(operationId: string): OpstreamError {
  return new OpstreamError('operation_not_found', `There is no operation ${operationId}`);
}
