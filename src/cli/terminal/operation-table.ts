import type { OperationSnapshot } from '../../client/index.js';
import { percent } from './event-line.js';
import { cellWidth, fit, printableLine } from './printable.js';
import { elapsedText } from './progress-row.js';
import { styleFor } from './style.js';

const HEADINGS = ['OPERATION', 'TYPE', 'STATUS', 'DONE', 'TIME', 'MESSAGE'];

/** Operations as aligned columns; on a terminal cut to its width. */
export function operationTable(
  operations: readonly OperationSnapshot[],
  stream: { isTTY?: boolean; columns?: number },
): string {
  if (operations.length === 0) return 'No operations\n';
  const now = Date.now() / 1000;
  const rows = operations.map((operation) => cells(operation, now));
  const widths = HEADINGS.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => cellWidth(row[column] ?? ''))),
  );
  const line = (row: readonly string[]): string => {
    const text = row.map((cell, column) => cell + ' '.repeat(widths[column]! - cellWidth(cell))).join('  ');
    return stream.isTTY && stream.columns ? fit(text.trimEnd(), stream.columns) : text.trimEnd();
  };
  return [styleFor(stream)('bold', line(HEADINGS)), ...rows.map(line)].map((text) => `${text}\n`).join('');
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
