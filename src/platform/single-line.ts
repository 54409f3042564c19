/** Line ends of Unicode that JSON leaves as they are: some clients split lines there (Python's `splitlines`). */
const LINE_ENDS = /[\u0085\u2028\u2029]/;

/**
 * The same JSON on what every reader takes for one line.
 * @param maxLength in characters; a text that escapes would make longer stays as it is
 */
export function singleLine(json: string, maxLength = Infinity): string {
  if (!LINE_ENDS.test(json)) return json;
  const escaped = json.replace(
    /[\u0085\u2028\u2029]/g,
    (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return escaped.length > maxLength ? json : escaped;
}
