/** Seconds from one attempt to the next: eleven attempts within a day. */
export const RETRY_SECONDS: readonly number[] = [5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 28_800];

/** Share by which a delay varies, so that the retries of an outage do not all come at once. */
const JITTER = 0.1;
/** The longest that a receiver can ask for. */
const MAX_RETRY_AFTER = 3600;

/**
 * Seconds until the next attempt; undefined when it was the last.
 * @param attempts how many were made
 * @param retryAfter seconds that the receiver asked for
 * @param random 0 to 1
 */
export function retryDelay(
  attempts: number,
  retryAfter: number | undefined,
  schedule: readonly number[],
  random: number,
): number | undefined {
  const planned = schedule[attempts - 1];
  if (planned === undefined) return undefined;
  const varied = planned * (1 - JITTER + 2 * JITTER * random);
  return Math.max(varied, Math.min(retryAfter ?? 0, MAX_RETRY_AFTER));
}

/** Seconds that a `Retry-After` header asks for, as a number or a date (RFC 9110, section 10.2.3). @param now Unix seconds */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date / 1000 - now);
}
