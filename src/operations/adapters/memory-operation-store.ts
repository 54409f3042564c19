import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { RecordedEvent } from '../operation-event.js';
import { isActive, type Operation } from '../operation.js';
import {
  OperationStore,
  TOOL_OPERATION_PREFIX,
  type ListQuery,
  type LogPage,
  type OperationCounts,
  type OperationPage,
  type PageBounds,
  type Receipt,
  type Recorded,
  type Retention,
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

/** Keeps everything in this process, for tests and throw-away runs (`STORE=memory`). */
export class MemoryOperationStore extends OperationStore {
  private readonly tenants = new Map<string, TenantLog>();
  private created = 0;

  constructor(private readonly retention: Retention) {
    super();
  }

  append(commands: readonly StoreCommand[]): Promise<readonly StoreOutcome[]> {
    const removed: RemovedOperation[] = [];
    const outcomes = commands.map((command) => this.execute(command, removed));
    if (removed.length > 0) this.onRemoved(removed);
    return Promise.resolve(outcomes);
  }

  get(tenant: string, operationId: string): Promise<Operation | null> {
    return Promise.resolve(this.tenants.get(tenant)?.operations.get(operationId)?.operation ?? null);
  }

  list(tenant: string, query: ListQuery): Promise<OperationPage> {
    const before = parseCursor(query.cursor);
    const matching = [...(this.tenants.get(tenant)?.operations.values() ?? [])]
      .filter(({ number, operation }) => number < before && matches(operation, query))
      .sort((a, b) => b.number - a.number);
    const page = matching.slice(0, query.limit);
    const nextCursor = matching.length > page.length ? String(page.at(-1)!.number) : null;
    return Promise.resolve({ operations: page.map(({ operation }) => operation), nextCursor });
  }

  readOperation(
    tenant: string,
    operationId: string,
    afterSeq: number,
    bounds: PageBounds,
  ): Promise<LogPage | null> {
    const entry = this.tenants.get(tenant)?.operations.get(operationId);
    if (!entry) return Promise.resolve(null);
    const { firstSeq, eventCount } = entry.operation;
    const from = Math.max(0, afterSeq + 1 - firstSeq);
    return Promise.resolve({
      events: bounded(entry.events, from, bounds),
      first: firstSeq,
      head: eventCount,
    });
  }

  readTenant(tenant: string, afterPosition: number, bounds: PageBounds): Promise<LogPage> {
    const log = this.tenants.get(tenant);
    if (!log) return Promise.resolve({ events: [], first: 1, head: 0 });
    const from = firstIndexAfter(log.events, afterPosition);
    return Promise.resolve({
      events: bounded(log.events, from, bounds),
      first: log.trimmedThrough + 1,
      head: log.head,
    });
  }

  counts(tenant: string): Promise<OperationCounts> {
    const entries = [...(this.tenants.get(tenant)?.operations.values() ?? [])];
    return Promise.resolve({
      active: entries.filter(({ operation }) => isActive(operation)).length,
      total: entries.length,
    });
  }

  remove(tenant: string, operationId: string): Promise<boolean> {
    const log = this.tenants.get(tenant);
    const entry = log?.operations.get(operationId);
    if (!log || !entry) return Promise.resolve(false);
    if (isActive(entry.operation)) {
      return Promise.reject(
        new OpstreamError('operation_running', `Operation ${operationId} is still running`),
      );
    }
    this.drop(log, entry);
    this.onRemoved([{ tenant, operationId }]);
    return Promise.resolve(true);
  }

  expire(at: number): Promise<void> {
    const removed: RemovedOperation[] = [];
    if (this.retention.maxAge > 0) {
      for (const [tenant, log] of this.tenants) {
        for (const entry of log.operations.values()) {
          const { endedAt, operationId } = entry.operation;
          if (endedAt === null || endedAt + this.retention.maxAge > at) continue;
          this.drop(log, entry);
          removed.push({ tenant, operationId });
        }
      }
    }
    if (removed.length > 0) this.onRemoved(removed);
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.tenants.clear();
    return Promise.resolve();
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
    entry.events.push(...events);
    log.events.push(...events);
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
