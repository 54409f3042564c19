const PERCENT = /(?<![\w.,-])(\d{1,3}(?:[.,]\d+)?)\s?%/g;
/** Not part of a path, date, version or longer chain such as `2024/01/02` or `src/1/2`. */
const COUNTER = /(?<![\w./:,-])(\d{1,9})\s?(?:\/|of)\s?(\d{1,9})(?![\w/:]|[.,]\d)/g;

/**
 * Finds how far a program says it is: the last percentage of a line, or else its last counter (`3/10`, `[3/10]`,
 * `3 of 10`).
 * @returns 0 to 1, or undefined when the line says nothing
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
