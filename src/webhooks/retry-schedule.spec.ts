import { describe, expect, it } from 'vitest';
import { parseRetryAfter, RETRY_SECONDS, retryDelay } from './retry-schedule.js';

describe('retries', () => {
  it('grow from seconds to hours, and end after a day', () => {
    const delays = RETRY_SECONDS.map((_, n) => retryDelay(n + 1, undefined, RETRY_SECONDS, 0.5)!);
    expect(delays).toEqual([...RETRY_SECONDS]);
    expect([...delays].sort((a, b) => a - b)).toEqual(delays);
    const sum = delays.reduce((a, b) => a + b);
    expect(sum).toBeGreaterThan(23 * 3600);
    expect(sum).toBeLessThan(25 * 3600);
    expect(retryDelay(RETRY_SECONDS.length + 1, 5, RETRY_SECONDS, 0.5)).toBeUndefined();
  });

  it('vary by a tenth, wait for as long as they are asked to, and never for long because of it', () => {
    expect(retryDelay(1, undefined, [100], 0)).toBeCloseTo(90);
    expect(retryDelay(1, undefined, [100], 1)).toBeCloseTo(110);
    expect(retryDelay(1, 500, [100], 0.5)).toBe(500);
    expect(retryDelay(1, 5, [100], 0.5)).toBe(100);
    expect(retryDelay(1, 1e9, [100], 0.5)).toBe(3600);
  });

  it.each([
    ['120', 120],
    [' 7 ', 7],
    ['Sat, 28 Nov 2026 12:00:30 GMT', 30],
    ['Sat, 28 Nov 2026 11:00:00 GMT', 0],
    ['soon', undefined],
    ['-5', 0],
    [undefined, undefined],
  ])('Retry-After: %s is %s seconds', (header, seconds) => {
    expect(parseRetryAfter(header, Date.parse('2026-11-28T12:00:00Z') / 1000)).toBe(seconds);
  });
});
