import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { RecordedEvent } from '../operation-event.js';
import { servesFromCache } from '../result-cache.js';
import { isActive, type Operation, type OperationState } from '../operation.js';
import { operationKeyText, type OperationKey } from '../operation-key.js';
import {
  TOOL_OPERATION_PREFIX,
  type OpenCommand,
  type RecordCommand,
  type Recorded,
  type Retention,
  type StoreCommand,
  type StoreOutcome,
} from '../operation-store.js';
import { DAMAGED_RESULT } from './damaged.js';
import { decideOpen, decideRecord, openingReceipt, type Decision } from './decide.js';
import { eventChecksum, operationChecksum } from './event-checksum.js';
import { eventsToTrim, REMOVAL_STEP } from './retention.js';
import type { SqliteEpochs } from './sqlite-epochs.js';
import { logCountsText, TENANT_SPAN } from './sqlite-rows.js';
import type { SqliteSnapshots, StoredOperation, TenantState } from './sqlite-snapshots.js';
import type { RemovalRow, Statements } from './sqlite-statements.js';

const STATES: readonly OperationState[] = ['running', 'running', 'completed', 'error', 'cancelled'];

/** Work left over by a transaction, to be done in further ones. */
export interface Leftovers {
  /** Operations with more events than their limit. */
  readonly trims: Map<string, OperationKey>;
  /** Tenants with more ended operations than their limit, with the pool concerned. */
  readonly crowded: Map<string, { readonly tenant: string; readonly pool: 0 | 1 }>;
}

/** The writing half of the SQLite store: executes commands within a transaction begun by its owner. */
export class SqliteLogWriter {
  readonly leftovers: Leftovers = { trims: new Map(), crowded: new Map() };
  /** Key of the last event recorded in this transaction; 0 if none. */
  lastEvent = 0;
  private readonly removed: OperationKey[] = [];

  constructor(
    private readonly sql: Statements,
    private readonly snapshots: SqliteSnapshots,
    private readonly epochs: SqliteEpochs,
    private readonly retention: Retention,
  ) {}

  execute(command: StoreCommand): StoreOutcome {
    try {
      return command.kind === 'open' ? this.open(command) : this.record(command);
    } catch (thrown) {
      // Refusals precede the first write, so the rest of the transaction stands.
      if (thrown instanceof OpstreamError) return thrown;
      throw thrown;
    }
  }

  /** Writes what changed; call it last in the transaction. @returns what was removed in it */
  finish(): readonly OperationKey[] {
    this.snapshots.write();
    return this.removed.splice(0);
  }

  /** After a rollback, nothing in memory can be trusted. */
  forget(): void {
    this.snapshots.forget();
    this.removed.length = 0;
    this.lastEvent = 0;
  }

  /** Whether an operation may be removed, before anything is written. @throws OpstreamError `operation_running` */
  mayRemove(tenantName: string, operationId: string): boolean {
    const stored = this.snapshots.find(tenantName, operationId);
    if (!stored) return false;
    if (!isActive(stored.operation)) return true;
    throw new OpstreamError('operation_running', `Operation ${operationId} is still running`);
  }

  /** Removes an ended operation. */
  remove(tenantName: string, operationId: string): void {
    const { tenant, op, pool, operation } = this.snapshots.find(tenantName, operationId)!;
    this.drop(tenant, { op, operation_id: operationId, pool, phase: STATES.lastIndexOf(operation.state) });
  }

  /** Removes some of what ended before `deadline` (Unix seconds). @returns whether more may be due */
  expire(deadline: number): boolean {
    const rows = this.sql.expired.all(deadline, REMOVAL_STEP);
    for (const row of rows) this.drop(this.snapshots.tenant(row.name)!, row);
    return rows.length === REMOVAL_STEP;
  }

  /** Removes some of a tenant's operations above a lowered limit. @returns whether more is due */
  thinOut(tenantName: string, pool: 0 | 1): boolean {
    const tenant = this.snapshots.tenant(tenantName);
    if (!tenant) return false;
    const excess = sizeOf(tenant, pool) - this.limitOf(pool);
    for (let n = 0; n < Math.min(excess, REMOVAL_STEP); n++) {
      const row = this.sql.oldestEnded.get(tenant.tenantNo, pool);
      if (!row) return false;
      this.drop(tenant, row);
    }
    return excess > REMOVAL_STEP;
  }

  /** Trims another step of an operation's log. @returns whether more is due */
  trimFurther({ tenant, operationId }: OperationKey): boolean {
    const stored = this.snapshots.find(tenant, operationId);
    if (!stored) return false;
    this.trim(stored);
    return eventsToTrim(stored.operation, this.retention.maxEventsPerOperation) > 0;
  }

  /** Hides an ended operation whose snapshot is written; its events are deleted later, in steps. */
  private drop(tenant: TenantState, { op, operation_id: operationId, pool, phase }: RemovalRow): void {
    this.trimmed(tenant, this.sql.lastPosition.get(op, Number.MAX_SAFE_INTEGER)?.position);
    this.sql.removeOperation.run(op);
    this.sql.orphanLog.run(op);
    this.snapshots.removed(tenant, operationId, pool, STATES[phase]!);
    this.removed.push({ tenant: tenant.name, operationId });
  }

  private open(command: OpenCommand): Recorded {
    const { operation: wanted } = command;
    const tenant = this.snapshots.tenant(wanted.tenant) ?? this.snapshots.addTenant(wanted.tenant);
    const stored = this.snapshots.load(tenant, wanted.operationId);
    if (stored) {
      const { operation, receipts } = decideOpen(command, stored.op, stored.operation);
      return { operation, events: [], receipts };
    }
    const hit = this.answering(tenant, command);
    if (hit) return { operation: hit, events: [], receipts: [openingReceipt(hit)], cached: true };
    const pool = wanted.operationType.startsWith(TOOL_OPERATION_PREFIX) ? 1 : 0;
    checkPositions(tenant, 1);
    this.makeRoom(tenant, pool);
    const decision = decideOpen(command, this.snapshots.nextNumber(), undefined);
    const { operation } = decision;
    const metadata = JSON.stringify(wanted.metadata);
    this.sql.addOperation.run(
      operation.number,
      tenant.tenantNo,
      wanted.operationId,
      wanted.operationType,
      pool,
      metadata,
      command.at,
      operation.owner,
      operation.leaseSeconds,
      operationChecksum({
        operation_id: wanted.operationId,
        operation_type: wanted.operationType,
        metadata,
        parent_operation_id: wanted.parentOperationId,
        created_by: wanted.createdBy,
      }),
      wanted.parentOperationId ?? null,
      wanted.createdBy ?? null,
      command.cache?.key ?? null,
      command.cache?.ttl ?? null,
    );
    return this.commit(this.snapshots.add(tenant, pool, operation, metadata.length), decision);
  }

  /** The operation that answers for the command's cache key. */
  private answering(tenant: TenantState, { cache, at }: OpenCommand): Operation | undefined {
    const row = cache && this.sql.newestByCacheKey.get(tenant.tenantNo, cache.key);
    if (!row) return undefined;
    const { operation } = this.snapshots.load(tenant, row.operation_id)!;
    if (operation.result === DAMAGED_RESULT) return undefined;
    return servesFromCache(operation, [row.cache_ttl, cache.ttl], at) ? operation : undefined;
  }

  private record(command: RecordCommand): Recorded {
    const stored = this.snapshots.find(command.tenant, command.operationId);
    const decision = decideRecord(command, stored?.operation, (eventId) => {
      const row = this.sql.receipt.get(stored!.op, eventId);
      return row && { ...row, repeated: true };
    });
    checkPositions(stored!.tenant, decision.events.length);
    return this.commit(stored!, decision);
  }

  private commit(stored: StoredOperation, decision: Decision): Recorded {
    const { tenant, op } = stored;
    const base = tenant.tenantNo * TENANT_SPAN;
    const { operationId } = decision.operation;
    const events: RecordedEvent[] = [];
    if (decision.events.length > 0) this.epochs.record(tenant);
    const { eventCount, logCounts } = decision.operation;
    for (const { seq, type, timestamp, data, eventId } of decision.events) {
      const position = ++tenant.head;
      const key = base + position;
      const crc = eventChecksum({ position: key, op, seq, type, timestamp, data });
      const counts = seq === eventCount ? logCountsText(logCounts) : null;
      this.sql.addEvent.run(key, op, seq, type, timestamp, data, crc, counts);
      if (eventId !== undefined) this.sql.addEventId.run(op, eventId, seq, timestamp);
      events.push(
        new RecordedEvent({ tenant: tenant.name, operationId, seq, position, type, timestamp, data }),
      );
      this.lastEvent = key;
      stored.lastPosition = key;
    }
    this.snapshots.change(stored, decision.operation);
    if (events.length > 0) this.trim(stored);
    return { operation: stored.operation, events, receipts: decision.receipts };
  }

  private trim(stored: StoredOperation): void {
    const { maxEventsPerOperation } = this.retention;
    const excess = eventsToTrim(stored.operation, maxEventsPerOperation);
    if (excess === 0) return;
    const { tenant, operation } = stored;
    const firstSeq = operation.firstSeq + excess;
    this.trimmed(tenant, this.sql.lastPosition.get(stored.op, firstSeq - 1)?.position);
    this.sql.trimEvents.run(stored.op, firstSeq);
    this.snapshots.change(stored, { ...operation, firstSeq });
    if (eventsToTrim(stored.operation, maxEventsPerOperation) === 0) return;
    const { operationId } = operation;
    const key = { tenant: tenant.name, operationId };
    this.leftovers.trims.set(operationKeyText(key), key);
  }

  private trimmed(tenant: TenantState, position: number | undefined): void {
    if (position === undefined) return;
    tenant.trimmedThrough = Math.max(tenant.trimmedThrough, position % TENANT_SPAN);
    this.snapshots.tenantChanged(tenant);
  }

  private limitOf(pool: 0 | 1): number {
    return pool === 1 ? this.retention.maxToolOperations : this.retention.maxOperations;
  }

  /** @throws OpstreamError `too_many_operations` when only running ones are left */
  private makeRoom(tenant: TenantState, pool: 0 | 1): void {
    const limit = this.limitOf(pool);
    const excess = sizeOf(tenant, pool) - limit + 1;
    if (excess <= 0) return;
    // Operations that ended in this transaction are not in the table yet.
    this.snapshots.writeOperations();
    let row: RemovalRow | undefined;
    for (let n = 0; n < Math.min(excess, REMOVAL_STEP); n++) {
      row = this.sql.oldestEnded.get(tenant.tenantNo, pool);
      if (!row) break;
      this.drop(tenant, row);
    }
    if (!row && sizeOf(tenant, pool) >= limit) {
      throw new OpstreamError(
        'too_many_operations',
        `${limit} operations are running; no more can be opened`,
      );
    }
    if (row && excess > REMOVAL_STEP) {
      this.leftovers.crowded.set(`${pool} ${tenant.name}`, { tenant: tenant.name, pool });
    }
  }
}

/** Stored operations of a pool. */
function sizeOf({ counts }: TenantState, pool: 0 | 1): number {
  if (pool === 1) return counts.tools;
  return counts.running + counts.completed + counts.error + counts.cancelled - counts.tools;
}

/** @throws OpstreamError `storage_full` before a tenant's log would reach the next one's key range */
function checkPositions(tenant: TenantState, wanted: number): void {
  if (tenant.head + wanted < TENANT_SPAN) return;
  throw new OpstreamError('storage_full', 'This tenant has used up its positions');
}
