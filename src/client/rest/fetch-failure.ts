/** `fetch` hides the reason in the cause of a "fetch failed", which may itself hold one error per address tried. */
export function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return reasonOf(thrown.errors[0]);
  return thrown.cause instanceof Error ? reasonOf(thrown.cause) : thrown.message;
}
