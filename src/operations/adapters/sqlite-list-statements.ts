import type { Statement } from './sqlite-statement.js';

/** Compiles a statement. */
type Prepare = <Parameters extends unknown[], Row>(sql: string) => Statement<Parameters, Row>;

/** What the rows of a listing must satisfy beside the range of their index; null does not restrict. */
export interface RowConditions {
  /** Bit mask of phases. */
  phases: number;
  status: string | null;
  type: string | null;
  typePrefix: string | null;
  startedAfter: number | null;
  startedBefore: number | null;
  minDuration: number | null;
  hasErrors: number | null;
  parent: string | null;
  creator: string | null;
  /** With its ASCII letters in lower case. */
  text: string | null;
}

/** One range of an index, from a place on. */
export interface ListRange extends RowConditions {
  tenantNo: number;
  phase: number;
  /** The place it begins behind. */
  value: number;
  before: number;
  window: number;
}

/** One row of a range: its place, and whether it satisfies the conditions. */
export interface ListRow {
  value: number;
  op: number;
  phase: number;
  hit: number | null;
}

export interface CountRow {
  scanned: number;
  running: number | null;
  completed: number | null;
  error: number | null;
  cancelled: number | null;
  last: number | null;
}

/** The texts are looked into last, and only when there is something to find. */
const HIT = `iif((:phases >> phase) & 1
    AND (:status IS NULL OR status = :status)
    AND (:type IS NULL OR operation_type = :type)
    AND (:typePrefix IS NULL OR substr(operation_type, 1, length(:typePrefix)) = :typePrefix)
    AND (:startedAfter IS NULL OR started_at >= :startedAfter)
    AND (:startedBefore IS NULL OR started_at < :startedBefore)
    AND (:minDuration IS NULL OR duration >= :minDuration)
    AND (:hasErrors IS NULL OR has_errors = :hasErrors)
    AND (:parent IS NULL OR parent_operation_id = :parent)
    AND (:creator IS NULL OR created_by = :creator),
  CASE WHEN :text IS NULL THEN 1
    WHEN instr(lower(operation_id), :text) > 0 OR instr(lower(operation_type), :text) > 0
      OR instr(lower(message), :text) > 0 OR instr(lower(metadata), :text) > 0 THEN 1
    ELSE 0 END, 0) AS hit`;

/** Time of the last event or sign of life, as `toOperation` computes it. */
const UPDATED = `max(coalesce(
    (SELECT timestamp FROM events WHERE events.op = operations.op ORDER BY seq DESC LIMIT 1), started_at),
  coalesce(renewed_at, 0))`;

/**
 * The ranges that listings consist of. Each reads one index from a place on and looks at no more rows than its window,
 * so that its cost depends on neither the size of the store nor the place.
 */
export function prepareListing(prepare: Prepare) {
  /** @param index where SQLite would rather read all rows of a phase, whose index covers as little */
  const byNumber = (condition: string, index = '') =>
    prepare<[ListRange], ListRow>(
      `SELECT 0 AS value, op, phase, ${HIT} FROM operations ${index}
       WHERE tenant_no = :tenantNo AND ${condition} AND op < :before ORDER BY op DESC LIMIT :window`,
    );
  /** Those with the value of the place, and those below it: together one seek each, however many share a value. */
  const byValue = (column: string, condition: string) => ({
    equal: prepare<[ListRange], ListRow>(
      `SELECT ${column} AS value, op, phase, ${HIT} FROM operations
       WHERE tenant_no = :tenantNo AND ${column} = :value AND op < :before AND ${condition}
       ORDER BY op DESC LIMIT :window`,
    ),
    below: prepare<[ListRange], ListRow>(
      `SELECT ${column} AS value, op, phase, ${HIT} FROM operations
       WHERE tenant_no = :tenantNo AND ${column} < :value AND ${condition}
       ORDER BY ${column} DESC, op DESC LIMIT :window`,
    ),
  });
  const counting = (condition: string) =>
    prepare<[ListRange], CountRow>(
      `SELECT count(*) AS scanned, sum(hit AND phase < 2) AS running, sum(hit AND phase = 2) AS completed,
         sum(hit AND phase = 3) AS error, sum(hit AND phase = 4) AS cancelled, min(op) AS last
       FROM (SELECT op, phase, ${HIT} FROM operations
         WHERE tenant_no = :tenantNo AND ${condition} AND op < :before ORDER BY op DESC LIMIT :window)`,
    );
  const start = byValue('started_at', 'started_at >= coalesce(:startedAfter, 0)');
  const end = byValue('ended_at', 'ended_at IS NOT NULL');
  const duration = byValue('duration', 'duration >= coalesce(:minDuration, 0)');
  return {
    startEqual: start.equal,
    startBelow: start.below,
    endEqual: end.equal,
    endBelow: end.below,
    durationEqual: duration.equal,
    durationBelow: duration.below,
    byPhase: byNumber('phase = :phase'),
    byType: byNumber('operation_type = :type AND phase = :phase'),
    byStatus: byNumber('status = :status AND phase = 1', 'INDEXED BY operations_by_status'),
    byTypeAndStatus: byNumber(
      'operation_type = :type AND status = :status AND phase = 1',
      'INDEXED BY operations_by_type_and_status',
    ),
    byParent: byNumber('parent_operation_id = :parent'),
    byCreator: byNumber('created_by = :creator'),
    byErrors: byNumber('has_errors = 1'),
    /** The newest of those that run: no index holds the time of their last event. */
    runningByUpdate: prepare<[ListRange], ListRow>(
      `SELECT ${UPDATED} AS value, op, phase, ${HIT} FROM operations
       WHERE tenant_no = :tenantNo AND phase = :phase ORDER BY op DESC LIMIT :window`,
    ),
    /** The first type from a text on. */
    nextType: prepare<[number, string], { type: string | null }>(
      'SELECT min(operation_type) AS type FROM operations WHERE tenant_no = ? AND operation_type >= ?',
    ),
    countPhase: counting('phase = :phase'),
    countType: counting('operation_type = :type AND phase = :phase'),
    countParent: counting('parent_operation_id = :parent'),
    countCreator: counting('created_by = :creator'),
    countErrors: counting('has_errors = 1'),
  };
}

export type ListStatements = ReturnType<typeof prepareListing>;
