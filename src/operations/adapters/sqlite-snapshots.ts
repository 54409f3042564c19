import { crc32 } from 'node:zlib';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { durationOf, hasFailed } from '../operation-filter.js';
import { isActive, type Operation } from '../operation.js';
import type { LogEpoch, StateCounts } from '../operation-store.js';
import {
  inputsOf,
  MAX_TENANTS,
  outcomeOf,
  phaseOf,
  TENANT_SPAN,
  toOperation,
  type OnDamage,
} from './sqlite-rows.js';
import type { LogRow, Statements } from './sqlite-statements.js';

/** An operation and its row. */
export interface StoredOperation {
  readonly tenant: TenantState;
  readonly op: number;
  readonly pool: 0 | 1;
  operation: Operation;
  /** What still has to be written: nothing, the columns of a running one, or also its status, errors or end. */
  pending: 'nothing' | 'running' | 'phase';
  /** Position of its newest event, known if it was recorded in this transaction. */
  lastPosition: number;
  /** Estimated memory in bytes. */
  readonly weight: number;
}

/** In-memory state of a tenant's log. */
export interface TenantState {
  readonly name: string;
  readonly tenantNo: number;
  head: number;
  trimmedThrough: number;
  /** Stored operations by state, and the number of tool calls among all. */
  readonly counts: { running: number; completed: number; error: number; cancelled: number; tools: number };
  readonly operations: Map<string, StoredOperation>;
  /** Read on first use. */
  epochs: readonly LogEpoch[] | undefined;
  /** The current epoch is in the table. */
  epochRecorded: boolean;
  dirty: boolean;
}

/** Bytes of snapshots cached over all tenants, so that an append needs no read; the oldest are dropped first. */
const CACHE_BYTES = 64 * 1024 * 1024;
/** Bytes of a snapshot without metadata, and of a parsed object per character of its JSON text, at most. */
const SNAPSHOT_BYTES = 600;
const BYTES_PER_CHARACTER = 20;
const CACHED_TENANTS = 1024;

/**
 * Snapshots of operations and tenants in memory, so that an append needs no read, and what still has to be written
 * before the current transaction commits. Nothing else writes to the file; if another program did, `forget` is called.
 */
export class SqliteSnapshots {
  private readonly tenants = new Map<string, TenantState>();
  private readonly changedTenants: TenantState[] = [];
  private readonly changedOperations: StoredOperation[] = [];
  /** Everything cached, oldest first. */
  private readonly cached = new Set<StoredOperation>();
  private cachedBytes = 0;
  private total: { running: number; completed: number; error: number; cancelled: number };
  private lastNumber: number;

  constructor(
    private readonly sql: Statements,
    private readonly onDamage: OnDamage,
    private readonly cacheBytes = CACHE_BYTES,
  ) {
    this.total = this.countAll();
    this.lastNumber = sql.lastNumber.get()!.op;
  }

  /** Estimated size of the cached snapshots. */
  get bytes(): number {
    return this.cachedBytes;
  }

  get totals(): StateCounts {
    return { ...this.total };
  }

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
      counts: {
        running: row.running,
        completed: row.completed,
        error: row.failed,
        cancelled: row.cancelled,
        tools: row.tools,
      },
      operations: new Map(),
      epochs: undefined,
      epochRecorded: false,
      dirty: false,
    };
    if (this.tenants.size >= CACHED_TENANTS) this.dropOldestTenant();
    this.tenants.set(name, state);
    return state;
  }

  /** @throws OpstreamError `overloaded` when the key of `events` has no room for another tenant */
  addTenant(name: string): TenantState {
    if (this.sql.lastTenant.get()!.tenant_no >= MAX_TENANTS) {
      throw new OpstreamError('overloaded', `The store holds ${MAX_TENANTS} tenants; it takes no more`);
    }
    this.sql.addTenant.run(name);
    return this.tenant(name)!;
  }

  nextNumber(): number {
    return ++this.lastNumber;
  }

  /** Adds an operation whose row was just inserted. */
  add(tenant: TenantState, pool: 0 | 1, operation: Operation, metadataSize: number): StoredOperation {
    tenant.counts.running += 1;
    tenant.counts.tools += pool;
    this.total.running += 1;
    this.tenantChanged(tenant);
    return this.remember({
      tenant,
      op: operation.number,
      pool,
      operation,
      pending: 'nothing',
      lastPosition: 0,
      weight: weigh(metadataSize),
    });
  }

  /** Drops a removed operation. */
  removed(tenant: TenantState, operationId: string, pool: number, state: keyof StateCounts): void {
    const stored = tenant.operations.get(operationId);
    if (stored) this.release(stored);
    tenant.counts[state] -= 1;
    tenant.counts.tools -= pool;
    this.total[state] -= 1;
    this.tenantChanged(tenant);
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
      operation: toOperation(tenant.name, row, this.onDamage),
      pending: 'nothing',
      lastPosition: 0,
      weight: weigh(row.metadata.length),
    };
    return row.ended_at === null ? this.remember(stored) : stored;
  }

  /** Updates a snapshot after events were recorded; their rows determine count and time. */
  change(stored: StoredOperation, operation: Operation): void {
    const before = stored.operation;
    stored.operation = operation;
    if (before.state !== operation.state) {
      const { counts } = stored.tenant;
      counts[before.state] -= 1;
      counts[operation.state] += 1;
      this.total[before.state] -= 1;
      this.total[operation.state] += 1;
      this.tenantChanged(stored.tenant);
    }
    const needed = whatToWrite(before, operation);
    if (needed === 'nothing' || stored.pending === 'phase') return;
    if (stored.pending === 'nothing') this.changedOperations.push(stored);
    stored.pending = needed;
  }

  tenantChanged(tenant: TenantState): void {
    if (tenant.dirty) return;
    tenant.dirty = true;
    this.changedTenants.push(tenant);
  }

  /** Writes everything that changed: each snapshot once per transaction, however many events changed it. */
  write(): void {
    this.writeOperations();
    for (const tenant of this.changedTenants) {
      const { running, completed, error, cancelled, tools } = tenant.counts;
      const { trimmedThrough, tenantNo } = tenant;
      this.sql.updateTenant.run(trimmedThrough, running, completed, error, cancelled, tools, tenantNo);
      tenant.dirty = false;
      if (running + completed + error + cancelled === 0) this.dropTenant(tenant);
    }
    this.changedTenants.length = 0;
  }

  /** Writes only the snapshots, for statements that read the table. */
  writeOperations(): void {
    for (const stored of this.changedOperations) {
      this.writeSnapshot(stored);
      stored.pending = 'nothing';
      // Ended ones are rarely requested and may have a large result.
      if (!isActive(stored.operation)) this.release(stored);
    }
    this.changedOperations.length = 0;
  }

  /** After a failed write, or one of another program, nothing in memory can be trusted. */
  forget(): void {
    this.tenants.clear();
    this.cached.clear();
    this.cachedBytes = 0;
    this.changedTenants.length = 0;
    this.changedOperations.length = 0;
    this.total = this.countAll();
    this.lastNumber = this.sql.lastNumber.get()!.op;
  }

  private writeSnapshot({ operation, op, pending, lastPosition }: StoredOperation): void {
    const { state, status, progress, message, firstSeq, endedAt, updatedAt } = operation;
    if (pending === 'phase' && hasFailed(operation)) this.sql.markErrors.run(op);
    if (isActive(operation)) {
      this.sql.updateRunning.run(progress, message, firstSeq, updatedAt, op);
      if (pending === 'phase') this.sql.updateStatus.run(status, phaseOf(operation), inputsOf(operation), op);
      return;
    }
    const outcome = outcomeOf(operation);
    this.sql.updateEnded.run(
      state,
      status,
      phaseOf(operation),
      progress,
      message,
      endedAt,
      lastPosition,
      firstSeq,
      outcome,
      outcome === null ? null : crc32(outcome),
      durationOf(operation),
      inputsOf(operation),
      op,
    );
  }

  private countAll() {
    const { running, completed, failed, cancelled } = this.sql.countsOfAll.get()!;
    return { running, completed, error: failed, cancelled };
  }

  private remember(stored: StoredOperation): StoredOperation {
    stored.tenant.operations.set(stored.operation.operationId, stored);
    this.cached.add(stored);
    this.cachedBytes += stored.weight;
    if (this.cachedBytes > this.cacheBytes) this.makeRoom(stored);
    return stored;
  }

  private makeRoom(newest: StoredOperation): void {
    for (const stored of this.cached) {
      if (stored === newest) return;
      if (stored.pending === 'nothing') this.release(stored);
      if (this.cachedBytes <= this.cacheBytes) return;
    }
  }

  private release(stored: StoredOperation): void {
    if (!this.cached.delete(stored)) return;
    stored.tenant.operations.delete(stored.operation.operationId);
    this.cachedBytes -= stored.weight;
  }

  private dropOldestTenant(): void {
    // Dropping a tenant drops its operations, so their snapshots must be in the table.
    this.writeOperations();
    for (const tenant of this.tenants.values()) {
      if (tenant.dirty) continue;
      this.dropTenant(tenant);
      return;
    }
  }

  private dropTenant(tenant: TenantState): void {
    for (const stored of tenant.operations.values()) this.release(stored);
    this.tenants.delete(tenant.name);
  }
}

function whatToWrite(before: Operation, after: Operation): StoredOperation['pending'] {
  const isOther = before.status !== after.status || before.state !== after.state;
  if (isOther || before.inputs !== after.inputs || hasFailed(before) !== hasFailed(after)) return 'phase';
  const differs =
    before.progress !== after.progress ||
    before.message !== after.message ||
    before.firstSeq !== after.firstSeq ||
    (before.updatedAt !== after.updatedAt && before.eventCount === after.eventCount);
  return differs ? 'running' : 'nothing';
}

function weigh(metadataSize: number): number {
  return SNAPSHOT_BYTES + BYTES_PER_CHARACTER * metadataSize;
}
