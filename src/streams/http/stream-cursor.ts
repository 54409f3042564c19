/** Cursors of live reads, which keep shared caches from serving the same answer forever (section 10.1). */

const EPOCH_MS = Date.UTC(2024, 9, 9);
const INTERVAL_MS = 20_000;
const MAX_JITTER_SECONDS = 3600;

/** @param given the reader's own cursor: the next one must be greater, so that it is another address to a cache */
export function nextCursor(given: string | null, now = Date.now(), random = Math.random()): string {
  const current = Math.floor((now - EPOCH_MS) / INTERVAL_MS);
  const previous = given !== null && /^\d{1,15}$/.test(given) ? Number(given) : -1;
  if (previous < current) return String(current);
  const jitter = Math.ceil(((1 + random * (MAX_JITTER_SECONDS - 1)) * 1000) / INTERVAL_MS);
  return String(previous + jitter);
}
