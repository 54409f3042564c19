import type Database from 'better-sqlite3';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { turnBudget } from '../../platform/lifecycle/turn-budget.js';
import { copyDatabase } from '../../platform/sqlite/copy-database.js';
import { toStoreError } from '../../platform/sqlite/store-error.js';
import type { RecordedEvent } from '../operation-event.js';
import type { OperationFilter } from '../operation-filter.js';
import type { Operation } from '../operation.js';
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
import { AcknowledgedMark } from './acknowledged-mark.js';
import { countOperations, markOf } from './backup-marks.js';
import { SqliteEpochs } from './sqlite-epochs.js';
import type { ListBounds } from './list-bounds.js';
import { SqliteListing, type Read } from './sqlite-listing.js';
import { SqliteLogReader } from './sqlite-log-reader.js';
import { SqliteLogWriter } from './sqlite-log-writer.js';
import { SqliteMaintenance } from './sqlite-maintenance.js';
import { SqliteSnapshots } from './sqlite-snapshots.js';
import { prepareStatements, type Statements } from './sqlite-statements.js';
import { SqliteTransactions, type Transacted } from './sqlite-transactions.js';
import { reportLosses } from './start-report.js';
import { StoreWatch } from './store-watch.js';

/** How often the file is compared with the one at its path, and a failed store is retried. */
const WATCH_INTERVAL_MS = 2000;

/** Receives messages for the operator; must not throw. */
export type StoreLog = (message: string) => void;

/** The embedded default: one SQLite file in WAL mode, owned by this process. */
export class SqliteOperationStore extends OperationStore {
  private readonly sql: Statements;
  private readonly snapshots: SqliteSnapshots;
  private readonly epochs: SqliteEpochs;
  private readonly writer: SqliteLogWriter;
  private readonly reader: SqliteLogReader;
  private readonly listing: SqliteListing;
  private readonly watch: StoreWatch;
  private readonly mark: AcknowledgedMark | undefined;
  private readonly transactions: SqliteTransactions;
  private readonly maintenance: SqliteMaintenance;
  private readonly timer: NodeJS.Timeout;
  private readonly onDamage: (where: string) => void;
  private closed = false;
  private readonly closing = new AbortController();

  constructor(
    private readonly database: Database.Database,
    private readonly retention: Retention,
    log: StoreLog = () => {},
    bounds?: ListBounds,
  ) {
    super();
    this.sql = prepareStatements(database);
    this.onDamage = (where) => {
      this.onFailure('damaged');
      log(`The store is damaged: ${where}. Run "opstream check", and restore a backup.`);
    };
    this.snapshots = new SqliteSnapshots(this.sql, this.onDamage);
    this.epochs = new SqliteEpochs(this.sql);
    this.writer = new SqliteLogWriter(this.sql, this.snapshots, this.epochs, retention);
    this.reader = new SqliteLogReader(this.sql, this.onDamage);
    const read: Read = (query) => this.read(query);
    this.listing = new SqliteListing(this.sql, read, this.onDamage, bounds);
    const path = database.memory ? undefined : database.name;
    this.watch = new StoreWatch(path);
    this.mark = path === undefined ? undefined : new AcknowledgedMark(`${path}.mark`);
    reportLosses(this.sql, this.mark?.found, log);
    this.transactions = new SqliteTransactions({
      database,
      sql: this.sql,
      writer: this.writer,
      epochs: this.epochs,
      watch: this.watch,
      mark: this.mark,
      onFailure: (code) => this.onFailure(code),
    });
    this.maintenance = new SqliteMaintenance(this.sql, this.writer, this.transactions, (removed) =>
      this.tellRemoved(removed),
    );
    this.begin();
    this.timer = setInterval(() => this.lookAround(), WATCH_INTERVAL_MS).unref();
    this.maintenance.start();
  }

  append(commands: readonly StoreCommand[]): Promise<readonly StoreOutcome[]> {
    return this.write(() =>
      this.transactions.run(() => commands.map((command) => this.writer.execute(command))),
    );
  }

  get({ tenant, operationId }: OperationKey): Promise<Operation | null> {
    return this.read(() => this.snapshots.find(tenant, operationId)?.operation ?? null);
  }

  list(tenant: string, query: ListQuery): Promise<OperationPage> {
    return this.read(() => this.tenantOf(tenant)).then((found) => this.listing.list(found, query));
  }

  countMatching(tenant: string, filter: OperationFilter): Promise<FilteredCounts> {
    // Without a filter, the counts are kept.
    if (Object.values(filter).every((value) => value === undefined)) {
      const none = { running: 0, completed: 0, error: 0, cancelled: 0 };
      return this.read(() => {
        const { tools: _tools, ...counts } = this.snapshots.tenant(tenant)?.counts ?? { ...none, tools: 0 };
        return counts;
      });
    }
    return this.read(() => this.tenantOf(tenant)).then((found) => this.listing.count(found, filter));
  }

  private tenantOf(name: string): { readonly name: string; readonly tenantNo: number } {
    return { name, tenantNo: this.snapshots.tenant(name)?.tenantNo ?? 0 };
  }

  readOperation(key: OperationKey, afterSeq: number, bounds: PageBounds): Promise<LogPage | null> {
    return this.readLog(key, (op) => this.reader.ofOperation(key, op, afterSeq, bounds));
  }

  readOperationBefore(key: OperationKey, beforeSeq: number, bounds: PageBounds): Promise<LogPage | null> {
    return this.readLog(key, (op) => this.reader.before(key, op, beforeSeq, bounds));
  }

  private readLog(
    { tenant, operationId }: OperationKey,
    read: (op: number) => RecordedEvent[],
  ): Promise<LogPage | null> {
    return this.read(() => {
      const log = this.snapshots.findLog(tenant, operationId);
      return log ? { events: read(log.op), first: log.first_seq, head: log.event_count } : null;
    });
  }

  async readTenant(tenant: string, afterPosition: number, bounds: PageBounds): Promise<LogPage> {
    for (let after = Math.max(0, afterPosition); ;) {
      const page = await this.read(() => {
        const log = this.snapshots.tenant(tenant);
        if (!log) return { events: [], first: 1, head: 0, next: undefined };
        const { events, next } = this.reader.ofTenant(log, after, bounds);
        return { events, first: log.trimmedThrough + 1, head: log.head, next };
      });
      const { next, ...found } = page;
      // Everything scanned belongs to operations that are being deleted.
      if (next === undefined) return found;
      after = next;
      await turnBudget.turn();
    }
  }

  counts(tenant: string): Promise<OperationCounts> {
    return this.read(() => {
      const counts = this.snapshots.tenant(tenant)?.counts;
      if (!counts) return { active: 0, total: 0 };
      const { running, completed, error, cancelled } = counts;
      return { active: running, total: running + completed + error + cancelled };
    });
  }

  countsByState(): Promise<StateCounts> {
    return this.read(() => this.snapshots.totals);
  }

  unfinished(typePrefix: string): Promise<readonly OperationKey[]> {
    return this.read(() => this.sql.unfinished.all({ typePrefix }));
  }

  remove({ tenant, operationId }: OperationKey): Promise<boolean> {
    return this.write(() => {
      // Refused before the transaction, so that a refusal costs nothing.
      if (!this.writer.mayRemove(tenant, operationId)) return { result: false, removed: [] };
      return this.transactions.runMakingRoom(() => {
        this.writer.remove(tenant, operationId);
        return true;
      });
    });
  }

  async expire(at: number): Promise<boolean> {
    if (this.retention.maxAge === 0 || this.closed) return false;
    const deadline = at - this.retention.maxAge;
    return this.write(() => this.transactions.runMakingRoom(() => this.writer.expire(deadline)));
  }

  logIdentity(tenant: string): Promise<LogIdentity> {
    return this.read(() => this.epochs.of(this.snapshots, tenant));
  }

  health(): StoreHealth {
    return this.watch.health();
  }

  async backup(path: string, tenant: string): Promise<BackupReport> {
    this.checkOpen();
    try {
      const { bytes, inspected } = await copyDatabase(this.database.name, path, {
        inspect: (source) => ({ operations: countOperations(source), mark: markOf(source, tenant) }),
        signal: this.closing.signal,
      });
      return { bytes, ...inspected };
    } catch (thrown) {
      throw toStoreError(thrown, path);
    }
  }

  close(): Promise<void> {
    if (this.closed) return Promise.resolve();
    this.closed = true;
    this.closing.abort(closed());
    clearInterval(this.timer);
    this.maintenance.stop();
    this.database.close();
    this.mark?.close();
    this.watch.close();
    return Promise.resolve();
  }

  /** Begins the epoch. On a full disk the service starts nevertheless: it can serve reads and delete data. */
  private begin(): void {
    try {
      this.transactions.run(() => this.epochs.begin());
    } catch (thrown) {
      if (!(thrown instanceof OpstreamError) || thrown.code !== 'storage_full') throw thrown;
    }
  }

  private lookAround(): void {
    this.watch.checkFile();
    if (!this.watch.isDown) this.watch.makeReserve();
    else if (this.watch.health().status === 'down') this.tryAgain();
  }

  /** A write without effect: the store recovers as soon as it succeeds. */
  private tryAgain(): void {
    try {
      this.transactions.run(() => this.epochs.touch());
    } catch {
      // Still failing; the watch records it.
    }
  }

  private async read<T>(query: () => T): Promise<T> {
    this.checkOpen();
    try {
      return query();
    } catch (thrown) {
      throw toStoreError(thrown, this.database.name);
    }
  }

  /** Either all of it is durable when the promise resolves, or nothing was recorded. */
  private async write<T>(work: () => Transacted<T>): Promise<T> {
    this.checkOpen();
    let transacted: Transacted<T>;
    try {
      transacted = work();
    } catch (thrown) {
      throw toStoreError(thrown, this.database.name);
    }
    const { result, removed } = transacted;
    const { trims, crowded } = this.writer.leftovers;
    if (removed.length > 0 || trims.size > 0 || crowded.size > 0) this.maintenance.start();
    this.tellRemoved(removed);
    return result;
  }

  private checkOpen(): void {
    if (this.closed) throw closed();
  }
}

function closed(): OpstreamError {
  return new OpstreamError('shutting_down', 'The store is closed');
}
