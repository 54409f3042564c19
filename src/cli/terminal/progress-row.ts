import { percent } from './event-line.js';
import { fit, printableLine } from './printable.js';
import type { Style } from './style.js';

export interface RowState {
  readonly label: string;
  /** 0 to 1. */
  readonly progress: number;
  readonly message: string;
  /** Unix seconds. */
  readonly startedAt: number;
}

/** On a narrow terminal the text is worth more than the bar. */
const BAR_CELLS = { wide: 24, narrow: 8 };
const NARROW = 60;

/** One operation as a bar with label, percentage, message and elapsed time, cut to the width. */
export function progressRow(row: RowState, columns: number, now: number, style: Style): string {
  const barCells = columns < NARROW - 1 ? BAR_CELLS.narrow : BAR_CELLS.wide;
  const filled = Math.round(Math.min(1, Math.max(0, row.progress)) * barCells);
  const bar = style('cyan', '█'.repeat(filled)) + style('dim', '░'.repeat(barCells - filled));
  const elapsed = elapsedText(now - row.startedAt);
  // Colours take no cells, so only the text beside the bar is cut.
  const cells = Math.max(0, columns - barCells - 7);
  const text = fit(printableLine(`${row.label} ${elapsed} ${row.message}`), cells);
  return `${bar} ${percent(row.progress)} ${text}`;
}

/** `12s`, `3m04s`, `2h03m`. @param seconds may be fractional */
export function elapsedText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${twoDigits(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h${twoDigits(Math.floor((whole % 3600) / 60))}m`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
