import type BetterSqlite3 from 'better-sqlite3';
import type { OperationState } from '../operation.js';

/** One row of `operations`, with what its newest event tells: `updated_at` and `event_count`. */
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
  updated_at: number;
  ended_at: number | null;
  event_count: number;
  first_seq: number;
  outcome: string | null;
}

/** What is needed to remove an operation. */
export interface RemovalRow {
  op: number;
  operation_id: string;
  pool: number;
}

/** Where an operation's log is stored and how far it goes. */
export interface LogRow {
  op: number;
  first_seq: number;
  event_count: number;
}

/** One row of `events`, with the id of its operation. */
export interface EventRow {
  position: number;
  operation_id: string;
  seq: number;
  type: string;
  timestamp: number;
  data: string;
}

export interface TenantRow {
  tenant_no: number;
  trimmed_through: number;
}

/** A compiled statement with its parameters and the row it yields. */
type Statement<Parameters extends unknown[] | object = [], Row = unknown> = BetterSqlite3.Statement<
  Parameters,
  Row
>;

/** Every statement of the store. */
export interface Statements {
  readonly begin: Statement;
  readonly commit: Statement;
  readonly rollback: Statement;
  readonly tenant: Statement<[string], TenantRow>;
  readonly addTenant: Statement<[string]>;
  readonly updateTenant: Statement<[number, number]>;
  readonly newestPosition: Statement<[number, number], { position: number | null }>;
  readonly lastTenant: Statement<[], { tenant_no: number }>;
  readonly operation: Statement<[number, string], OperationRow>;
  readonly logOfOperation: Statement<[number, string], LogRow>;
  readonly addOperation: Statement<[number, string, string, number, string, number]>;
  readonly updateRunning: Statement<[string, number, string, number, number]>;
  readonly updateEnded: Statement<
    [string, string, number, string, number | null, number, string | null, number]
  >;
  readonly removeOperation: Statement<[number]>;
  readonly listOperations: Statement<
    {
      tenantNo: number;
      before: number;
      status: string | null;
      type: string | null;
      active: number | null;
      limit: number;
    },
    OperationRow
  >;
  readonly counts: Statement<[number], { total: number; active: number }>;
  readonly countsByState: Statement<[], { state: OperationState; total: number }>;
  readonly countPool: Statement<[number, number], { total: number }>;
  readonly oldestEnded: Statement<[number, number], RemovalRow>;
  readonly expired: Statement<[number, number], RemovalRow & { name: string }>;
  readonly unfinished: Statement<[{ typePrefix: string }], { tenant: string; operationId: string }>;
  readonly addEvent: Statement<[number, number, number, string, number, string, string | null]>;
  readonly receipt: Statement<[number, string], { seq: number; timestamp: number }>;
  readonly eventsOfOperation: Statement<[string, number, number, number], EventRow>;
  readonly eventsOfTenant: Statement<[number, number, number], EventRow>;
  readonly lastPosition: Statement<[number, number], { position: number }>;
  readonly trimEvents: Statement<[number, number]>;
  readonly orphanLog: Statement<[number]>;
  readonly orphan: Statement<[], { op: number }>;
  readonly deleteOrphanedEvents: Statement<[number, number]>;
  readonly adopt: Statement<[number]>;
}

/** The newest event's seq and time: one look-up each in the index of an operation's events. */
const EVENT_COUNT = '(SELECT max(seq) FROM events WHERE events.op = operations.op) AS event_count';
const UPDATED_AT = `(SELECT timestamp FROM events WHERE events.op = operations.op ORDER BY seq DESC LIMIT 1)
         AS updated_at`;

/** Compiles every statement once. */
export function prepareStatements(db: BetterSqlite3.Database): Statements {
  return {
    begin: db.prepare('BEGIN IMMEDIATE'),
    commit: db.prepare('COMMIT'),
    rollback: db.prepare('ROLLBACK'),

    tenant: db.prepare('SELECT tenant_no, trimmed_through FROM tenants WHERE name = ?'),
    addTenant: db.prepare('INSERT INTO tenants (name) VALUES (?)'),
    updateTenant: db.prepare('UPDATE tenants SET trimmed_through = ? WHERE tenant_no = ?'),
    newestPosition: db.prepare(
      'SELECT max(position) AS position FROM events WHERE position > ? AND position < ?',
    ),
    lastTenant: db.prepare('SELECT coalesce(max(tenant_no), 0) AS tenant_no FROM tenants'),

    operation: db.prepare(
      `SELECT *, ${EVENT_COUNT}, ${UPDATED_AT} FROM operations WHERE tenant_no = ? AND operation_id = ?`,
    ),
    logOfOperation: db.prepare(
      `SELECT op, first_seq, ${EVENT_COUNT} FROM operations WHERE tenant_no = ? AND operation_id = ?`,
    ),
    addOperation: db.prepare(
      `INSERT INTO operations (tenant_no, operation_id, operation_type, pool, metadata, started_at,
         state, status, progress, message, first_seq)
       VALUES (?, ?, ?, ?, ?, ?, 'running', 'running', 0, '', 1)`,
    ),
    // Leaves out the indexed ended_at: naming it would cost a write to its index with every transaction.
    updateRunning: db.prepare(
      'UPDATE operations SET status = ?, progress = ?, message = ?, first_seq = ? WHERE op = ?',
    ),
    updateEnded: db.prepare(
      `UPDATE operations SET state = ?, status = ?, progress = ?, message = ?, ended_at = ?, first_seq = ?,
         outcome = ? WHERE op = ?`,
    ),
    removeOperation: db.prepare('DELETE FROM operations WHERE op = ?'),
    listOperations: db.prepare(
      `SELECT op, tenant_no, operation_id, operation_type, pool, metadata, state, status, progress, message,
         started_at, ended_at, first_seq, iif(state = 'error', outcome, NULL) AS outcome,
         ${EVENT_COUNT}, ${UPDATED_AT}
       FROM operations WHERE tenant_no = :tenantNo AND op < :before
         AND (:status IS NULL OR status = :status) AND (:type IS NULL OR operation_type = :type)
         AND (:active IS NULL OR (ended_at IS NULL) = :active)
       ORDER BY op DESC LIMIT :limit`,
    ),
    counts: db.prepare(
      'SELECT count(*) AS total, coalesce(sum(ended_at IS NULL), 0) AS active FROM operations WHERE tenant_no = ?',
    ),
    countsByState: db.prepare('SELECT state, count(*) AS total FROM operations GROUP BY state'),
    countPool: db.prepare('SELECT count(*) AS total FROM operations WHERE tenant_no = ? AND pool = ?'),
    oldestEnded: db.prepare(
      `SELECT op, operation_id, pool FROM operations WHERE tenant_no = ? AND pool = ? AND ended_at IS NOT NULL
       ORDER BY ended_at, op LIMIT 1`,
    ),
    expired: db.prepare(
      `SELECT op, operation_id, pool, name FROM operations JOIN tenants USING (tenant_no)
       WHERE ended_at <= ? LIMIT ?`,
    ),
    unfinished: db.prepare(
      `SELECT name AS tenant, operation_id AS operationId FROM tenants CROSS JOIN operations USING (tenant_no)
       WHERE ended_at IS NULL AND substr(operation_type, 1, length(@typePrefix)) = @typePrefix ORDER BY op`,
    ),

    addEvent: db.prepare(
      'INSERT INTO events (position, op, seq, type, timestamp, data, event_id) VALUES (?, ?, ?, ?, ?, ?, ?)',
    ),
    receipt: db.prepare('SELECT seq, timestamp FROM events WHERE op = ? AND event_id = ?'),
    eventsOfOperation: db.prepare(
      `SELECT position, ? AS operation_id, seq, type, timestamp, data FROM events
       WHERE op = ? AND seq > ? ORDER BY seq LIMIT ?`,
    ),
    eventsOfTenant: db.prepare(
      `SELECT position, operation_id, seq, type, timestamp, data FROM events JOIN operations USING (op)
       WHERE position > ? AND position < ? ORDER BY position LIMIT ?`,
    ),
    lastPosition: db.prepare(
      'SELECT position FROM events WHERE op = ? AND seq <= ? ORDER BY seq DESC LIMIT 1',
    ),
    trimEvents: db.prepare('DELETE FROM events WHERE op = ? AND seq < ?'),

    orphanLog: db.prepare('INSERT INTO orphaned_logs (op) VALUES (?)'),
    orphan: db.prepare('SELECT op FROM orphaned_logs LIMIT 1'),
    deleteOrphanedEvents: db.prepare(
      'DELETE FROM events WHERE position IN (SELECT position FROM events WHERE op = ? ORDER BY seq LIMIT ?)',
    ),
    adopt: db.prepare('DELETE FROM orphaned_logs WHERE op = ?'),
  };
}
