import { randomBytes } from 'node:crypto';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { isActive, type Operation } from '../operation.js';
import type { OperationKey } from '../operation-key.js';
import {
  OperationStore,
  type BackupReport,
  type FilteredCounts,
  type ListQuery,
  type LogIdentity,
  type LogPage,
  type OperationCounts,
  type OperationPage,
  type PageBounds,
  type Retention,
  type StateCounts,
  type StoreCommand,
  type StoreHealth,
  type StoreOutcome,
} from '../operation-store.js';
import { MemoryTenantLog, page, type SharedCounts } from './memory-tenant-log.js';
import { pageBefore } from './memory-page-before.js';
import { keyOf, parseCursor } from '../list-cursor.js';
import type { OperationFilter } from '../operation-filter.js';

/**
 * Keeps everything in this process, for tests and throw-away runs (`STORE=memory`). Its methods are async although
 * they await nothing, so that failures are rejections, as in every other store.
 */
export class MemoryOperationStore extends OperationStore {
  private readonly tenants = new Map<string, MemoryTenantLog>();
  private readonly shared: SharedCounts = {
    created: 0,
    states: { running: 0, completed: 0, error: 0, cancelled: 0 },
  };
  private readonly identity: LogIdentity = {
    uid: randomBytes(5).toString('hex'),
    epochs: [{ epoch: 1, from: 0 }],
  };
  /** Removed, but not yet reported. */
  private removed: OperationKey[] = [];
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

  async get({ tenant, operationId }: OperationKey): Promise<Operation | null> {
    return this.log(tenant)?.find(operationId)?.operation ?? null;
  }

  async list(tenant: string, query: ListQuery): Promise<OperationPage> {
    const log = this.log(tenant);
    if (log) return log.list(query);
    parseCursor(query.cursor, keyOf(query));
    return { operations: [], nextCursor: null };
  }

  async countMatching(tenant: string, filter: OperationFilter): Promise<FilteredCounts> {
    const none = { running: 0, completed: 0, error: 0, cancelled: 0 };
    return this.log(tenant)?.countMatching(filter) ?? none;
  }

  async readOperation(
    { tenant, operationId }: OperationKey,
    afterSeq: number,
    bounds: PageBounds,
  ): Promise<LogPage | null> {
    const entry = this.log(tenant)?.find(operationId);
    if (!entry) return null;
    const { firstSeq, eventCount } = entry.operation;
    const from = Math.max(0, afterSeq + 1 - firstSeq);
    return { events: page(entry.events, from, bounds), first: firstSeq, head: eventCount };
  }

  async readOperationBefore(
    { tenant, operationId }: OperationKey,
    beforeSeq: number,
    bounds: PageBounds,
  ): Promise<LogPage | null> {
    const entry = this.log(tenant)?.find(operationId);
    if (!entry) return null;
    const { firstSeq, eventCount } = entry.operation;
    return {
      events: pageBefore(entry.events, beforeSeq - firstSeq, bounds),
      first: firstSeq,
      head: eventCount,
    };
  }

  async readTenant(tenant: string, afterPosition: number, bounds: PageBounds): Promise<LogPage> {
    return this.log(tenant)?.read(afterPosition, bounds) ?? { events: [], first: 1, head: 0 };
  }

  async countsByState(): Promise<StateCounts> {
    this.checkOpen();
    return { ...this.shared.states };
  }

  async counts(tenant: string): Promise<OperationCounts> {
    const log = this.log(tenant);
    return { active: log?.states.running ?? 0, total: log?.total ?? 0 };
  }

  async unfinished(typePrefix: string): Promise<readonly OperationKey[]> {
    this.checkOpen();
    const found: Operation[] = [];
    for (const log of this.tenants.values()) {
      for (const { operation } of log.unfinished()) {
        if (operation.operationType.startsWith(typePrefix)) found.push(operation);
      }
    }
    return found
      .sort((a, b) => a.number - b.number)
      .map(({ tenant, operationId }) => ({ tenant, operationId }));
  }

  async remove({ tenant, operationId }: OperationKey): Promise<boolean> {
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
    let isMore = false;
    for (const log of this.tenants.values()) {
      isMore = log.expire(at - this.retention.maxAge);
      if (isMore) break;
    }
    this.flushRemoved();
    return isMore;
  }

  async logIdentity(_tenant: string): Promise<LogIdentity> {
    this.checkOpen();
    return this.identity;
  }

  health(): StoreHealth {
    return { status: 'up' };
  }

  async backup(_path: string, _tenant: string): Promise<BackupReport> {
    throw new OpstreamError('invalid_request', 'STORE=memory keeps nothing that could be copied');
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

  private execute(command: StoreCommand): StoreOutcome {
    try {
      if (command.kind === 'record') return this.recordIn(command);
      return this.logFor(command.operation.tenant).open(command);
    } catch (thrown) {
      if (thrown instanceof OpstreamError) return thrown;
      throw thrown;
    }
  }

  /** A tenant that has recorded nothing takes no memory. */
  private recordIn(command: Extract<StoreCommand, { kind: 'record' }>): StoreOutcome {
    const log = this.tenants.get(command.tenant);
    if (log) return log.record(command);
    return new OpstreamError('operation_not_found', `There is no operation ${command.operationId}`);
  }

  private logFor(tenant: string): MemoryTenantLog {
    let log = this.tenants.get(tenant);
    if (log) return log;
    log = new MemoryTenantLog(tenant, this.retention, this.shared, (operationId) =>
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
