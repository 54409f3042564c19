import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineReader, type LineRecord } from './line-reader.js';

/** Reads a text in pieces that end after these numbers of bytes. */
function read(text: string | Buffer, cuts: readonly number[] = [], mayBeForm = false): LineRecord[] {
  const bytes = Buffer.from(text);
  const reader = new LineReader(mayBeForm);
  const records: LineRecord[] = [];
  let from = 0;
  for (const cut of cuts.toSorted((one, other) => one - other)) {
    if (cut > from && cut < bytes.length) records.push(...reader.push(bytes.subarray(from, (from = cut))));
  }
  records.push(...reader.push(bytes.subarray(from)), ...reader.end());
  return records;
}

const texts = (records: readonly LineRecord[]): string[] =>
  records.map((record) => (record.kind === 'form' ? String(record.fields) : record.text));

describe('LineReader', () => {
  it.each([
    ['lines', 'one\ntwo\r\n\n  \nthree', ['one', 'two\r', 'three']],
    ['a byte order mark', '\uFEFFone\n', ['one']],
    [
      'a line that begins like an array',
      '[2026-11-28 08:00] up\n[x] y\n',
      ['[2026-11-28 08:00] up', '[x] y'],
    ],
    ['NDJSON', '{"a":1}\n{"b":2}\n', ['{"a":1}', '{"b":2}']],
    ['an array', ' [ {"a":"],\\""} , "x" ,\n[1,2] ] ', ['{"a":"],\\""}', '"x"', '[1,2]']],
    ['an empty array', '[]', []],
    ['nothing', '', []],
  ])('%s', (_what, text, expected) => {
    expect(texts(read(text))).toEqual(expected);
  });

  it('gives what a cut upload had, the beginning of its last line included', () => {
    expect(texts(read('one\ntw'))).toEqual(['one', 'tw']);
    expect(texts(read('[{"a":1},{"b'))).toEqual(['{"a":1}']);
  });

  it.each([
    ['name=root&msg=hello+w%C3%B6rld&levelname=INFO', 'form'],
    ['a=b', 'line'],
    ['key=value and more\nmsg=x\n', 'line'],
    ['plain', 'line'],
  ])(
    'a form is recognized by its fields, not by the type that curl gives to everything: %s',
    (text, kind) => {
      expect(read(text, [1, 3], true)[0]?.kind).toBe(kind);
    },
  );

  it('a line without an end is cut, an element without one is refused', () => {
    const long = 'x'.repeat(3 * 1024 * 1024);
    expect(texts(read(long, [1_500_000])).join('')).toBe(long);
    expect(() => read(`["${long}`)).toThrow(expect.objectContaining({ code: 'payload_too_large' }));
  });

  it('reads the same however the bytes are cut', () => {
    const line = fc.string({ unit: 'grapheme' }).filter((text) => !/[\n\r]/.test(text));
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat(200)), (lines, cuts) => {
        const text = lines.join('\n');
        expect(read(text, cuts)).toEqual(read(text));
      }),
    );
    fc.assert(
      fc.property(fc.array(fc.jsonValue({ maxDepth: 3 })), fc.array(fc.nat(400)), (values, cuts) => {
        const text = JSON.stringify(values.map((value) => ({ value })));
        const parsed = texts(read(text, cuts)).map((element) => JSON.parse(element) as unknown);
        expect(parsed).toEqual(JSON.parse(JSON.stringify(values.map((value) => ({ value })))));
      }),
    );
  });
});
