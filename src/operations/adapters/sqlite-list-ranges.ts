import { foldCase } from '../operation-filter.js';
import { BEGINNING, keyOf, type ListKey, type ListPlace } from '../list-cursor.js';
import type { ListQuery } from '../operation-store.js';
import type { ListBounds } from './list-bounds.js';
import type { CountRow, ListRange, ListRow, ListStatements } from './sqlite-list-statements.js';
import { PHASES } from './sqlite-rows.js';
import type { Statement } from './sqlite-statement.js';

const RUNNING: readonly number[] = [PHASES.running, PHASES.working];
const ENDED: readonly number[] = [PHASES.completed, PHASES.error, PHASES.cancelled];

type ListFilter = Omit<ListQuery, 'limit' | 'cursor'>;

/** A part of a listing, in its order. */
export interface ListPart {
  /** At most `window` rows behind a place. */
  rows(place: ListPlace, window: number): readonly ListRow[];
  /** Aggregates of `window` rows below a number; absent where the rows themselves have to be counted. */
  readonly count?: (before: number, window: number) => CountRow;
}

export interface ListParts {
  readonly key: ListKey;
  readonly parts: readonly ListPart[];
  /** Whether every row matches the filter. */
  readonly exact: boolean;
  /** More operations run than are sorted. */
  readonly incomplete: boolean;
}

/** Chooses the ranges whose union, in the order of the query, contains all that match. */
export function partsOf(
  sql: ListStatements,
  tenantNo: number,
  filter: ListFilter,
  bounds: ListBounds,
): ListParts {
  const key = keyOf(filter);
  const phases = phasesOf(filter);
  const base: ListRange = {
    ...conditionsOf(filter, phases),
    tenantNo,
    phase: 0,
    value: 0,
    before: 0,
    window: 0,
  };
  const part = (
    statement: RangeStatement,
    own: Partial<ListRange> = {},
    count?: CountStatement,
  ): ListPart => {
    const range = { ...base, ...own };
    return {
      rows: ({ value, number }, window) => statement.all({ ...range, value, before: number, window }),
      ...(count && { count: (before, window) => count.get({ ...range, before, window })! }),
    };
  };
  const byValue = (equal: RangeStatement, below: RangeStatement): ListPart => ({
    rows: ({ value, number }, window) => {
      const rows = equal.all({ ...base, value, before: number, window });
      if (rows.length === window) return rows;
      return [...rows, ...below.all({ ...base, value, window: window - rows.length })];
    },
  });
  switch (key) {
    case 'number':
      return { key, incomplete: false, ...partsByNumber(sql, tenantNo, filter, phases, bounds, part) };
    case 'start':
      return { key, parts: [byValue(sql.startEqual, sql.startBelow)], exact: false, incomplete: false };
    case 'updated': {
      const running = runningParts(sql, base, phases, bounds);
      const ended = phases.some((phase) => ENDED.includes(phase))
        ? [byValue(sql.endEqual, sql.endBelow)]
        : [];
      return { key, parts: [...running.parts, ...ended], exact: false, incomplete: running.incomplete };
    }
    case 'duration': {
      const ended = phases.some((phase) => ENDED.includes(phase))
        ? [byValue(sql.durationEqual, sql.durationBelow)]
        : [];
      const parts = [...ended];
      if (filter.minDuration === undefined) {
        for (const phase of phases.filter((each) => RUNNING.includes(each))) {
          const running = part(sql.byPhase, { phase });
          // They come last, each with the value of an operation without a duration.
          parts.push({
            rows: ({ value, number }, window) =>
              running
                .rows({ value: 0, number: value === -1 ? number : BEGINNING.number }, window)
                .map((row) => ({
                  ...row,
                  value: -1,
                })),
          });
        }
      }
      return { key, parts, exact: false, incomplete: false };
    }
  }
}

type RangeStatement = Statement<[ListRange], ListRow>;
type CountStatement = Statement<[ListRange], CountRow>;
type MakePart = (statement: RangeStatement, own?: Partial<ListRange>, count?: CountStatement) => ListPart;

function partsByNumber(
  sql: ListStatements,
  tenantNo: number,
  filter: ListFilter,
  phases: readonly number[],
  bounds: ListBounds,
  part: MakePart,
): { parts: readonly ListPart[]; exact: boolean } {
  const { type, typePrefix, status, parentOperationId, createdBy, minDuration, hasErrors, text } = filter;
  const beyond = minDuration !== undefined || hasErrors !== undefined || text !== undefined;
  if (parentOperationId !== undefined)
    return { parts: [part(sql.byParent, {}, sql.countParent)], exact: false };
  if (createdBy !== undefined) return { parts: [part(sql.byCreator, {}, sql.countCreator)], exact: false };
  if (hasErrors === true) return { parts: [part(sql.byErrors, {}, sql.countErrors)], exact: false };
  const types =
    type !== undefined
      ? [type]
      : typePrefix === undefined
        ? undefined
        : typesWith(sql, tenantNo, typePrefix, bounds.types);
  const ownStatus = status !== undefined && !Object.hasOwn(PHASES, status);
  const parts = phases.flatMap((phase) => {
    const byStatus = ownStatus && phase === PHASES.working;
    if (types === undefined) {
      return [part(byStatus ? sql.byStatus : sql.byPhase, { phase }, byStatus ? undefined : sql.countPhase)];
    }
    const statement = byStatus ? sql.byTypeAndStatus : sql.byType;
    return types.map((each) => part(statement, { phase, type: each }, byStatus ? undefined : sql.countType));
  });
  const found = typePrefix === undefined || types !== undefined;
  return { parts, exact: found && !beyond };
}

/** The types that begin with a prefix, unless they are many. */
function typesWith(
  sql: ListStatements,
  tenantNo: number,
  prefix: string,
  most: number,
): readonly string[] | undefined {
  const types: string[] = [];
  let from = prefix;
  for (;;) {
    const type = sql.nextType.get(tenantNo, from)?.type;
    if (type == null || !type.startsWith(prefix)) return types;
    if (types.length === most) return undefined;
    types.push(type);
    // Types contain no control characters.
    from = `${type}\u0001`;
  }
}

/** No index holds the time of a running operation's last event: the newest of them are sorted here. */
function runningParts(
  sql: ListStatements,
  base: ListRange,
  phases: readonly number[],
  { running }: ListBounds,
): { parts: readonly ListPart[]; incomplete: boolean } {
  const wanted = phases.filter((phase) => RUNNING.includes(phase));
  const rows = wanted.map((phase) => sql.runningByUpdate.all({ ...base, phase, window: running }));
  const sorted = rows.flat().sort((a, b) => b.value - a.value || b.op - a.op);
  return {
    incomplete: rows.some(({ length }) => length === running),
    parts: [
      {
        rows: ({ value, number }, window) => {
          const from = sorted.findIndex(
            (row) => row.value < value || (row.value === value && row.op < number),
          );
          return from < 0 ? [] : sorted.slice(from, from + window);
        },
      },
    ],
  };
}

function conditionsOf(filter: ListFilter, phases: readonly number[]) {
  return {
    phases: phases.reduce((mask, phase) => mask | (1 << phase), 0),
    status: filter.status ?? null,
    type: filter.type ?? null,
    typePrefix: filter.typePrefix ?? null,
    startedAfter: filter.startedAfter ?? null,
    startedBefore: filter.startedBefore ?? null,
    minDuration: filter.minDuration ?? null,
    hasErrors: filter.hasErrors === undefined ? null : Number(filter.hasErrors),
    parent: filter.parentOperationId ?? null,
    creator: filter.createdBy ?? null,
    text: filter.text === undefined ? null : foldCase(filter.text),
  };
}

/** A status belongs to one phase: a final state, `running`, or a running operation's own. */
function phasesOf({ status, active }: ListFilter): readonly number[] {
  const byActivity = active === undefined ? [...RUNNING, ...ENDED] : active ? RUNNING : ENDED;
  if (status === undefined) return byActivity;
  const named: number =
    Object.hasOwn(PHASES, status) && status !== 'working'
      ? PHASES[status as keyof typeof PHASES]
      : PHASES.working;
  return byActivity.filter((phase) => phase === named);
}
