import type { OperationSnapshot } from '../../client/index.js';
import { percent } from './event-line.js';
import { cellWidth, fit, printableLine } from './printable.js';
import { elapsedText } from './progress-row.js';
import { styleFor } from './style.js';

const HEADINGS = ['OPERATION', 'TYPE', 'STATUS', 'DONE', 'TIME', 'MESSAGE'];
const GAP = '  ';
/** Columns that shrink first when space is short, and the cells they keep; a short id can be typed as well. */
const GIVES_WAY: readonly (readonly [column: number, keeps: number])[] = [
  [5, 0],
  [0, 9],
  [1, 6],
];

/** Operations as aligned columns; cut to the width of a terminal. */
export function operationTable(
  operations: readonly OperationSnapshot[],
  stream: { isTTY?: boolean; columns?: number },
): string {
  if (operations.length === 0) return 'No operations\n';
  const now = Date.now() / 1000;
  const rows = operations.map((operation) => cells(operation, now));
  const natural = HEADINGS.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => cellWidth(row[column] ?? ''))),
  );
  const widths = stream.isTTY && stream.columns ? narrowed(natural, stream.columns) : natural;
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => fit(cell, widths[column]!))
      .map((cell, column) => cell + ' '.repeat(widths[column]! - cellWidth(cell)))
      .join(GAP)
      .trimEnd();
  return [styleFor(stream)('bold', line(HEADINGS)), ...rows.map(line)].map((text) => `${text}\n`).join('');
}

function narrowed(natural: readonly number[], columns: number): number[] {
  const widths = [...natural];
  let excess = widths.reduce((sum, width) => sum + width + GAP.length, -GAP.length) - columns;
  for (const [column, keeps] of GIVES_WAY) {
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
