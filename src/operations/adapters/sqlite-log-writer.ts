import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { RecordedEvent } from '../operation-event.js';
import { isActive, type Operation } from '../operation.js';
import {
  TOOL_OPERATION_PREFIX,
  type OpenCommand,
  type RecordCommand,
  type Recorded,
  type RemovedOperation,
  type Retention,
  type StoreCommand,
  type StoreOutcome,
} from '../operation-store.js';
import { decideOpen, decideRecord, type Decision } from './decide.js';
import { eventsToTrim } from './retention.js';
import { MAX_TENANTS, outcomeOf, TENANT_SPAN, toOperation } from './sqlite-rows.js';
import type { LogRow, RemovalRow, Statements } from './sqlite-statements.js';

/** An operation and the row it lives in. */
interface StoredOperation {
  readonly tenant: TenantState;
  readonly op: number;
  readonly pool: 0 | 1;
  operation: Operation;
  dirty: boolean;
}

interface TenantState {
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
/** Operations removed at a time for their age. */
const EXPIRY_STEP = 100;

/**
 * The writing half of the SQLite store: carries out commands inside a transaction that its owner began. Snapshots
 * are written once per transaction, however many events changed them. After a rollback `forget` drops every cache.
 */
export class SqliteLogWriter {
  private readonly tenants = new Map<string, TenantState>();
  private readonly dirty: {
    tenants: TenantState[];
    operations: StoredOperation[];
    removed: RemovedOperation[];
  } = {
    tenants: [],
    operations: [],
    removed: [],
  };

  constructor(
    private readonly sql: Statements,
    private readonly retention: Retention,
  ) {}

  execute(command: StoreCommand): StoreOutcome {
    try {
      return command.kind === 'open' ? this.open(command) : this.record(command);
    } catch (thrown) {
      // Refusals come before the first write, so the rest of the transaction stands.
      if (thrown instanceof OpstreamError) return thrown;
      throw thrown;
    }
  }

  /** Writes what changed; to be called last in the transaction. @returns what was removed in it */
  finish(): readonly RemovedOperation[] {
    this.writeSnapshots();
    for (const tenant of this.dirty.tenants) {
      this.sql.updateTenant.run(tenant.trimmedThrough, tenant.tenantNo);
      tenant.dirty = false;
    }
    this.dirty.tenants.length = 0;
    return this.dirty.removed.splice(0);
  }

  /** After a rollback: nothing in memory can be trusted any more. */
  forget(): void {
    this.tenants.clear();
    this.dirty.tenants.length = 0;
    this.dirty.operations.length = 0;
    this.dirty.removed.length = 0;
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
      sizes: [
        this.sql.countPool.get(row.tenant_no, 0)!.total,
        this.sql.countPool.get(row.tenant_no, 1)!.total,
      ],
      operations: new Map(),
      dirty: false,
    };
    // A tenant that leaves the cache takes its operations along, so their snapshots must be in the table.
    if (this.tenants.size >= CACHED_TENANTS) this.writeSnapshots();
    makeRoomIn(this.tenants, CACHED_TENANTS, (oldest) => !oldest.dirty);
    this.tenants.set(name, state);
    return state;
  }

  /** @throws OpstreamError `operation_running`; false when it is unknown */
  remove(tenantName: string, operationId: string): boolean {
    const stored = this.find(tenantName, operationId);
    if (!stored) return false;
    if (isActive(stored.operation)) {
      throw new OpstreamError('operation_running', `Operation ${operationId} is still running`);
    }
    this.drop(stored.tenant, { op: stored.op, operation_id: operationId, pool: stored.pool });
    return true;
  }

  /** Removes some of what ended before `deadline` (Unix seconds). @returns whether more may be due */
  expire(deadline: number): boolean {
    const rows = this.sql.expired.all(deadline, EXPIRY_STEP);
    for (const row of rows) this.drop(this.tenant(row.name)!, row);
    return rows.length === EXPIRY_STEP;
  }

  /** Takes an ended operation, whose snapshot is written, out of sight; its events are deleted later, in steps. */
  private drop(tenant: TenantState, { op, operation_id: operationId, pool }: RemovalRow): void {
    this.trimmed(tenant, this.sql.lastPosition.get(op, Number.MAX_SAFE_INTEGER)?.position);
    this.sql.removeOperation.run(op);
    this.sql.orphanLog.run(op);
    tenant.sizes[pool === 1 ? 1 : 0] -= 1;
    this.dirty.removed.push({ tenant: tenant.name, operationId });
  }

  private open(command: OpenCommand): Recorded {
    const { operation: wanted } = command;
    const tenant = this.tenant(wanted.tenant) ?? this.addTenant(wanted.tenant);
    const stored = this.load(tenant, wanted.operationId);
    const decision = decideOpen(command, stored?.operation);
    if (stored) return { operation: decision.operation, events: [], receipts: decision.receipts };
    const pool = wanted.operationType.startsWith(TOOL_OPERATION_PREFIX) ? 1 : 0;
    checkPositions(tenant, 1);
    this.makeRoom(tenant, pool);
    const { lastInsertRowid } = this.sql.addOperation.run(
      tenant.tenantNo,
      wanted.operationId,
      wanted.operationType,
      pool,
      JSON.stringify(wanted.metadata),
      command.at,
    );
    const added: StoredOperation = {
      tenant,
      op: Number(lastInsertRowid),
      pool,
      operation: decision.operation,
      dirty: false,
    };
    makeRoomIn(tenant.operations, CACHED_OPERATIONS, (oldest) => !oldest.dirty);
    tenant.operations.set(wanted.operationId, added);
    tenant.sizes[pool] += 1;
    return this.commit(added, decision);
  }

  private record(command: RecordCommand): Recorded {
    const tenant = this.tenant(command.tenant);
    const stored = tenant && this.load(tenant, command.operationId);
    const decision = decideRecord(command, stored?.operation, (eventId) => {
      const row = this.sql.receipt.get(stored!.op, eventId);
      return row && { ...row, repeated: true };
    });
    checkPositions(stored!.tenant, decision.events.length);
    return this.commit(stored!, decision);
  }

  private commit(stored: StoredOperation, decision: Decision): Recorded {
    const { tenant } = stored;
    const base = tenant.tenantNo * TENANT_SPAN;
    const { operationId } = decision.operation;
    const events: RecordedEvent[] = [];
    for (const { seq, type, timestamp, data, eventId } of decision.events) {
      const position = ++tenant.head;
      this.sql.addEvent.run(base + position, stored.op, seq, type, timestamp, data, eventId ?? null);
      events.push(
        new RecordedEvent({ tenant: tenant.name, operationId, seq, position, type, timestamp, data }),
      );
    }
    if (events.length > 0) {
      stored.operation = decision.operation;
      this.markDirty(stored);
      this.trim(stored);
    }
    return { operation: stored.operation, events, receipts: decision.receipts };
  }

  private trim(stored: StoredOperation): void {
    const excess = eventsToTrim(stored.operation, this.retention.maxEventsPerOperation);
    if (excess === 0) return;
    const firstSeq = stored.operation.firstSeq + excess;
    this.trimmed(stored.tenant, this.sql.lastPosition.get(stored.op, firstSeq - 1)?.position);
    this.sql.trimEvents.run(stored.op, firstSeq);
    stored.operation = { ...stored.operation, firstSeq };
  }

  private trimmed(tenant: TenantState, position: number | undefined): void {
    if (position === undefined) return;
    tenant.trimmedThrough = Math.max(tenant.trimmedThrough, position % TENANT_SPAN);
    this.markTenant(tenant);
  }

  /** @throws OpstreamError `too_many_operations` when only running ones are left */
  private makeRoom(tenant: TenantState, pool: 0 | 1): void {
    const limit = pool === 1 ? this.retention.maxToolOperations : this.retention.maxOperations;
    while (tenant.sizes[pool] >= limit) {
      // Ends of this transaction are not in the table yet.
      this.writeSnapshots();
      const row = this.sql.oldestEnded.get(tenant.tenantNo, pool);
      if (!row) {
        throw new OpstreamError(
          'too_many_operations',
          `${limit} operations are running; no more can be opened`,
        );
      }
      this.drop(tenant, row);
    }
  }

  private writeSnapshots(): void {
    for (const stored of this.dirty.operations) {
      this.writeSnapshot(stored);
      stored.dirty = false;
      // Ended ones are rarely asked for and may carry a large result.
      if (!isActive(stored.operation)) stored.tenant.operations.delete(stored.operation.operationId);
    }
    this.dirty.operations.length = 0;
  }

  private writeSnapshot(stored: StoredOperation): void {
    const { operation } = stored;
    if (isActive(operation)) {
      this.sql.updateRunning.run(
        operation.status,
        operation.progress,
        operation.message,
        operation.updatedAt,
        operation.eventCount,
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
      operation.updatedAt,
      operation.endedAt,
      operation.eventCount,
      operation.firstSeq,
      outcomeOf(operation),
      stored.op,
    );
  }

  /** @throws OpstreamError `overloaded` when the key of `events` has no room for another tenant */
  private addTenant(name: string): TenantState {
    if (this.sql.lastTenant.get()!.tenant_no >= MAX_TENANTS) {
      throw new OpstreamError('overloaded', `The store holds ${MAX_TENANTS} tenants; it takes no more`);
    }
    this.sql.addTenant.run(name);
    return this.tenant(name)!;
  }

  private load(tenant: TenantState, operationId: string): StoredOperation | undefined {
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
    if (row.ended_at === null) {
      makeRoomIn(tenant.operations, CACHED_OPERATIONS, (oldest) => !oldest.dirty);
      tenant.operations.set(row.operation_id, stored);
    }
    return stored;
  }

  private markDirty(stored: StoredOperation): void {
    if (stored.dirty) return;
    stored.dirty = true;
    this.dirty.operations.push(stored);
  }

  private markTenant(tenant: TenantState): void {
    if (tenant.dirty) return;
    tenant.dirty = true;
    this.dirty.tenants.push(tenant);
  }
}

/** @throws OpstreamError `storage_full` before a tenant's log would run into the next one's range of the key */
function checkPositions(tenant: TenantState, wanted: number): void {
  if (tenant.head + wanted < TENANT_SPAN) return;
  throw new OpstreamError('storage_full', 'This tenant has used up its positions');
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
