import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { isActive, type Operation } from '../operation.js';
import {
  OperationStore,
  type ListQuery,
  type LogPage,
  type OperationCounts,
  type OperationKey,
  type OperationPage,
  type PageBounds,
  type RemovedOperation,
  type Retention,
  type StateCounts,
  type StoreCommand,
  type StoreOutcome,
} from '../operation-store.js';
import { MemoryTenantLog, page } from './memory-tenant-log.js';
import { parseCursor } from './retention.js';

/**
 * Keeps everything in this process, for tests and throw-away runs (`STORE=memory`). Its methods are async although
 * nothing is awaited, so that failures are rejections as they are of every other store.
 */
export class MemoryOperationStore extends OperationStore {
  private readonly tenants = new Map<string, MemoryTenantLog>();
  /** Gone, and not yet told. */
  private removed: RemovedOperation[] = [];
  private closed = false;

  constructor(private readonly retention: Retention) {
    super();
  }

  async append(commands: readonly StoreCommand[]): Promise<readonly StoreOutcome[]> {
    this.checkOpen();
    const outcomes = commands.map((command) => this.execute(command));
    this.flushRemoved();
    return outcomes;
  }

  async get(tenant: string, operationId: string): Promise<Operation | null> {
    return this.log(tenant)?.find(operationId)?.operation ?? null;
  }

  async list(tenant: string, query: ListQuery): Promise<OperationPage> {
    const before = parseCursor(query.cursor);
    const matching = (this.log(tenant)?.all() ?? [])
      .filter(({ number, operation }) => number < before && matches(operation, query))
      .sort((a, b) => b.number - a.number);
    const listed = matching.slice(0, query.limit);
    const nextCursor = matching.length > listed.length ? String(listed.at(-1)!.number) : null;
    return { operations: listed.map(({ operation }) => withoutResult(operation)), nextCursor };
  }

  async readOperation(
    tenant: string,
    operationId: string,
    afterSeq: number,
    bounds: PageBounds,
  ): Promise<LogPage | null> {
    const entry = this.log(tenant)?.find(operationId);
    if (!entry) return null;
    const { firstSeq, eventCount } = entry.operation;
    const from = Math.max(0, afterSeq + 1 - firstSeq);
    return { events: page(entry.events, from, bounds), first: firstSeq, head: eventCount };
  }

  async readTenant(tenant: string, afterPosition: number, bounds: PageBounds): Promise<LogPage> {
    return this.log(tenant)?.read(afterPosition, bounds) ?? { events: [], first: 1, head: 0 };
  }

  async countsByState(): Promise<StateCounts> {
    const counts = { running: 0, completed: 0, error: 0, cancelled: 0 };
    for (const { state } of this.operations()) counts[state] += 1;
    return counts;
  }

  async counts(tenant: string): Promise<OperationCounts> {
    const entries = this.log(tenant)?.all() ?? [];
    const active = entries.filter(({ operation }) => isActive(operation)).length;
    return { active, total: entries.length };
  }

  async unfinished(typePrefix: string): Promise<readonly OperationKey[]> {
    return this.operations()
      .filter((operation) => isActive(operation) && operation.operationType.startsWith(typePrefix))
      .map(({ tenant, operationId }) => ({ tenant, operationId }));
  }

  async remove(tenant: string, operationId: string): Promise<boolean> {
    const log = this.log(tenant);
    const entry = log?.find(operationId);
    if (!log || !entry) return false;
    if (isActive(entry.operation)) {
      throw new OpstreamError('operation_running', `Operation ${operationId} is still running`);
    }
    log.drop(entry);
    this.flushRemoved();
    return true;
  }

  async expire(at: number): Promise<boolean> {
    if (this.retention.maxAge === 0) return false;
    for (const log of this.tenants.values()) {
      for (const entry of log.all()) {
        const { endedAt } = entry.operation;
        if (endedAt !== null && endedAt + this.retention.maxAge <= at) log.drop(entry);
      }
    }
    this.flushRemoved();
    return false;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.tenants.clear();
  }

  private checkOpen(): void {
    if (this.closed) throw new OpstreamError('shutting_down', 'The store is closed');
  }

  private log(tenant: string): MemoryTenantLog | undefined {
    this.checkOpen();
    return this.tenants.get(tenant);
  }

  private operations(): Operation[] {
    return [...this.tenants.values()].flatMap((log) => log.all().map(({ operation }) => operation));
  }

  private execute(command: StoreCommand): StoreOutcome {
    try {
      return command.kind === 'open'
        ? this.logFor(command.operation.tenant).open(command)
        : this.logFor(command.tenant).record(command);
    } catch (thrown) {
      if (thrown instanceof OpstreamError) return thrown;
      throw thrown;
    }
  }

  private logFor(tenant: string): MemoryTenantLog {
    let log = this.tenants.get(tenant);
    if (log) return log;
    log = new MemoryTenantLog(tenant, this.retention, (operationId) =>
      this.removed.push({ tenant, operationId }),
    );
    this.tenants.set(tenant, log);
    return log;
  }

  private flushRemoved(): void {
    const { removed } = this;
    this.removed = [];
    this.tellRemoved(removed);
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
