import type Database from 'better-sqlite3';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { toStoreError } from '../../platform/sqlite/sqlite-database.js';
import type { Operation } from '../operation.js';
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
import { parseCursor } from './retention.js';
import { SqliteLogWriter } from './sqlite-log-writer.js';
import { SqliteSnapshots } from './sqlite-snapshots.js';
import { TENANT_SPAN, toEvent, toOperation } from './sqlite-rows.js';
import { prepareStatements, type EventRow, type Statements } from './sqlite-statements.js';

/** Events of removed operations deleted at a time; about a millisecond. */
const PURGE_STEP = 2000;

/** The embedded default: one SQLite file in WAL mode, owned by this process. */
export class SqliteOperationStore extends OperationStore {
  private readonly sql: Statements;
  private readonly snapshots: SqliteSnapshots;
  private readonly writer: SqliteLogWriter;
  private purging = false;
  private closed = false;

  constructor(
    private readonly database: Database.Database,
    private readonly retention: Retention,
  ) {
    super();
    this.sql = prepareStatements(database);
    this.snapshots = new SqliteSnapshots(this.sql);
    this.writer = new SqliteLogWriter(this.sql, this.snapshots, retention);
    this.schedulePurge();
  }

  append(commands: readonly StoreCommand[]): Promise<readonly StoreOutcome[]> {
    return this.write(() => commands.map((command) => this.writer.execute(command)));
  }

  get(tenant: string, operationId: string): Promise<Operation | null> {
    return this.read(() => this.snapshots.find(tenant, operationId)?.operation ?? null);
  }

  list(tenant: string, query: ListQuery): Promise<OperationPage> {
    return this.read(() => {
      const rows = this.sql.listOperations.all({
        tenantNo: this.snapshots.tenant(tenant)?.tenantNo ?? 0,
        before: parseCursor(query.cursor),
        status: query.status ?? null,
        type: query.type ?? null,
        active: query.active === undefined ? null : Number(query.active),
        limit: query.limit + 1,
      });
      const page = rows.slice(0, query.limit);
      return {
        operations: page.map((row) => toOperation(tenant, row)),
        nextCursor: rows.length > page.length ? String(page.at(-1)!.op) : null,
      };
    });
  }

  readOperation(
    tenant: string,
    operationId: string,
    afterSeq: number,
    bounds: PageBounds,
  ): Promise<LogPage | null> {
    return this.read(() => {
      const log = this.snapshots.findLog(tenant, operationId);
      if (!log) return null;
      const rows = this.sql.eventsOfOperation.iterate(operationId, log.op, afterSeq, bounds.limit);
      const events = take(rows, bounds).map((row) => toEvent(tenant, row));
      return { events, first: log.first_seq, head: log.event_count };
    });
  }

  readTenant(tenant: string, afterPosition: number, bounds: PageBounds): Promise<LogPage> {
    return this.read(() => {
      const log = this.snapshots.tenant(tenant);
      if (!log) return { events: [], first: 1, head: 0 };
      const base = log.tenantNo * TENANT_SPAN;
      // Never below the base, where another tenant's log ends.
      const after = base + Math.max(0, afterPosition);
      const rows = this.sql.eventsOfTenant.iterate(after, base + TENANT_SPAN, bounds.limit);
      const events = take(rows, bounds).map((row) => toEvent(tenant, row));
      return { events, first: log.trimmedThrough + 1, head: log.head };
    });
  }

  counts(tenant: string): Promise<OperationCounts> {
    return this.read(() => this.sql.counts.get(this.snapshots.tenant(tenant)?.tenantNo ?? 0)!);
  }

  countsByState(): Promise<StateCounts> {
    return this.read(() => {
      const counts = { running: 0, completed: 0, error: 0, cancelled: 0 };
      for (const { state, total } of this.sql.countsByState.all()) counts[state] = total;
      return counts;
    });
  }

  unfinished(typePrefix: string): Promise<readonly OperationKey[]> {
    return this.read(() => this.sql.unfinished.all({ typePrefix }));
  }

  remove(tenant: string, operationId: string): Promise<boolean> {
    return this.write(() => this.writer.remove(tenant, operationId));
  }

  async expire(at: number): Promise<boolean> {
    if (this.retention.maxAge === 0 || this.closed) return false;
    return this.write(() => this.writer.expire(at - this.retention.maxAge));
  }

  close(): Promise<void> {
    this.closed = true;
    this.database.close();
    return Promise.resolve();
  }

  private async read<T>(query: () => T): Promise<T> {
    this.checkOpen();
    try {
      return query();
    } catch (thrown) {
      throw toStoreError(thrown);
    }
  }

  /** One transaction: either everything of it is durable when the promise resolves, or nothing was recorded. */
  private async write<T>(work: () => T): Promise<T> {
    this.checkOpen();
    let result: T;
    let removed: readonly RemovedOperation[];
    try {
      this.sql.begin.run();
      result = work();
      removed = this.writer.finish();
      this.sql.commit.run();
    } catch (thrown) {
      // A full disk may already have rolled the transaction back.
      if (this.database.inTransaction) this.sql.rollback.run();
      this.writer.forget();
      throw toStoreError(thrown);
    }
    if (removed.length > 0) this.schedulePurge();
    this.tellRemoved(removed);
    return result;
  }

  private checkOpen(): void {
    if (this.closed) throw new OpstreamError('shutting_down', 'The store is closed');
  }

  /** Deletes the events of removed operations in small steps, also those a crash left behind. */
  private schedulePurge(): void {
    if (this.purging) return;
    this.purging = true;
    setImmediate(() => {
      this.purging = false;
      if (this.closed) return;
      // A failing step (full disk) is repeated after the next removal.
      try {
        if (this.purgeStep()) this.schedulePurge();
      } catch (thrown) {
        if (toStoreError(thrown) === thrown) throw thrown;
      }
    });
  }

  private purgeStep(): boolean {
    const orphan = this.sql.orphan.get();
    if (!orphan) return false;
    this.database.transaction(() => {
      let left = PURGE_STEP;
      for (let next: { op: number } | undefined = orphan; next && left > 0; next = this.sql.orphan.get()) {
        const { changes } = this.sql.deleteOrphanedEvents.run(next.op, left);
        if (changes < left) this.sql.adopt.run(next.op);
        left -= Math.max(changes, 1);
      }
    })();
    return true;
  }
}

/** Rows up to the bound in characters; stopping early keeps large events from piling up in memory. */
function take(rows: IterableIterator<EventRow>, { maxBytes }: PageBounds): EventRow[] {
  const page: EventRow[] = [];
  let bytes = 0;
  for (const row of rows) {
    page.push(row);
    bytes += row.data.length;
    if (bytes >= maxBytes) break;
  }
  return page;
}
