import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeJson, isDeeperThan, isJsonObject, parseJson } from './json.js';

const MAX = 100_000;
const again = (text: string): string => encodeJson(parseJson(text), 'value', MAX);

describe('parseJson', () => {
  it.each([
    '154284075601887489',
    '-9223372036854775808',
    '[18446744073709551615,1]',
    '{"a":{"b":[123456789012345678901234567890]}}',
    '{"__proto__":{"a":154284075601887489}}',
    '{"constructor":{"prototype":{"a":1}}}',
    '{"quoted":"\\"1542840756018874891e999","n":154284075601887489}',
    '9007199254740991',
    '{"":null}',
  ])('%s comes back as it was sent', (text) => {
    expect(again(text)).toBe(text);
  });

  it.each([
    ['9007199254740992.0', '9007199254740992'],
    ['0.10000000000000000555', '0.1'],
    ['1e2', '100'],
    ['100000000000000000000.5', '100000000000000000000'],
    ['1e-400', '0'],
  ])('%s is the double %s', (text, double) => {
    expect(again(text)).toBe(double);
  });

  it.each(['1e400', '{"a":[-1e999]}', '9'.repeat(400), `1${'0'.repeat(310)}.5`])(
    'refuses %s, which no double comes near',
    (text) => {
      expect(() => parseJson(text)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
    },
  );

  it.each(['', '{', '{"a":1}x', 'NaN', '\uFEFF', '01'])('refuses %o', (text) => {
    expect(() => parseJson(text)).toThrow(expect.objectContaining({ code: 'invalid_json' }));
  });

  it('reads text with a byte order mark', () => {
    expect(parseJson('\uFEFF{"a":1}')).toEqual({ a: 1 });
  });

  it('an integer that kept its digits is a value, not an object', () => {
    const digits = parseJson('154284075601887489');
    expect(isJsonObject(digits)).toBe(false);
    expect(isDeeperThan(digits, 0)).toBe(false);
    expect(isDeeperThan([digits], 1)).toBe(false);
    expect(isDeeperThan([[digits]], 1)).toBe(true);
  });

  it('reads what JSON.parse reads, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const text = JSON.stringify(value);
        expect(again(text)).toBe(encodeJson(JSON.parse(text), 'value', MAX));
      }),
    );
  });

  it('keeps every integer beside any text', () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.string({ unit: 'binary' }), (integer, name) => {
        const text = `{${JSON.stringify(name)}:${integer},"then":[${integer}]}`;
        expect(again(text)).toBe(text);
      }),
    );
  });
});

describe('encodeJson', () => {
  it.each([
    ['\uD83D', '"\uFFFD"'],
    ['a\uDE00b', '"a\uFFFDb"'],
    ['\u{1F600}', '"\u{1F600}"'],
    ['\\ud83d', String.raw`"\\ud83d"`],
    ['\\\uD83D', '"\\\\\uFFFD"'],
    ['\n\u0001', String.raw`"\n\u0001"`],
  ])('%o is written as %s', (value, text) => {
    expect(encodeJson(value, 'value', MAX)).toBe(text);
  });

  it.each([
    [undefined, 'invalid_request'],
    [1n, 'invalid_request'],
    [() => 1, 'invalid_request'],
    ['x'.repeat(MAX), 'payload_too_large'],
  ])('refuses what it cannot write', (value, code) => {
    expect(() => encodeJson(value, 'value', MAX)).toThrow(expect.objectContaining({ code }));
  });
});
