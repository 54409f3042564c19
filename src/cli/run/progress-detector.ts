const PERCENT = /(?<![\w.,-])(\d{1,3}(?:[.,]\d+)?)\s?%/g;
/** Excludes paths, dates, versions and longer chains such as `2024/01/02` or `src/1/2`. */
const COUNTER = /(?<![\w./:,-])(\d{1,9})\s?(?:\/|of)\s?(\d{1,9})(?![\w/:]|[.,]\d)/g;

/**
 * Detects progress in a line: its last percentage, or else its last counter (`3/10`, `[3/10]`, `3 of 10`).
 * @returns 0 to 1, or undefined when the line has neither
 */
export function detectProgress(line: string): number | undefined {
  const percentages = [...line.matchAll(PERCENT)]
    .map(([, number]) => Number(number!.replace(',', '.')) / 100)
    .filter((value) => value <= 1);
  if (percentages.length > 0) return percentages.at(-1);
  return [...line.matchAll(COUNTER)]
    .map(([, done, total]): [number, number] => [Number(done), Number(total)])
    .filter(([done, total]) => total > 0 && done <= total)
    .map(([done, total]) => done / total)
    .at(-1);
}
