import type Database from 'better-sqlite3';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { toStoreError } from '../../platform/sqlite/store-error.js';
import type { AcknowledgedMark } from './acknowledged-mark.js';
import type { OperationKey } from '../operation-key.js';
import type { SqliteEpochs } from './sqlite-epochs.js';
import type { SqliteLogWriter } from './sqlite-log-writer.js';
import type { Statements } from './sqlite-statements.js';
import type { StoreWatch } from './store-watch.js';

/** The outcome of one transaction. */
export interface Transacted<T> {
  readonly result: T;
  readonly removed: readonly OperationKey[];
}

interface TransactionDependencies {
  readonly database: Database.Database;
  readonly sql: Statements;
  readonly writer: SqliteLogWriter;
  readonly epochs: SqliteEpochs;
  readonly watch: StoreWatch;
  readonly mark: AcknowledgedMark | undefined;
  readonly onFailure: (code: string) => void;
}

/** Runs work in transactions: all of it is durable when `run` returns, or nothing was recorded. */
export class SqliteTransactions {
  private readonly dataVersion: () => number;
  private version: number;

  constructor(private readonly dependencies: TransactionDependencies) {
    const { database } = dependencies;
    const statement = database.prepare('PRAGMA data_version').pluck();
    this.dataVersion = () => statement.get() as number;
    this.version = this.dataVersion();
  }

  /** @throws OpstreamError a refusal of the work, `storage_full`, `store_unavailable` */
  run<T>(work: () => T): Transacted<T> {
    this.dependencies.watch.refuseReplaced();
    const { sql, writer, watch, mark } = this.dependencies;
    let committing = false;
    try {
      sql.begin.run();
      this.noticeOthers();
      const result = work();
      const removed = writer.finish();
      committing = true;
      sql.commit.run();
      if (writer.lastEvent > 0) mark?.write(writer.lastEvent);
      writer.lastEvent = 0;
      watch.wrote();
      return { result, removed };
    } catch (thrown) {
      throw this.undo(thrown, committing);
    }
  }

  /** Like `run` for work that frees space: on a full disk it is retried with the reserved space. */
  runMakingRoom<T>(work: () => T): Transacted<T> {
    try {
      return this.run(work);
    } catch (thrown) {
      if (!(thrown instanceof OpstreamError) || thrown.code !== 'storage_full') throw thrown;
      this.dependencies.watch.releaseReserve();
      this.emptyWriteAheadLog();
      return this.run(work);
    }
  }

  /** Checkpoints the write-ahead log into the database, which needs space there only for new pages. */
  private emptyWriteAheadLog(): void {
    try {
      this.dependencies.database.pragma('wal_checkpoint(TRUNCATE)');
    } catch {
      // The database cannot grow either; the reserve may suffice.
    }
  }

  /** A write of another program invalidates what is known in memory. */
  private noticeOthers(): void {
    const version = this.dataVersion();
    if (version === this.version) return;
    this.version = version;
    this.dependencies.writer.forget();
    this.dependencies.epochs.forget();
  }

  private undo(thrown: unknown, committing: boolean): unknown {
    const { database, sql, writer, epochs, watch, onFailure } = this.dependencies;
    // A full disk may already have rolled the transaction back.
    if (database.inTransaction) sql.rollback.run();
    // A refusal precedes the first write: memory is still valid.
    if (thrown instanceof OpstreamError) return thrown;
    writer.forget();
    epochs.forget();
    const error = toStoreError(thrown, database.name, committing);
    if (error instanceof OpstreamError) {
      watch.failed(error);
      onFailure(error.code);
    }
    return error;
  }
}
