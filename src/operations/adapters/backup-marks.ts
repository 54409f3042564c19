import type Database from 'better-sqlite3';
import { TENANT_SPAN } from './sqlite-rows.js';

/** What a copy of the store contains, read from the copied state. */

export function countOperations(database: Database.Database): number {
  return database
    .prepare('SELECT coalesce(sum(running + completed + failed + cancelled), 0) FROM tenants')
    .pluck()
    .get() as number;
}

/** The highest position of a tenant's log; 0 if there is none. */
export function markOf(database: Database.Database, tenant: string): number {
  const row = database
    .prepare('SELECT tenant_no, trimmed_through FROM tenants WHERE name = ?')
    .get(tenant) as { readonly tenant_no: number; readonly trimmed_through: number } | undefined;
  if (!row) return 0;
  const base = row.tenant_no * TENANT_SPAN;
  const newest = database
    .prepare('SELECT max(position) FROM events WHERE position > ? AND position < ?')
    .pluck()
    .get(base, base + TENANT_SPAN) as number | null;
  return Math.max(row.trimmed_through, newest === null ? 0 : newest - base);
}

/** The marks of all tenants, by name. */
export function marksOf(database: Database.Database): ReadonlyMap<string, number> {
  const names = database.prepare('SELECT name FROM tenants ORDER BY name').pluck().all() as string[];
  return new Map(names.map((name) => [name, markOf(database, name)]));
}
