import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutText, exceedsBytes, standInFor } from './json-stand-in.js';

describe('what does not fit', () => {
  it('cuts text within its bound, never inside a character, and says how much is missing', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 400 }),
        fc.integer({ min: 60, max: 200 }),
        (text, most) => {
          const cut = cutText(text, most);
          expect(cut.length).toBeLessThanOrEqual(most);
          if (text.length <= most) {
            expect(cut).toBe(text);
            return;
          }
          const [, kept, left] = /^([^]*)… \[(\d+) characters left out\]$/.exec(cut)!;
          expect(text.startsWith(kept!)).toBe(true);
          expect(kept!.length + Number(left)).toBe(text.length);
          if (text.isWellFormed()) expect(cut.isWellFormed()).toBe(true);
        },
      ),
    );
  });

  it('counts bytes, not characters', () => {
    expect(exceedsBytes('漢'.repeat(10), 29)).toBe(true);
    expect(exceedsBytes('漢'.repeat(10), 30)).toBe(false);
    expect(exceedsBytes('x'.repeat(30), 30)).toBe(false);
  });

  it('shows how a value begins', () => {
    const json = JSON.stringify('x'.repeat(5000));
    expect(standInFor(json)).toEqual({ truncated: true, characters: 5002, preview: json.slice(0, 1000) });
  });
});
