import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter, type OutputLine } from './line-splitter.js';

function split(...chunks: string[]): OutputLine[] {
  const lines: OutputLine[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  for (const chunk of chunks) splitter.write(chunk);
  splitter.end();
  return lines;
}

const line = (text: string, redrawn = false): OutputLine => ({ text, redrawn });

describe('LineSplitter', () => {
  it('knows both line ends, and lines that are drawn over', () => {
    expect(split('a\nb\r\n\n10%\r20%\rdone\nrest')).toEqual([
      line('a'),
      line('b'),
      line(''),
      line('10%', true),
      line('20%', true),
      line('done'),
      line('rest'),
    ]);
  });

  it('a carriage return at the end of the output is no line of its own', () => {
    expect(split('50%\r')).toEqual([line('50%')]);
    expect(split('\r')).toEqual([]);
  });

  it('cuts what never ends', () => {
    const lines = split('x'.repeat(20_000), 'x'.repeat(20_000));
    expect(lines.map(({ text }) => text.length)).toEqual([16_384, 16_384, 7232]);
  });

  it('cuts neither a colour nor a character in two', () => {
    const colour = '\u001B[38;2;10;20;30m';
    const [first, second] = split(`${'x'.repeat(16_380)}${colour}red`);
    expect(first!.text).toBe('x'.repeat(16_380));
    expect(second!.text).toBe(`${colour}red`);
    expect(split(`${'x'.repeat(16_383)}😀y`).map(({ text }) => text)).toEqual(['x'.repeat(16_383), '😀y']);
  });

  it('gives the same lines however the output is cut into pieces', () => {
    const piece = fc.oneof(
      fc.constantFrom('\n', '\r', '\r\n', 'a', 'bc', '50%', '\u001B[31', 'm', '😀'),
      fc.nat({ max: 40_000 }).map((length) => 'y'.repeat(length)),
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 12 }),
        fc.array(fc.nat(), { maxLength: 8 }),
        (pieces, cuts) => {
          const text = pieces.join('');
          const at = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].sort((a, b) => a - b);
          const chunks = [0, ...at].map((start, index) => text.slice(start, at[index] ?? text.length));
          const whole = split(text);
          expect(split(...chunks)).toEqual(whole);
          expect(whole.map((each) => each.text).join('')).toBe(text.replaceAll(/[\r\n]/g, ''));
        },
      ),
      { numRuns: 300 },
    );
  });
});
