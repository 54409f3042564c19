import type BetterSqlite3 from 'better-sqlite3';
import { prepare, type Prepared } from './prepared.js';
import type { MessageRow } from './sqlite-session-rows.js';

/** Queries for messages, each compiled once; what they are put together from is bounded, so they are few. */
export class Selects {
  private readonly known = new Map<string, Prepared<[object]>>();

  constructor(private readonly database: BetterSqlite3.Database) {}

  prepared(sql: string): Prepared<[object], MessageRow> {
    let statement = this.known.get(sql);
    if (!statement) this.known.set(sql, (statement = prepare<[object]>(this.database, sql)));
    return statement as Prepared<[object], MessageRow>;
  }

  /** A query for keys alone. */
  keys(sql: string): Prepared<[object], number> {
    let statement = this.known.get(sql);
    if (!statement) this.known.set(sql, (statement = this.database.prepare<[object], number>(sql).pluck()));
    return statement as Prepared<[object], number>;
  }
}
