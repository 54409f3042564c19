import { describe, expect, it } from 'vitest';
import { duration, eventTime, fullTime, listTime } from './time.js';

const NOON = Date.UTC(2026, 10, 28, 12, 0, 0, 250) / 1000;

describe('times', () => {
  it.each([
    ['utc', NOON, '12:00:00.250'],
    ['elapsed', NOON + 65.5, '+01:05.500'],
    ['elapsed', NOON + 3723.12, '+1:02:03.120'],
    ['elapsed', NOON - 1, '+00:00.000'],
  ] as const)('%s', (mode, timestamp, text) => {
    expect(eventTime(mode, timestamp, NOON, undefined)).toBe(text);
  });

  it('tells the gap to the line before', () => {
    expect(eventTime('gap', NOON, NOON, undefined)).toBe('');
    expect(eventTime('gap', NOON + 0.0123, NOON, NOON)).toBe('+12 ms');
    expect(eventTime('gap', NOON + 75, NOON, NOON)).toBe('+1 min 15 s');
  });

  it('names the zone', () => {
    expect(fullTime(NOON, 'utc')).toMatch(/^28 Nov 2026, 12:00:00\.250 UTC$/);
    expect(fullTime(NOON, 'local')).toMatch(/UTC|GMT|[A-Z]{2,}/);
  });

  it('is the clock today and the date before', () => {
    expect(listTime(NOON, 'utc', NOON + 60)).toBe('12:00:00');
    expect(listTime(NOON - 3 * 86_400, 'utc', NOON)).toBe('25 Nov 12:00');
  });

  it.each([
    [-1, '0.0 s'],
    [0.44, '0.4 s'],
    [9.99, '9.9 s'],
    [59.9, '59 s'],
    [185, '3 min 05 s'],
    [7800, '2 h 10 min'],
    [273_600, '3 d 4 h'],
  ])('%d seconds are %s', (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });
});
