/** The current time as every event and record carries it: Unix seconds with a fraction. */
export function unixSeconds(): number {
  return Date.now() / 1000;
}
