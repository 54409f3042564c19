import type BetterSqlite3 from 'better-sqlite3';

/** A compiled statement with its parameters and the row it yields. */
export interface Prepared<Parameters extends unknown[], Row = unknown> {
  run(...parameters: Parameters): { readonly changes: number; readonly lastInsertRowid: number | bigint };
  get(...parameters: Parameters): Row | undefined;
  all(...parameters: Parameters): Row[];
  iterate(...parameters: Parameters): IterableIterator<Row>;
}

/** Compiles a statement of known parameters and rows. */
export function prepare<Parameters extends unknown[], Row = unknown>(
  database: BetterSqlite3.Database,
  sql: string,
): Prepared<Parameters, Row> {
  return database.prepare<Parameters, Row>(sql);
}
