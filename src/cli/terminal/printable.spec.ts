import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cellWidth, fit, printable, printableLine } from './printable.js';

describe('printable', () => {
  it('lets nothing through that moves the cursor or retitles the terminal', () => {
    expect(printable('a\u001B[2Jb\u001B]0;title\u0007c\u009B1mdÄ\u0000\u0008\n\te')).toBe('abcdÄ\n    e');
    expect(printableLine('a\nb\r\n')).toBe('a b');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.toMatch(/[^\P{Cc}\n]/u);
        expect(printableLine(text)).not.toMatch(/\p{Cc}/u);
      }),
    );
  });

  it('counts cells as terminals do', () => {
    expect(cellWidth('abc')).toBe(3);
    expect(cellWidth('日本')).toBe(4);
    expect(cellWidth('e\u0301')).toBe(1);
    expect(cellWidth('🚀')).toBe(2);
  });

  it('cuts to a number of cells', () => {
    expect(fit('abcdef', 6)).toBe('abcdef');
    expect(fit('abcdef', 5)).toBe('abcd…');
    expect(fit('日本語', 5)).toBe('日本…');
    expect(fit('日本語', 4)).toBe('日…');
    expect(fit('abc', 0)).toBe('');
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat({ max: 30 }), (text, cells) => {
        expect(cellWidth(fit(printableLine(text), cells))).toBeLessThanOrEqual(cells);
      }),
    );
  });
});
