import { describe, expect, it } from 'vitest';
import { FOLLOWING, nextTail, NOT_FOLLOWING, unseenText, type Tail, type TailEvent } from './tail.js';

const after = (start: Tail, ...events: TailEvent[]): Tail => events.reduce(nextTail, start);
const down = (atEnd: boolean): TailEvent => ({ type: 'scrolled', direction: 'down', atEnd });

describe('follow-tail', () => {
  it('is on at the end of a running log, off for an ended one and for a link to a line', () => {
    expect(after(NOT_FOLLOWING, { type: 'opened', running: true, atLine: false }).following).toBe(true);
    expect(after(FOLLOWING, { type: 'opened', running: false, atLine: false }).following).toBe(false);
    expect(after(FOLLOWING, { type: 'opened', running: true, atLine: true }).following).toBe(false);
  });

  it.each([false, true])('any scroll up turns it off, at the end or not (%s)', (atEnd) => {
    expect(after(FOLLOWING, { type: 'scrolled', direction: 'up', atEnd }).following).toBe(false);
  });

  it('only the last row, End and the button turn it on', () => {
    expect(after(NOT_FOLLOWING, down(false)).following).toBe(false);
    expect(after(NOT_FOLLOWING, down(true)).following).toBe(true);
    expect(after(NOT_FOLLOWING, { type: 'to_end' }).following).toBe(true);
    expect(after(FOLLOWING, { type: 'paused' }).following).toBe(false);
  });

  it.each([
    { type: 'appended', lines: 5, errors: 1 },
    { type: 'resized' },
    { type: 'filtered' },
    { type: 'reconnected' },
    { type: 'ended' },
  ] satisfies TailEvent[])('$type never changes it', (event) => {
    expect(nextTail(FOLLOWING, event)).toBe(FOLLOWING);
    expect(nextTail(NOT_FOLLOWING, event).following).toBe(false);
  });

  it('counts what the reader has not seen until he is back at the end', () => {
    const reading = after(
      FOLLOWING,
      { type: 'appended', lines: 9, errors: 0 },
      { type: 'scrolled', direction: 'up', atEnd: false },
      { type: 'appended', lines: 200, errors: 2 },
      { type: 'appended', lines: 14, errors: 0 },
    );
    expect(unseenText(reading)).toBe('214 new lines, 2 errors');
    expect(unseenText(nextTail(reading, { type: 'to_end' }))).toBeUndefined();
    expect(unseenText(nextTail(NOT_FOLLOWING, { type: 'appended', lines: 1, errors: 1 }))).toBe(
      '1 new line, 1 error',
    );
    expect(unseenText(nextTail(NOT_FOLLOWING, { type: 'appended', lines: 12_000, errors: 0 }))).toBe(
      '12,000 new lines',
    );
  });
});
