import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { isActive, type Operation } from '../operation.js';
import { MAX_TENANTS, outcomeOf, TENANT_SPAN, toOperation } from './sqlite-rows.js';
import type { LogRow, Statements } from './sqlite-statements.js';

/** An operation and the row it lives in. */
export interface StoredOperation {
  readonly tenant: TenantState;
  readonly op: number;
  readonly pool: 0 | 1;
  operation: Operation;
  dirty: boolean;
}

/** What the log of a tenant is like, in memory. */
export interface TenantState {
  readonly name: string;
  readonly tenantNo: number;
  head: number;
  trimmedThrough: number;
  /** Stored operations per pool. */
  readonly sizes: [number, number];
  readonly operations: Map<string, StoredOperation>;
  dirty: boolean;
}

/** Snapshots kept in memory per tenant, so that an append needs no read; least recently loaded go first. */
const CACHED_OPERATIONS = 4096;
const CACHED_TENANTS = 1024;
/**
 * The snapshots of operations and tenants in memory, so that an append needs no read, and what of them still has to
 * be written before the transaction under way is committed. This process is the file's only writer.
 */
export class SqliteSnapshots {
  private readonly tenants = new Map<string, TenantState>();
  private readonly changedTenants: TenantState[] = [];
  private readonly changedOperations: StoredOperation[] = [];

  constructor(private readonly sql: Statements) {}

  find(tenantName: string, operationId: string): StoredOperation | undefined {
    const tenant = this.tenant(tenantName);
    return tenant && this.load(tenant, operationId);
  }

  /** Where an operation's log is, without loading its result. */
  findLog(tenantName: string, operationId: string): LogRow | undefined {
    const tenant = this.tenant(tenantName);
    const cached = tenant?.operations.get(operationId);
    if (!cached) return tenant && this.sql.logOfOperation.get(tenant.tenantNo, operationId);
    const { firstSeq, eventCount } = cached.operation;
    return { op: cached.op, first_seq: firstSeq, event_count: eventCount };
  }

  tenant(name: string): TenantState | undefined {
    const cached = this.tenants.get(name);
    if (cached) return cached;
    const row = this.sql.tenant.get(name);
    if (!row) return undefined;
    const base = row.tenant_no * TENANT_SPAN;
    const newest = this.sql.newestPosition.get(base, base + TENANT_SPAN)!.position;
    const state: TenantState = {
      name,
      tenantNo: row.tenant_no,
      head: Math.max(row.trimmed_through, newest === null ? 0 : newest - base),
      trimmedThrough: row.trimmed_through,
      sizes: [
        this.sql.countPool.get(row.tenant_no, 0)!.total,
        this.sql.countPool.get(row.tenant_no, 1)!.total,
      ],
      operations: new Map(),
      dirty: false,
    };
    // A tenant that leaves the cache takes its operations along, so their snapshots must be in the table.
    if (this.tenants.size >= CACHED_TENANTS) this.writeOperations();
    makeRoomIn(this.tenants, CACHED_TENANTS, (oldest) => !oldest.dirty);
    this.tenants.set(name, state);
    return state;
  }

  /** Takes in an operation whose row was just inserted. */
  add(tenant: TenantState, op: number, pool: 0 | 1, operation: Operation): StoredOperation {
    return remember({ tenant, op, pool, operation, dirty: false });
  }

  /** Writes everything that changed: snapshots once per transaction, however many events changed them. */
  write(): void {
    this.writeOperations();
    for (const tenant of this.changedTenants) {
      this.sql.updateTenant.run(tenant.trimmedThrough, tenant.tenantNo);
      tenant.dirty = false;
    }
    this.changedTenants.length = 0;
  }

  /** After a rollback: nothing in memory can be trusted any more. */
  forget(): void {
    this.tenants.clear();
    this.changedTenants.length = 0;
    this.changedOperations.length = 0;
  }

  /** Writes the snapshots alone, for statements that look at the table. */
  writeOperations(): void {
    for (const stored of this.changedOperations) {
      this.writeSnapshot(stored);
      stored.dirty = false;
      // Ended ones are rarely asked for and may carry a large result.
      if (!isActive(stored.operation)) stored.tenant.operations.delete(stored.operation.operationId);
    }
    this.changedOperations.length = 0;
  }

  private writeSnapshot(stored: StoredOperation): void {
    const { operation } = stored;
    if (isActive(operation)) {
      this.sql.updateRunning.run(
        operation.status,
        operation.progress,
        operation.message,
        operation.firstSeq,
        stored.op,
      );
      return;
    }
    this.sql.updateEnded.run(
      operation.state,
      operation.status,
      operation.progress,
      operation.message,
      operation.endedAt,
      operation.firstSeq,
      outcomeOf(operation),
      stored.op,
    );
  }

  /** @throws OpstreamError `overloaded` when the key of `events` has no room for another tenant */
  addTenant(name: string): TenantState {
    if (this.sql.lastTenant.get()!.tenant_no >= MAX_TENANTS) {
      throw new OpstreamError('overloaded', `The store holds ${MAX_TENANTS} tenants; it takes no more`);
    }
    this.sql.addTenant.run(name);
    return this.tenant(name)!;
  }

  load(tenant: TenantState, operationId: string): StoredOperation | undefined {
    const cached = tenant.operations.get(operationId);
    if (cached) return cached;
    const row = this.sql.operation.get(tenant.tenantNo, operationId);
    if (!row) return undefined;
    const stored: StoredOperation = {
      tenant,
      op: row.op,
      pool: row.pool === 1 ? 1 : 0,
      operation: toOperation(tenant.name, row),
      dirty: false,
    };
    return row.ended_at === null ? remember(stored) : stored;
  }

  /** Takes over a snapshot after events were recorded; how many and when, their rows tell. */
  change(stored: StoredOperation, operation: Operation): void {
    const written = differsBeyondNewestEvent(stored.operation, operation);
    stored.operation = operation;
    if (!written || stored.dirty) return;
    stored.dirty = true;
    this.changedOperations.push(stored);
  }

  tenantChanged(tenant: TenantState): void {
    if (tenant.dirty) return;
    tenant.dirty = true;
    this.changedTenants.push(tenant);
  }
}

function differsBeyondNewestEvent(before: Operation, after: Operation): boolean {
  return (
    before.progress !== after.progress ||
    before.message !== after.message ||
    before.status !== after.status ||
    before.state !== after.state ||
    before.firstSeq !== after.firstSeq
  );
}

function remember(stored: StoredOperation): StoredOperation {
  const { operations } = stored.tenant;
  makeRoomIn(operations, CACHED_OPERATIONS, (oldest) => !oldest.dirty);
  operations.set(stored.operation.operationId, stored);
  return stored;
}

/** Drops the oldest entry that may go, so that a cache stays within its bound. */
function makeRoomIn<T>(cache: Map<string, T>, limit: number, mayGo: (value: T) => boolean): void {
  if (cache.size < limit) return;
  for (const [key, value] of cache) {
    if (!mayGo(value)) continue;
    cache.delete(key);
    return;
  }
}
