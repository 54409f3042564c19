import { describe, expect, it } from 'vitest';
import { singleLine } from './single-line.js';

describe('singleLine', () => {
  it('escapes the line ends that JSON does not', () => {
    const value = { a: 'x\u0085y\u2028z\u2029', b: 'ä\n' };
    const json = singleLine(JSON.stringify(value));
    expect(json).not.toMatch(/[\u0085\u2028\u2029]/);
    expect(JSON.parse(json)).toEqual(value);
  });

  it('leaves a text as it is that has none, or would become too long', () => {
    expect(singleLine('{"a":"b"}')).toBe('{"a":"b"}');
    expect(singleLine('"\u2028"', 5)).toBe('"\u2028"');
  });
});
