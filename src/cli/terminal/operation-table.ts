import type { OperationSnapshot } from '../../client/index.js';
import { percent } from './event-line.js';
import { cellWidth, fit, printableLine } from './printable.js';
import { elapsedText } from './progress-row.js';
import { styleFor } from './style.js';

const HEADINGS = ['OPERATION', 'TYPE', 'STATUS', 'DONE', 'TIME', 'MESSAGE'];
/** Index of the column that counts errors and warnings, shown when there are any. */
const LOG_COLUMN = 5;
const GAP = '  ';
/** Columns that shrink first when space is short, and the cells they keep; a short id can be typed as well. */
const GIVES_WAY: readonly (readonly [heading: string, keeps: number])[] = [
  ['MESSAGE', 0],
  ['LOG', 0],
  ['OPERATION', 9],
  ['TYPE', 6],
];

/** Operations as aligned columns; cut to the width of a terminal. */
export function operationTable(
  operations: readonly OperationSnapshot[],
  stream: { isTTY?: boolean; columns?: number },
): string {
  if (operations.length === 0) return 'No operations\n';
  const now = Date.now() / 1000;
  const withLog = operations.some((operation) => logCell(operation) !== '');
  const headings = withLog ? HEADINGS.toSpliced(LOG_COLUMN, 0, 'LOG') : HEADINGS;
  const rows = operations.map((operation) => {
    const row = cells(operation, now);
    return withLog ? row.toSpliced(LOG_COLUMN, 0, logCell(operation)) : row;
  });
  const natural = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => cellWidth(row[column] ?? ''))),
  );
  const widths = stream.isTTY && stream.columns ? narrowed(headings, natural, stream.columns) : natural;
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => fit(cell, widths[column]!))
      .map((cell, column) => cell + ' '.repeat(widths[column]! - cellWidth(cell)))
      .join(GAP)
      .trimEnd();
  return [styleFor(stream)('bold', line(headings)), ...rows.map(line)].map((text) => `${text}\n`).join('');
}

function narrowed(headings: readonly string[], natural: readonly number[], columns: number): number[] {
  const widths = [...natural];
  let excess = widths.reduce((sum, width) => sum + width + GAP.length, -GAP.length) - columns;
  for (const [heading, keeps] of GIVES_WAY) {
    const column = headings.indexOf(heading);
    if (column < 0) continue;
    const given = Math.min(Math.max(0, excess), Math.max(0, widths[column]! - keeps));
    widths[column]! -= given;
    excess -= given;
  }
  return widths;
}

function cells(operation: OperationSnapshot, now: number): string[] {
  const seconds = operation.duration ?? now - operation.started_at;
  return [
    operation.operation_id,
    operation.operation_type,
    operation.status,
    percent(operation.progress),
    elapsedText(seconds),
    operation.error ?? operation.message,
  ].map(printableLine);
}

/** `2 err, 1 warn`; empty when nothing of the kind was logged, or the service does not count. */
function logCell({ log_counts: counts }: Partial<Pick<OperationSnapshot, 'log_counts'>>): string {
  const parts = [
    [counts?.error ?? 0, 'err'],
    [counts?.warning ?? 0, 'warn'],
  ] as const;
  return parts
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(', ');
}
