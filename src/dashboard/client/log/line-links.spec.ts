import { describe, expect, it } from 'vitest';
import { formatLines, includesLine, parseLines, selectLine } from './line-links.js';

describe('links to lines', () => {
  it.each([
    ['42', { from: 42, to: 42 }],
    ['42-57', { from: 42, to: 57 }],
    ['57-42', { from: 42, to: 57 }],
    ['0', undefined],
    ['0-4', undefined],
    ['', undefined],
    ['-5', undefined],
    ['4-', undefined],
    ['1e3', undefined],
    ['9'.repeat(20), undefined],
    [undefined, undefined],
  ])('reads %s', (text, range) => {
    expect(parseLines(text)).toEqual(range);
  });

  it('writes what it reads', () => {
    for (const text of ['42', '42-57']) expect(formatLines(parseLines(text)!)).toBe(text);
  });

  it('extends a choice in both directions', () => {
    const chosen = selectLine(undefined, 10, true);
    expect(chosen).toEqual({ from: 10, to: 10 });
    expect(selectLine(chosen, 14, true)).toEqual({ from: 10, to: 14 });
    expect(selectLine({ from: 10, to: 14 }, 8, true)).toEqual({ from: 8, to: 14 });
    expect(selectLine({ from: 10, to: 14 }, 12, false)).toEqual({ from: 12, to: 12 });
    expect([9, 10, 14, 15].map((seq) => includesLine({ from: 10, to: 14 }, seq))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });
});
