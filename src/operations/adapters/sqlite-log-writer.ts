import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { RecordedEvent } from '../operation-event.js';
import { isActive } from '../operation.js';
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
import { TENANT_SPAN } from './sqlite-rows.js';
import type { SqliteSnapshots, StoredOperation, TenantState } from './sqlite-snapshots.js';
import type { RemovalRow, Statements } from './sqlite-statements.js';

/** Operations removed at a time for their age. */
const EXPIRY_STEP = 100;

/** The writing half of the SQLite store: carries out commands inside a transaction that its owner began. */
export class SqliteLogWriter {
  private readonly removed: RemovedOperation[] = [];

  constructor(
    private readonly sql: Statements,
    private readonly snapshots: SqliteSnapshots,
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
    this.snapshots.write();
    return this.removed.splice(0);
  }

  /** After a rollback: nothing in memory can be trusted any more. */
  forget(): void {
    this.snapshots.forget();
    this.removed.length = 0;
  }

  /** @throws OpstreamError `operation_running`; false when it is unknown */
  remove(tenantName: string, operationId: string): boolean {
    const stored = this.snapshots.find(tenantName, operationId);
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
    for (const row of rows) this.drop(this.snapshots.tenant(row.name)!, row);
    return rows.length === EXPIRY_STEP;
  }

  /** Takes an ended operation, whose snapshot is written, out of sight; its events are deleted later, in steps. */
  private drop(tenant: TenantState, { op, operation_id: operationId, pool }: RemovalRow): void {
    this.trimmed(tenant, this.sql.lastPosition.get(op, Number.MAX_SAFE_INTEGER)?.position);
    this.sql.removeOperation.run(op);
    this.sql.orphanLog.run(op);
    tenant.sizes[pool === 1 ? 1 : 0] -= 1;
    this.removed.push({ tenant: tenant.name, operationId });
  }

  private open(command: OpenCommand): Recorded {
    const { operation: wanted } = command;
    const tenant = this.snapshots.tenant(wanted.tenant) ?? this.snapshots.addTenant(wanted.tenant);
    const stored = this.snapshots.load(tenant, wanted.operationId);
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
    const added = this.snapshots.add(tenant, Number(lastInsertRowid), pool, decision.operation);
    tenant.sizes[pool] += 1;
    return this.commit(added, decision);
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
      this.snapshots.change(stored, decision.operation);
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
    this.snapshots.change(stored, { ...stored.operation, firstSeq });
  }

  private trimmed(tenant: TenantState, position: number | undefined): void {
    if (position === undefined) return;
    tenant.trimmedThrough = Math.max(tenant.trimmedThrough, position % TENANT_SPAN);
    this.snapshots.tenantChanged(tenant);
  }

  /** @throws OpstreamError `too_many_operations` when only running ones are left */
  private makeRoom(tenant: TenantState, pool: 0 | 1): void {
    const limit = pool === 1 ? this.retention.maxToolOperations : this.retention.maxOperations;
    while (tenant.sizes[pool] >= limit) {
      // Ends of this transaction are not in the table yet.
      this.snapshots.writeOperations();
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
}

/** @throws OpstreamError `storage_full` before a tenant's log would run into the next one's range of the key */
function checkPositions(tenant: TenantState, wanted: number): void {
  if (tenant.head + wanted < TENANT_SPAN) return;
  throw new OpstreamError('storage_full', 'This tenant has used up its positions');
}
