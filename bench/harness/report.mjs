// Tables and files of results.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BENCH } from './preparation.mjs';

/** @param {string[]} head @param {(string | number)[][]} rows */
export function table(head, rows) {
  return [row(head), row(head.map((_, index) => (index === 0 ? '---' : '--:'))), ...rows.map(row)].join('\n');
}

const row = (cells) => `| ${cells.join(' | ')} |`;

/** A number with about three significant digits; a dash for what was not measured. */
export function figure(value) {
  if (value === undefined || Number.isNaN(value)) return '–';
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
}

export const ratio = (value) => (value === undefined || Number.isNaN(value) ? '–' : `${value.toFixed(2)} ×`);
export const percent = (share) => `${Math.round(share * 100)} %`;

/** One line of the goals table. `value` is met when it is at least (or at most) the target. */
export function goal(what, value, bound, target, unit = '') {
  const met = bound === '≥' ? value >= target : value <= target;
  const verdict = Number.isNaN(value) || value === undefined ? 'not measured' : met ? 'yes' : 'no';
  return [what, `${bound} ${target}${unit}`, `${figure(value)}${unit}`, verdict];
}

/** Writes `results/<name>`; a quick run, which is no evidence, goes to the ignored `results/raw`. */
export function save(name, text, quick) {
  const folder = join(BENCH, 'results', quick ? 'raw' : '');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), text);
  console.error(`written: ${join(folder, name)}`);
}
