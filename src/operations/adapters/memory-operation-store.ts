import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { RecordedEvent } from '../operation-event.js';
import { isActive, type Operation } from '../operation.js';
import {
  OperationStore,
  TOOL_OPERATION_PREFIX,
  type ListQuery,
  type LogPage,
  type OperationCounts,
  type OperationKey,
  type OperationPage,
  type PageBounds,
  type Receipt,
  type Recorded,
  type Retention,
  type StateCounts,
  type RemovedOperation,
  type StoreCommand,
  type StoreOutcome,
} from '../operation-store.js';
import { decideOpen, decideRecord, type Decision } from './decide.js';
import { parseCursor, eventsToTrim } from './retention.js';

interface Entry {
  /** Order of creation, the listing's cursor. */
  readonly number: number;
  operation: Operation;
  events: RecordedEvent[];
  readonly receipts: Map<string, Receipt>;
}

interface TenantLog {
  readonly operations: Map<string, Entry>;
  /** All events in order of position; holes where operations were removed. */
  events: RecordedEvent[];
  head: number;
  trimmedThrough: number;
}

/**
 * Keeps everything in this process, for tests and throw-away runs (`STORE=memory`). Its methods are async although
 * nothing is awaited, so that failures are rejections as they are of every other store.
 */
export class MemoryOperationStore extends OperationStore {
  private readonly tenants = new Map<string, TenantLog>();
  private created = 0;
  private closed = false;

  constructor(private readonly retention: Retention) {
    super();
  }

  async append(commands: readonly StoreCommand[]): Promise<readonly StoreOutcome[]> {
    this.checkOpen();
    const removed: RemovedOperation[] = [];
    const outcomes = commands.map((command) => this.execute(command, removed));
    this.tellRemoved(removed);
    return outcomes;
  }

  async get(tenant: string, operationId: string): Promise<Operation | null> {
    return this.find(tenant)?.operations.get(operationId)?.operation ?? null;
  }

  async list(tenant: string, query: ListQuery): Promise<OperationPage> {
    const before = parseCursor(query.cursor);
    const matching = [...(this.find(tenant)?.operations.values() ?? [])]
      .filter(({ number, operation }) => number < before && matches(operation, query))
      .sort((a, b) => b.number - a.number);
    const page = matching.slice(0, query.limit);
    const nextCursor = matching.length > page.length ? String(page.at(-1)!.number) : null;
    return { operations: page.map(({ operation }) => withoutResult(operation)), nextCursor };
  }

  async readOperation(
    tenant: string,
    operationId: string,
    afterSeq: number,
    bounds: PageBounds,
  ): Promise<LogPage | null> {
    const entry = this.find(tenant)?.operations.get(operationId);
    if (!entry) return null;
    const { firstSeq, eventCount } = entry.operation;
    const from = Math.max(0, afterSeq + 1 - firstSeq);
    return { events: bounded(entry.events, from, bounds), first: firstSeq, head: eventCount };
  }

  async readTenant(tenant: string, afterPosition: number, bounds: PageBounds): Promise<LogPage> {
    const log = this.find(tenant);
    if (!log) return { events: [], first: 1, head: 0 };
    const from = firstIndexAfter(log.events, afterPosition);
    return { events: bounded(log.events, from, bounds), first: log.trimmedThrough + 1, head: log.head };
  }

  async countsByState(): Promise<StateCounts> {
    const counts = { running: 0, completed: 0, error: 0, cancelled: 0 };
    for (const { operations } of this.tenants.values()) {
      for (const { operation } of operations.values()) counts[operation.state] += 1;
    }
    return counts;
  }

  async counts(tenant: string): Promise<OperationCounts> {
    const entries = [...(this.find(tenant)?.operations.values() ?? [])];
    const active = entries.filter(({ operation }) => isActive(operation)).length;
    return { active, total: entries.length };
  }

  async unfinished(typePrefix: string): Promise<readonly OperationKey[]> {
    return [...this.tenants.values()]
      .flatMap(({ operations }) => [...operations.values()])
      .filter(({ operation }) => isActive(operation) && operation.operationType.startsWith(typePrefix))
      .map(({ operation: { tenant, operationId } }) => ({ tenant, operationId }));
  }

  async remove(tenant: string, operationId: string): Promise<boolean> {
    const log = this.find(tenant);
    const entry = log?.operations.get(operationId);
    if (!log || !entry) return false;
    if (isActive(entry.operation)) {
      throw new OpstreamError('operation_running', `Operation ${operationId} is still running`);
    }
    this.drop(log, entry);
    this.tellRemoved([{ tenant, operationId }]);
    return true;
  }

  async expire(at: number): Promise<boolean> {
    if (this.retention.maxAge === 0) return false;
    const removed: RemovedOperation[] = [];
    for (const [tenant, log] of this.tenants) {
      for (const entry of log.operations.values()) {
        const { endedAt, operationId } = entry.operation;
        if (endedAt === null || endedAt + this.retention.maxAge > at) continue;
        this.drop(log, entry);
        removed.push({ tenant, operationId });
      }
    }
    this.tellRemoved(removed);
    return false;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.tenants.clear();
  }

  private checkOpen(): void {
    if (this.closed) throw new OpstreamError('shutting_down', 'The store is closed');
  }

  private find(tenant: string): TenantLog | undefined {
    this.checkOpen();
    return this.tenants.get(tenant);
  }

  private execute(command: StoreCommand, removed: RemovedOperation[]): StoreOutcome {
    try {
      return command.kind === 'open' ? this.open(command, removed) : this.record(command);
    } catch (thrown) {
      if (thrown instanceof OpstreamError) return thrown;
      throw thrown;
    }
  }

  private open(command: StoreCommand & { kind: 'open' }, removed: RemovedOperation[]): Recorded {
    const { tenant, operationId } = command.operation;
    const log = this.tenantLog(tenant);
    const stored = log.operations.get(operationId);
    const decision = decideOpen(command, stored?.operation);
    if (stored) return this.commit(log, stored, decision);
    this.makeRoom(log, command.operation.operationType, removed, tenant);
    const entry: Entry = {
      number: ++this.created,
      operation: decision.operation,
      events: [],
      receipts: new Map(),
    };
    log.operations.set(operationId, entry);
    return this.commit(log, entry, decision);
  }

  private record(command: StoreCommand & { kind: 'record' }): Recorded {
    const log = this.tenantLog(command.tenant);
    const entry = log.operations.get(command.operationId);
    const decision = decideRecord(command, entry?.operation, (eventId) => entry?.receipts.get(eventId));
    return this.commit(log, entry!, decision);
  }

  private commit(log: TenantLog, entry: Entry, decision: Decision): Recorded {
    const { tenant, operationId } = decision.operation;
    const events = decision.events.map(
      (event) => new RecordedEvent({ tenant, operationId, position: ++log.head, ...event }),
    );
    for (const { eventId, seq, timestamp } of decision.events) {
      if (eventId !== undefined) entry.receipts.set(eventId, { seq, timestamp, repeated: true });
    }
    entry.operation = decision.operation;
    for (const event of events) {
      entry.events.push(event);
      log.events.push(event);
    }
    this.trim(log, entry);
    return { operation: entry.operation, events, receipts: decision.receipts };
  }

  private trim(log: TenantLog, entry: Entry): void {
    const excess = eventsToTrim(entry.operation, this.retention.maxEventsPerOperation);
    if (excess === 0) return;
    const trimmed = new Set(entry.events.splice(0, excess));
    const firstSeq = entry.operation.firstSeq + excess;
    entry.operation = { ...entry.operation, firstSeq };
    for (const [eventId, { seq }] of entry.receipts) if (seq < firstSeq) entry.receipts.delete(eventId);
    this.forget(log, trimmed);
  }

  /** @throws OpstreamError `too_many_operations` when only running ones are left */
  private makeRoom(log: TenantLog, operationType: string, removed: RemovedOperation[], tenant: string): void {
    const isTool = operationType.startsWith(TOOL_OPERATION_PREFIX);
    const limit = isTool ? this.retention.maxToolOperations : this.retention.maxOperations;
    const pool = [...log.operations.values()].filter(
      ({ operation }) => operation.operationType.startsWith(TOOL_OPERATION_PREFIX) === isTool,
    );
    if (pool.length < limit) return;
    const ended = pool.filter(({ operation }) => !isActive(operation));
    ended.sort((a, b) => a.operation.endedAt! - b.operation.endedAt! || a.number - b.number);
    const oldest = ended[0];
    if (!oldest) {
      throw new OpstreamError(
        'too_many_operations',
        `${limit} operations are running; no more can be opened`,
      );
    }
    this.drop(log, oldest);
    removed.push({ tenant, operationId: oldest.operation.operationId });
  }

  private drop(log: TenantLog, entry: Entry): void {
    log.operations.delete(entry.operation.operationId);
    this.forget(log, new Set(entry.events));
  }

  private forget(log: TenantLog, events: ReadonlySet<RecordedEvent>): void {
    for (const { position } of events) log.trimmedThrough = Math.max(log.trimmedThrough, position);
    log.events = log.events.filter((event) => !events.has(event));
  }

  private tenantLog(tenant: string): TenantLog {
    let log = this.tenants.get(tenant);
    if (!log)
      this.tenants.set(tenant, (log = { operations: new Map(), events: [], head: 0, trimmedThrough: 0 }));
    return log;
  }
}

function withoutResult({ result: _result, ...operation }: Operation): Operation {
  return operation;
}

function matches(operation: Operation, query: ListQuery): boolean {
  return (
    (query.status === undefined || operation.status === query.status) &&
    (query.type === undefined || operation.operationType === query.type) &&
    (query.active === undefined || isActive(operation) === query.active)
  );
}

function bounded(
  events: readonly RecordedEvent[],
  from: number,
  { limit, maxBytes }: PageBounds,
): RecordedEvent[] {
  const page: RecordedEvent[] = [];
  let bytes = 0;
  for (let index = from; index < events.length && page.length < limit && bytes < maxBytes; index++) {
    const event = events[index]!;
    page.push(event);
    bytes += event.data.length;
  }
  return page;
}

function firstIndexAfter(events: readonly RecordedEvent[], position: number): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (events[middle]!.position <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}
