import type { Database } from 'better-sqlite3';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { toStoreError } from '../../platform/sqlite/store-error.js';
import { headOf } from '../entry-data.js';
import { inherited } from '../grow.js';
import { nextGeneration } from '../offset.js';
import type { StreamLimits } from '../quota.js';
import { type StreamCommand, StreamStore, type StreamUsage, type Written } from '../stream-store.js';
import { StreamWriter, UNCHANGED } from '../stream-writer.js';
import type { StreamEntry, StreamHead } from '../stream.js';
import { SqliteStreamRows, toHead } from './sqlite-stream-rows.js';
import { prepareStatements, type StreamStatements } from './sqlite-stream-statements.js';

/** Rows of one read; the bytes bound it, too. */
const READ_ROWS = 64;
/** Entries of removed streams that are deleted in one step. */
const GARBAGE_ROWS = 1000;

/** Streams in the service's SQLite database. Its owner closes the database. */
export class SqliteStreamStore extends StreamStore {
  private readonly statements: StreamStatements;
  private readonly rows: SqliteStreamRows;
  private readonly writer: StreamWriter;
  /** The generation of this start while it is not recorded: on a full disk the first write records it. */
  private unrecorded: string | undefined;

  /** @param isNewEpoch the log may have lost something since the last start: positions get a new generation */
  constructor(
    private readonly database: Database,
    limits: StreamLimits,
    isNewEpoch: boolean,
  ) {
    super();
    this.statements = prepareStatements(database);
    this.rows = new SqliteStreamRows(this.statements);
    this.writer = new StreamWriter(this.rows, limits, this.begin(isNewEpoch));
  }

  override write(
    commands: readonly StreamCommand[],
    now: number,
  ): Promise<readonly (Written | OpstreamError)[]> {
    return this.transact(() =>
      commands.map((command) => {
        try {
          return this.writer.carryOut(command, now);
        } catch (thrown) {
          if (thrown instanceof OpstreamError) return thrown;
          throw thrown;
        }
      }),
    );
  }

  override find(tenant: string, path: string): Promise<StreamHead | undefined> {
    return this.attempt(() => this.rows.byPath(tenant, path));
  }

  override readAfter({ id }: StreamHead, seq: number, maxBytes: number): Promise<readonly StreamEntry[]> {
    return this.attempt(() => {
      const head = this.rows.byId(id);
      if (!head) return [];
      const found: StreamEntry[] = [];
      let size = 0;
      while (size < maxBytes) {
        const batch = this.batchAfter(head, found.at(-1)?.seq ?? seq);
        for (const entry of batch) {
          found.push({ ...entry, isNewest: entry.seq === head.lastSeq });
          size += entry.data.length;
          if (size >= maxBytes) break;
        }
        if (batch.length === 0) break;
      }
      return found;
    });
  }

  override seqAt(head: StreamHead, position: number): Promise<number> {
    return this.attempt(() => this.rows.seqAt(head, position));
  }

  override extend(expiry: ReadonlyMap<number, number>): Promise<void> {
    return this.transact(() => {
      for (const [id, expiresAtMs] of expiry) {
        const head = this.rows.byId(id);
        if (head) this.rows.update({ ...head, expiresAtMs }, UNCHANGED);
      }
    });
  }

  override expire(now: number, limit: number): Promise<readonly StreamHead[]> {
    return this.transact(() => {
      const over = this.statements.expired.all(now, limit).map(toHead);
      for (const head of over) this.writer.remove(head);
      this.collectGarbage();
      return over;
    });
  }

  override openWithOperation(): Promise<readonly StreamHead[]> {
    return this.attempt(() => this.statements.openWithOperation.all().map(toHead));
  }

  override usage(tenant?: string): Promise<StreamUsage> {
    return this.attempt(() => (tenant === undefined ? this.rows.totalUsage() : this.rows.usage(tenant)));
  }

  override close(): Promise<void> {
    return Promise.resolve();
  }

  /** A step of what is left of removed streams. */
  private collectGarbage(): void {
    const { garbage, removeEntries, removeProducers, removeGarbage } = this.statements;
    const stream = garbage.get()?.stream;
    if (stream === undefined) return;
    const entries = removeEntries.run(stream, stream, GARBAGE_ROWS).changes;
    const producers = removeProducers.run(stream, stream, GARBAGE_ROWS).changes;
    if (entries < GARBAGE_ROWS && producers < GARBAGE_ROWS) removeGarbage.run(stream);
  }

  /** Entries of the stream or, where it inherits them, of its source. */
  private batchAfter(head: StreamHead, seq: number): StreamEntry[] {
    const { fork } = head;
    if (fork && seq < fork.entries) {
      const source = this.rows.byId(fork.sourceId);
      const cut = headOf(head.contentType);
      return (source ? this.batchAfter(source, seq) : [])
        .filter((entry) => entry.seq <= fork.entries)
        .map((entry) => inherited(entry, fork.position, cut));
    }
    return this.statements.entriesAfter
      .all(head.id, seq, READ_ROWS)
      .map((row) => ({ ...row, closes: row.closes === 1, isNewest: false }));
  }

  private begin(isNewEpoch: boolean): string {
    const known = this.statements.generation.get()?.generation;
    if (known !== undefined && !isNewEpoch) return known;
    const generation = nextGeneration(Date.now(), known);
    this.unrecorded = generation;
    try {
      this.database.transaction(() => this.recordGeneration()).immediate();
      this.unrecorded = undefined;
    } catch (thrown) {
      // Reading goes on without it; a service that does not start could not free anything.
      const error = toStoreError(thrown, this.database.name);
      if (!(error instanceof OpstreamError && error.code === 'storage_full')) throw thrown;
    }
    return generation;
  }

  private recordGeneration(): void {
    if (this.unrecorded === undefined) return;
    this.statements.clearGeneration.run();
    this.statements.putGeneration.run(this.unrecorded);
  }

  private transact<T>(work: () => T): Promise<T> {
    return this.attempt(() => {
      try {
        const result = this.database
          .transaction(() => {
            this.recordGeneration();
            const done = work();
            this.rows.flush();
            return done;
          })
          .immediate();
        this.unrecorded = undefined;
        return result;
      } catch (thrown) {
        this.rows.forget();
        throw thrown;
      }
    });
  }

  private attempt<T>(work: () => T): Promise<T> {
    try {
      return Promise.resolve(work());
    } catch (thrown) {
      return Promise.reject(toStoreError(thrown));
    }
  }
}
