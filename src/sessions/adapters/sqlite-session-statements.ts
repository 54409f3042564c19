import type BetterSqlite3 from 'better-sqlite3';
import { prepare } from './prepared.js';
import type { SessionRow } from './sqlite-session-rows.js';

export function prepareSessionStatements(database: BetterSqlite3.Database) {
  return {
    tenant: prepare<[string], { tenant_no: number }>(
      database,
      'SELECT tenant_no FROM session_tenants WHERE name = ?',
    ),
    addTenant: prepare<[string]>(database, 'INSERT INTO session_tenants (name) VALUES (?)'),
    lastId: prepare<[number], { last_message_id: number }>(
      database,
      'SELECT last_message_id FROM session_tenants WHERE tenant_no = ?',
    ),
    setLastId: prepare<[number, number]>(
      database,
      'UPDATE session_tenants SET last_message_id = ? WHERE tenant_no = ?',
    ),
    find: prepare<[number, string], SessionRow>(
      database,
      'SELECT * FROM sessions WHERE tenant_no = ? AND id = ?',
    ),
    byNo: prepare<[number], SessionRow>(database, 'SELECT * FROM sessions WHERE session_no = ?'),
    create: prepare<[number, string, string, string, number, number, string | null]>(
      database,
      `
      INSERT INTO sessions (tenant_no, id, purpose, created_by, created_at, updated_at, metadata)
      VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ),
    list: prepare<[object], SessionRow>(
      database,
      `
      SELECT * FROM sessions WHERE tenant_no = @tenantNo AND (updated_at, session_no) < (@at, @number)
      ORDER BY updated_at DESC, session_no DESC LIMIT @limit`,
    ),
    close: prepare<[number, number, number]>(
      database,
      'UPDATE sessions SET closed_at = ?, updated_at = ? WHERE session_no = ?',
    ),
    remove: prepare<[number]>(database, 'DELETE FROM sessions WHERE session_no = ?'),
    presence: prepare<[number, string | null, string | null, number]>(
      database,
      'UPDATE sessions SET participants = ?, last_activity = ?, last_disconnect = ? WHERE session_no = ?',
    ),
    nobodyConnected: prepare<[]>(database, 'UPDATE sessions SET participants = 0 WHERE participants > 0'),
    countOf: prepare<[number], { n: number }>(
      database,
      'SELECT count(*) AS n FROM sessions WHERE tenant_no = ?',
    ),
    oldestClosed: prepare<[number], SessionRow>(
      database,
      'SELECT * FROM sessions WHERE tenant_no = ? AND closed_at IS NOT NULL ORDER BY updated_at LIMIT 1',
    ),
    oldest: prepare<[number], SessionRow>(
      database,
      'SELECT * FROM sessions WHERE first_at < ? ORDER BY first_at LIMIT 1',
    ),
    crowded: prepare<[number], SessionRow>(
      database,
      'SELECT * FROM sessions WHERE last_seq - first_seq + 1 > ? LIMIT 1',
    ),
    counts: prepare<[], { sessions: number; messages: number }>(
      database,
      `
      SELECT count(*) AS sessions, coalesce(sum(last_seq - first_seq + 1), 0) AS messages FROM sessions`,
    ),
  };
}
