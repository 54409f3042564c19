import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { openToInspect, unusable } from '../../platform/sqlite/inspect-database.js';
import { marksOf } from './backup-marks.js';
import { isSound, TENANT_SPAN, toOperation } from './sqlite-rows.js';
import type { EventRow, OperationRow } from './sqlite-statements.js';

/** Findings of SQLite's own check that are listed. */
const INTEGRITY_FINDINGS = 100;
/** The first schema with checksums and counters in its rows. */
const CHECKSUMS_SINCE = 4;

/** The contents and condition of a store. */
export interface StoreCheck {
  readonly path: string;
  readonly bytes: number;
  readonly schema: number;
  readonly operations: number;
  readonly events: number;
  /** Identity of the log and the epoch of the last start; null in files from before epochs. */
  readonly log: string | null;
  /** Remembered epochs of all tenants. */
  readonly epochs: number;
  /** The highest position of each tenant's log. */
  readonly marks: ReadonlyMap<string, number>;
  /** Number of damaged rows and other findings; each was reported. */
  readonly problems: number;
}

/**
 * Reads all of a store, as it is at one moment, and compares every row with its checksum, every log with its numbers
 * and every counter with what it counts. The file is left alone, and its writer is not disturbed.
 * @param onProblem told each finding in a sentence; must not throw
 * @throws UnusableDatabaseError when there is no store at the path that this version can read
 */
export function checkStore(path: string, onProblem: (finding: string) => void): StoreCheck {
  let database: Database.Database | undefined;
  try {
    database = openToInspect(path);
    database.exec('BEGIN');
    return new StoreChecker(path, database, onProblem).check();
  } catch (thrown) {
    throw unusable(path, thrown);
  } finally {
    database?.close();
  }
}

class StoreChecker {
  private problems = 0;
  private readonly schema: number;
  private readonly idOf: Database.Statement<[number], { operation_id: string }>;

  constructor(
    private readonly path: string,
    private readonly database: Database.Database,
    private readonly onProblem: (finding: string) => void,
  ) {
    this.schema = database.pragma('user_version', { simple: true }) as number;
    this.idOf = database.prepare('SELECT operation_id FROM operations WHERE op = ?');
  }

  check(): StoreCheck {
    this.part('the file', () => this.checkPages(), undefined);
    const withChecksums = this.schema >= CHECKSUMS_SINCE;
    const nothing = { log: null, epochs: 0 };
    const identity = withChecksums ? this.part('the epochs', () => this.checkEpochs(), nothing) : nothing;
    if (withChecksums) this.part('the events', () => this.checkEvents(), undefined);
    const operations = this.part(
      'the operations',
      () => (withChecksums ? this.checkOperations() : this.countOperations()),
      0,
    );
    if (withChecksums) this.part('the counters', () => this.checkCounters(), undefined);
    const events = this.part('the logs', () => this.checkSequences(), 0);
    return {
      path: this.path,
      bytes: statSync(this.path).size,
      schema: this.schema,
      operations,
      events,
      ...identity,
      marks: this.part('the tenants', () => marksOf(this.database), new Map<string, number>()),
      problems: this.problems,
    };
  }

  /** An unreadable page ends one part of the check, not the others. */
  private part<T>(what: string, work: () => T, otherwise: T): T {
    try {
      return work();
    } catch (thrown) {
      if (!(thrown instanceof Database.SqliteError && thrown.code.startsWith('SQLITE_CORRUPT'))) throw thrown;
      this.tell(`${what} cannot be read to the end: ${thrown.message}`);
      return otherwise;
    }
  }

  /** SQLite's own check: pages, and indexes against their tables. */
  private checkPages(): void {
    const findings = this.database.pragma(`integrity_check(${INTEGRITY_FINDINGS})`) as {
      readonly integrity_check: string;
    }[];
    for (const { integrity_check: finding } of findings) if (finding !== 'ok') this.tell(finding);
  }

  /** Checks every event's checksum, including events of removed operations that wait to be deleted. */
  private checkEvents(): void {
    const rows = this.database.prepare<[], Omit<EventRow, 'operation_id'>>(
      'SELECT position, op, seq, type, timestamp, data, crc FROM events ORDER BY position',
    );
    for (const row of rows.iterate()) {
      if (!isSound(row)) this.tell(`event ${row.seq} of ${this.nameOf(row.op)} is damaged`);
    }
  }

  /** Type, metadata and outcome of every operation, as a reader would see them. */
  private checkOperations(): number {
    const rows = this.database.prepare<[], OperationRow & { readonly name: string | null }>(
      `SELECT operations.*, name, NULL AS event_count, NULL AS updated_at, NULL AS log_counts
       FROM operations LEFT JOIN tenants USING (tenant_no) ORDER BY op`,
    );
    let operations = 0;
    for (const row of rows.iterate()) {
      operations++;
      if (row.name === null) this.tell(`operation ${row.operation_id} belongs to no tenant`);
      toOperation(row.name ?? '', row, (where) => this.tell(`${where} is damaged`));
    }
    return operations;
  }

  /**
   * Events of an operation are numbered without gaps, and their positions are in the range of its tenant.
   * @returns how many there are
   */
  private checkSequences(): number {
    let events = 0;
    const rows = this.database.prepare<
      [],
      {
        op: number;
        tenant_no: number;
        first_seq: number;
        stored: number;
        lowest: number | null;
        highest: number | null;
      }
    >(
      `SELECT operations.op, tenant_no, first_seq, count(seq) AS stored, min(seq) AS lowest, max(seq) AS highest
       FROM operations LEFT JOIN events ON events.op = operations.op GROUP BY operations.op`,
    );
    for (const { op, first_seq: first, stored, lowest, highest } of rows.iterate()) {
      events += stored;
      if (lowest === null || highest === null) this.tell(`${this.nameOf(op)} has lost its events`);
      else if (lowest > first || stored !== highest - lowest + 1)
        this.tell(
          `events ${first} to ${highest} of ${this.nameOf(op)} are not all there: ${stored} are stored`,
        );
    }
    const strayed = this.database
      .prepare<[], { op: number; seq: number }>(
        `SELECT events.op, seq FROM events JOIN operations ON operations.op = events.op
         WHERE position / ${TENANT_SPAN} <> tenant_no`,
      )
      .all();
    for (const { op, seq } of strayed) this.tell(`event ${seq} of ${this.nameOf(op)} lies in another log`);
    return events;
  }

  private checkCounters(): void {
    const wrong = this.database
      .prepare<[], { name: string }>(
        `SELECT name FROM tenants LEFT JOIN (
           SELECT tenant_no, sum(state = 'running') AS r, sum(state = 'completed') AS c, sum(state = 'error') AS f,
             sum(state = 'cancelled') AS x, sum(pool) AS t
           FROM operations GROUP BY tenant_no) AS counted USING (tenant_no)
         WHERE running <> coalesce(r, 0) OR completed <> coalesce(c, 0) OR failed <> coalesce(f, 0)
           OR cancelled <> coalesce(x, 0) OR tools <> coalesce(t, 0)`,
      )
      .all();
    for (const { name } of wrong) this.tell(`the counters of tenant ${name} differ from its operations`);
  }

  /** There is one identity, and epochs begin in the order of their numbers. */
  private checkEpochs(): Pick<StoreCheck, 'log' | 'epochs'> {
    const identity = this.database
      .prepare<[], { uid: string; epoch: number }>('SELECT uid, epoch FROM log_identity LIMIT 1')
      .get();
    if (!identity) this.tell('the identity of the log is missing');
    const rows = this.database
      .prepare<[], { tenant_no: number; epoch: number; began_at: number }>(
        'SELECT tenant_no, epoch, began_at FROM epochs ORDER BY tenant_no, epoch',
      )
      .all();
    rows.forEach((row, index) => {
      const before = rows[index - 1];
      const isOrdered = before?.tenant_no !== row.tenant_no || before.began_at <= row.began_at;
      if (!isOrdered || row.epoch > (identity?.epoch ?? Infinity))
        this.tell(`epoch ${row.epoch} of tenant number ${row.tenant_no} is not in order`);
    });
    return { log: identity ? `${identity.uid}.${identity.epoch}` : null, epochs: rows.length };
  }

  private countOperations(): number {
    return this.database.prepare('SELECT count(*) FROM operations').pluck().get() as number;
  }

  private nameOf(op: number): string {
    const row = this.idOf.get(op);
    return row ? `operation ${row.operation_id}` : `a removed operation (number ${op})`;
  }

  private tell(finding: string): void {
    this.problems++;
    this.onProblem(finding);
  }
}
