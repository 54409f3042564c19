import type { ListQuery, OperationPage } from '../operation-store.js';
import { LIST_PAGE_BYTES, parseCursor } from './retention.js';
import { PHASES, toOperation, type OnDamage } from './sqlite-rows.js';
import type { ListArm, OperationRow, Statements } from './sqlite-statements.js';

const ACTIVE: readonly number[] = [PHASES.running, PHASES.working];
const ENDED: readonly number[] = [PHASES.completed, PHASES.error, PHASES.cancelled];

/**
 * One page of a listing, at a cost proportional to its rows: each filter is a few index ranges, each in the order of
 * the listing, merged here. Only rows that are shown are read.
 */
export function listOperations(
  sql: Statements,
  tenant: { readonly name: string; readonly tenantNo: number },
  query: ListQuery,
  onDamage: OnDamage,
): OperationPage {
  const wanted = query.limit + 1;
  const range = {
    tenantNo: tenant.tenantNo,
    status: query.status ?? null,
    type: query.type ?? null,
    before: parseCursor(query.cursor),
    limit: wanted,
  };
  const numbers = phasesOf(query)
    .flatMap((phase) => armOf(sql, range, query, phase))
    .sort((a, b) => b - a)
    .slice(0, wanted);
  const rows: OperationRow[] = [];
  let size = 0;
  let last = 0;
  for (const op of numbers.slice(0, query.limit)) {
    if (size >= LIST_PAGE_BYTES) break;
    last = op;
    const row = sql.listed.get(op);
    // An index of a damaged file may point to a missing row.
    if (!row) {
      onDamage(`the listing: operation number ${op} is missing`);
      continue;
    }
    rows.push(row);
    size += row.metadata.length + row.message.length + (row.outcome?.length ?? 0);
  }
  return {
    operations: rows.map((row) => toOperation(tenant.name, row, onDamage)),
    nextCursor: last > numbers.at(-1)! ? String(last) : null,
  };
}

function armOf(sql: Statements, range: Omit<ListArm, 'phase'>, query: ListQuery, phase: number): number[] {
  const parameters = { ...range, phase };
  const ownStatus = phase === PHASES.working && query.status !== undefined;
  let arm = query.type === undefined ? sql.byPhase : sql.byType;
  if (ownStatus) arm = query.type === undefined ? sql.byStatus : sql.byTypeAndStatus;
  return arm.all(parameters).map(({ op }) => op);
}

/** A status belongs to one phase: a final state, `running`, or a running operation's own. */
function phasesOf({ status, active }: ListQuery): readonly number[] {
  const byActivity = active === undefined ? [...ACTIVE, ...ENDED] : active ? ACTIVE : ENDED;
  if (status === undefined) return byActivity;
  const named: number =
    Object.hasOwn(PHASES, status) && status !== 'working'
      ? PHASES[status as keyof typeof PHASES]
      : PHASES.working;
  return byActivity.filter((phase) => phase === named);
}
