import { describe, expect, it } from 'vitest';
import { grow, scrollTo, seqAt, topOf, totalHeight, visibleRows, windowOf } from './log-window.js';

const closed = { first: 11, last: 1010, rowHeight: 20 };
const opened = { ...closed, open: { seq: 20, extra: 55 } };

describe('log window', () => {
  it('places row n of a log by arithmetic, and finds it again', () => {
    for (const geometry of [closed, opened]) {
      for (const seq of [11, 12, 19, 20, 21, 500, 1010]) {
        const top = topOf(seq, geometry);
        expect(seqAt(top, geometry)).toBe(seq);
        expect(seqAt(top + 19, geometry)).toBe(seq);
      }
    }
    expect(seqAt(topOf(20, opened) + 74, opened)).toBe(20);
    expect(totalHeight(opened)).toBe(1000 * 20 + 55);
    expect(topOf(21, opened) - topOf(20, opened)).toBe(75);
  });

  it('an open row outside of the window changes nothing', () => {
    for (const seq of [5, 2000]) {
      const geometry = { ...closed, open: { seq, extra: 55 } };
      expect(totalHeight(geometry)).toBe(totalHeight(closed));
      expect(topOf(500, geometry)).toBe(topOf(500, closed));
      expect(seqAt(4000, geometry)).toBe(seqAt(4000, closed));
    }
  });

  it('draws a screenful, whatever the size of the log', () => {
    expect(visibleRows(0, 400, closed, 2)).toEqual({ first: 11, last: 33 });
    const million = { first: 1, last: 500_000, rowHeight: 28 };
    const rows = visibleRows(totalHeight(million) - 400, 400, million, 2);
    expect(rows.last).toBe(500_000);
    expect(rows.last - rows.first).toBeLessThan(20);
    expect(visibleRows(0, 400, { first: 1, last: 0, rowHeight: 20 })).toEqual({ first: 1, last: 0 });
  });

  it('scrolls a line into the middle, but not beyond the ends', () => {
    expect(scrollTo(11, 400, closed)).toBe(0);
    expect(scrollTo(1010, 400, closed)).toBe(1000 * 20 - 400);
    expect(scrollTo(500, 400, closed)).toBe((500 - 11) * 20 - 190);
    expect(scrollTo(12, 4000, { ...closed, last: 20 })).toBe(0);
  });

  it('shows the end of a log that is too long for a page, or the part around a line', () => {
    expect(windowOf(1, 100, undefined, 1000)).toEqual({ first: 1, last: 100 });
    expect(windowOf(1, 5000, undefined, 1000)).toEqual({ first: 4001, last: 5000 });
    expect(windowOf(1, 5000, 1, 1000)).toEqual({ first: 1, last: 1000 });
    expect(windowOf(1, 5000, 2500, 1000)).toEqual({ first: 2000, last: 2999 });
    expect(windowOf(1, 5000, 9999, 1000)).toEqual({ first: 4001, last: 5000 });
  });

  it('moves its upper end only while its reader follows', () => {
    const log = { firstSeq: 50, headSeq: 300 };
    expect(grow({ first: 1, last: 200 }, log, false, 1000)).toEqual({ first: 1, last: 300 });
    expect(grow({ first: 1, last: 200 }, log, true, 1000)).toEqual({ first: 50, last: 300 });
    expect(grow({ first: 1, last: 100 }, log, false, 100)).toEqual({ first: 1, last: 100 });
    expect(grow({ first: 1, last: 0 }, log, false, 1000)).toEqual({ first: 50, last: 300 });
  });
});
