import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter, MAX_LINE_LENGTH } from './line-splitter.js';

function linesOf(chunks: readonly string[]): string[] {
  const splitter = new LineSplitter();
  return [...chunks.flatMap((chunk) => splitter.push(chunk)), ...splitter.end()];
}

/** Cuts a text at arbitrary places. */
const cutText = (text: fc.Arbitrary<string>) =>
  text.chain((whole) =>
    fc.array(fc.nat({ max: whole.length }), { maxLength: 20 }).map((cuts) => {
      const at = [0, ...cuts.sort((a, b) => a - b), whole.length];
      return { whole, chunks: at.slice(1).map((end, index) => whole.slice(at[index], end)) };
    }),
  );

describe('LineSplitter', () => {
  it('X-63: any chunking of a log gives the same lines', () => {
    const text = fc
      .array(fc.constantFrom('a', 'é', '漢', '😀', '\n', '\r\n', '\r', '\u001b[31m'), { maxLength: 60 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(cutText(text), ({ whole, chunks }) => {
        const lines = linesOf(chunks);
        expect(lines).toEqual(linesOf([whole]));
        const expected = whole.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
        if (whole === '' || whole.endsWith('\n')) expected.pop();
        expect(lines).toEqual(expected);
      }),
    );
  });

  it('X-63: cuts overlong lines at the same places whatever the chunking, between whole characters', () => {
    const long = fc
      .tuple(fc.nat({ max: 3 }), fc.integer({ min: -2, max: 2 }), fc.constantFrom('x', '😀', '\r'))
      .map(([times, more, last]) => 'x'.repeat(Math.max(0, times * MAX_LINE_LENGTH + more)) + last);
    const text = fc.array(long, { maxLength: 3 }).map((lines) => lines.join('\n'));
    fc.assert(
      fc.property(cutText(text), ({ whole, chunks }) => {
        const lines = linesOf(chunks);
        expect(lines.map((line) => line.length)).toEqual(linesOf([whole]).map((line) => line.length));
        for (const line of lines) {
          expect(line.length).toBeLessThanOrEqual(MAX_LINE_LENGTH);
          // Half a character would be replaced when the line is encoded.
          expect(Buffer.from(line).toString()).toBe(line);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('holds back an unfinished line until it is complete', () => {
    const splitter = new LineSplitter();
    expect(splitter.push('one\ntw')).toEqual(['one']);
    expect(splitter.push('o')).toEqual([]);
    expect(splitter.push('\n\n')).toEqual(['two', '']);
    expect(splitter.end()).toEqual([]);
  });
});
