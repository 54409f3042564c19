import type BetterSqlite3 from 'better-sqlite3';
import { prepareListing } from './sqlite-list-statements.js';
import type { Statement } from './sqlite-statement.js';

/** One row of `operations`, plus `updated_at`, `event_count` and `log_counts` from its newest event. */
export interface OperationRow {
  op: number;
  tenant_no: number;
  operation_id: string;
  operation_type: string;
  pool: number;
  metadata: string;
  state: string;
  status: string;
  progress: number;
  message: string;
  started_at: number;
  updated_at: number | null;
  renewed_at: number | null;
  ended_at: number | null;
  event_count: number | null;
  first_seq: number;
  log_counts: string | null;
  outcome: string | null;
  owner: string | null;
  lease_seconds: number | null;
  crc: number | null;
  outcome_crc: number | null;
  /** Absent in the files of earlier versions, which are only checked. */
  parent_operation_id?: string | null;
  created_by?: string | null;
  inputs: string | null;
}

/** What removing an operation requires. */
export interface RemovalRow {
  op: number;
  operation_id: string;
  pool: number;
  phase: number;
}

/** Where an operation's log is stored and how long it is. */
export interface LogRow {
  op: number;
  first_seq: number;
  event_count: number;
}

/** One row of `events`, with the id of its operation. */
export interface EventRow {
  position: number;
  op: number;
  operation_id: string;
  seq: number;
  type: string;
  timestamp: number;
  data: string;
  crc: number | null;
}

export interface CountRow {
  running: number;
  completed: number;
  failed: number;
  cancelled: number;
}

export interface TenantRow extends CountRow {
  tenant_no: number;
  trimmed_through: number;
  tools: number;
}

/** Seq, time and counts of the newest event: one index look-up each. */
const EVENT_COUNT = '(SELECT max(seq) FROM events WHERE events.op = operations.op) AS event_count';
const UPDATED_AT = `(SELECT timestamp FROM events WHERE events.op = operations.op ORDER BY seq DESC LIMIT 1)
         AS updated_at`;
const LOG_COUNTS = `(SELECT log_counts FROM events WHERE events.op = operations.op ORDER BY seq DESC LIMIT 1)
         AS log_counts`;
const EVENT = 'position, op, seq, type, timestamp, data, crc';

/** Compiles every statement of the store once. */
export function prepareStatements(db: BetterSqlite3.Database) {
  const prepare = <Parameters extends unknown[] = [], Row = unknown>(
    sql: string,
  ): Statement<Parameters, Row> => db.prepare<Parameters, Row>(sql);
  return {
    begin: prepare('BEGIN IMMEDIATE'),
    commit: prepare('COMMIT'),
    rollback: prepare('ROLLBACK'),

    identity: prepare<[], { uid: string; epoch: number }>('SELECT uid, epoch FROM log_identity LIMIT 1'),
    beginEpoch: prepare<[number]>('UPDATE log_identity SET epoch = ?'),
    addEpoch: prepare<[number, number, number]>(
      'INSERT OR IGNORE INTO epochs (tenant_no, epoch, began_at) VALUES (?, ?, ?)',
    ),
    pruneEpochs: prepare<[number, number, number]>(
      `DELETE FROM epochs WHERE tenant_no = ? AND epoch <=
         (SELECT epoch FROM epochs WHERE tenant_no = ? ORDER BY epoch DESC LIMIT 1 OFFSET ?)`,
    ),
    epochs: prepare<[number], { epoch: number; from: number }>(
      'SELECT epoch, began_at AS "from" FROM epochs WHERE tenant_no = ? ORDER BY epoch',
    ),

    tenant: prepare<[string], TenantRow>(
      `SELECT tenant_no, trimmed_through, running, completed, failed, cancelled, tools FROM tenants
       WHERE name = ?`,
    ),
    tenantName: prepare<[number], { name: string }>('SELECT name FROM tenants WHERE tenant_no = ?'),
    addTenant: prepare<[string]>('INSERT INTO tenants (name) VALUES (?)'),
    updateTenant: prepare<[number, number, number, number, number, number, number]>(
      `UPDATE tenants SET trimmed_through = ?, running = ?, completed = ?, failed = ?, cancelled = ?, tools = ?
       WHERE tenant_no = ?`,
    ),
    newestPosition: prepare<[number, number], { position: number | null }>(
      'SELECT max(position) AS position FROM events WHERE position > ? AND position < ?',
    ),
    lastTenant: prepare<[], { tenant_no: number }>(
      'SELECT coalesce(max(tenant_no), 0) AS tenant_no FROM tenants',
    ),
    /** At start and after a failed write; afterwards the sums are known. */
    countsOfAll: prepare<[], CountRow>(
      `SELECT coalesce(sum(running), 0) AS running, coalesce(sum(completed), 0) AS completed,
         coalesce(sum(failed), 0) AS failed, coalesce(sum(cancelled), 0) AS cancelled FROM tenants`,
    ),

    lastNumber: prepare<[], { op: number }>(
      "SELECT coalesce(max(seq), 0) AS op FROM sqlite_sequence WHERE name = 'operations'",
    ),
    operation: prepare<[number, string], OperationRow>(
      `SELECT *, ${EVENT_COUNT}, ${UPDATED_AT}, ${LOG_COUNTS} FROM operations WHERE tenant_no = ? AND operation_id = ?`,
    ),
    logOfOperation: prepare<[number, string], LogRow>(
      `SELECT op, first_seq, ${EVENT_COUNT} FROM operations WHERE tenant_no = ? AND operation_id = ?`,
    ),
    addOperation: prepare<
      [
        number,
        number,
        string,
        string,
        number,
        string,
        number,
        string | null,
        number | null,
        number,
        string | null,
        string | null,
        string | null,
        number | null,
      ]
    >(
      `INSERT INTO operations (op, tenant_no, operation_id, operation_type, pool, metadata, started_at, owner,
         lease_seconds, crc, parent_operation_id, created_by, cache_key, cache_ttl, state, status, progress, message,
         first_seq)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'running', 'running', 0, '', 1)`,
    ),
    newestByCacheKey: prepare<[number, string], { operation_id: string; cache_ttl: number }>(
      `SELECT operation_id, cache_ttl FROM operations WHERE tenant_no = ? AND cache_key = ?
       ORDER BY op DESC LIMIT 1`,
    ),
    // Omit unchanged indexed columns: naming one costs an index write.
    updateRunning: prepare<[number, string, number, number | null, number]>(
      'UPDATE operations SET progress = ?, message = ?, first_seq = ?, renewed_at = ? WHERE op = ?',
    ),
    updateStatus: prepare<[string, number, string | null, number]>(
      'UPDATE operations SET status = ?, phase = ?, inputs = ? WHERE op = ?',
    ),
    updateEnded: prepare<
      [
        string,
        string,
        number,
        number,
        string,
        number | null,
        number,
        number,
        string | null,
        number | null,
        number | null,
        string | null,
        number,
      ]
    >(
      `UPDATE operations SET state = ?, status = ?, phase = ?, progress = ?, message = ?, ended_at = ?,
         ended_position = ?, first_seq = ?, outcome = ?, outcome_crc = ?, duration = ?, inputs = ? WHERE op = ?`,
    ),
    markErrors: prepare<[number]>('UPDATE operations SET has_errors = 1 WHERE op = ?'),
    removeOperation: prepare<[number]>('DELETE FROM operations WHERE op = ?'),
    listed: prepare<[number], OperationRow>(
      `SELECT op, tenant_no, operation_id, operation_type, pool, metadata, state, status, progress, message,
         started_at, ended_at, renewed_at, first_seq, owner, lease_seconds, crc, outcome_crc, inputs,
         parent_operation_id, created_by, iif(state IN ('error', 'cancelled'), outcome, NULL) AS outcome,
         ${EVENT_COUNT}, ${UPDATED_AT}, ${LOG_COUNTS}
       FROM operations WHERE op = ?`,
    ),
    ...prepareListing(prepare),
    oldestEnded: prepare<[number, number], RemovalRow>(
      `SELECT op, operation_id, pool, phase FROM operations
       WHERE tenant_no = ? AND pool = ? AND ended_position IS NOT NULL ORDER BY ended_position LIMIT 1`,
    ),
    expired: prepare<[number, number], RemovalRow & { name: string }>(
      `SELECT op, operation_id, pool, phase, name FROM operations JOIN tenants USING (tenant_no)
       WHERE ended_at <= ? ORDER BY ended_at LIMIT ?`,
    ),
    unfinished: prepare<[{ typePrefix: string }], { tenant: string; operationId: string }>(
      `SELECT name AS tenant, operation_id AS operationId
       FROM operations INDEXED BY operations_unfinished CROSS JOIN tenants USING (tenant_no)
       WHERE ended_at IS NULL AND substr(operation_type, 1, length(@typePrefix)) = @typePrefix ORDER BY op`,
    ),

    addEvent: prepare<[number, number, number, string, number, string, number, string | null]>(
      `INSERT INTO events (position, op, seq, type, timestamp, data, crc, log_counts)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    addEventId: prepare<[number, string, number, number]>(
      'INSERT INTO event_ids (op, event_id, seq, timestamp) VALUES (?, ?, ?, ?)',
    ),
    receipt: prepare<[number, string], { seq: number; timestamp: number }>(
      'SELECT seq, timestamp FROM event_ids WHERE op = ? AND event_id = ?',
    ),
    eventAt: prepare<[number], { position: number }>('SELECT position FROM events WHERE position = ?'),
    eventsOfOperation: prepare<[string, number, number, number], EventRow>(
      `SELECT ${EVENT}, ? AS operation_id FROM events WHERE op = ? AND seq > ? ORDER BY seq LIMIT ?`,
    ),
    eventsBefore: prepare<[string, number, number, number], EventRow>(
      `SELECT ${EVENT}, ? AS operation_id FROM events WHERE op = ? AND seq < ? ORDER BY seq DESC LIMIT ?`,
    ),
    eventsOfTenant: prepare<[number, number, number], Omit<EventRow, 'operation_id'>>(
      `SELECT ${EVENT} FROM events WHERE position > ? AND position < ? ORDER BY position LIMIT ?`,
    ),
    operationId: prepare<[number], { operation_id: string }>(
      'SELECT operation_id FROM operations WHERE op = ?',
    ),
    lastPosition: prepare<[number, number], { position: number }>(
      'SELECT position FROM events WHERE op = ? AND seq <= ? ORDER BY seq DESC LIMIT 1',
    ),
    trimEvents: prepare<[number, number]>('DELETE FROM events WHERE op = ? AND seq < ?'),

    orphanLog: prepare<[number]>('INSERT INTO orphaned_logs (op) VALUES (?)'),
    /** Any one of them: the table contains only what waits to be deleted. */
    orphan: prepare<[], { op: number }>('SELECT op FROM orphaned_logs ORDER BY op LIMIT 1'),
    deleteOrphanedEvents: prepare<[number, number]>(
      'DELETE FROM events WHERE position IN (SELECT position FROM events WHERE op = ? ORDER BY seq LIMIT ?)',
    ),
    deleteOrphanedIds: prepare<[number, number, number]>(
      `DELETE FROM event_ids WHERE op = ? AND event_id IN
         (SELECT event_id FROM event_ids WHERE op = ? ORDER BY event_id LIMIT ?)`,
    ),
    adopt: prepare<[number]>('DELETE FROM orphaned_logs WHERE op = ?'),
  };
}

export type Statements = ReturnType<typeof prepareStatements>;
