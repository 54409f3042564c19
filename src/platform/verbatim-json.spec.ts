import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isNumberText, numberOf, numberText, parseVerbatim } from './verbatim-json.js';

const digits = fc.stringMatching(/^(0|[1-9][0-9]{0,24})$/);
const jsonNumber = fc
  .tuple(
    fc.constantFrom('', '-'),
    digits,
    fc.option(fc.stringMatching(/^[0-9]{1,20}$/), { nil: undefined }),
    fc.option(fc.stringMatching(/^[eE][+-]?[0-9]{1,3}$/), { nil: undefined }),
  )
  .map(
    ([sign, whole, fraction, exponent]) =>
      `${sign}${whole}${fraction ? `.${fraction}` : ''}${exponent ?? ''}`,
  );

describe('JSON that passes through', () => {
  it('every number of every form comes out as it went in', () => {
    fc.assert(
      fc.property(fc.array(jsonNumber), fc.string(), (numbers, text) => {
        const json = `{"a":[${numbers.join(',')}],"t":${JSON.stringify(text)},"n":{"x":null}}`;
        expect(JSON.stringify(parseVerbatim(json).value)).toBe(json);
      }),
    );
  });

  it.each([
    ['1915883588174806058', true],
    ['9007199254740992', false],
    ['9007199254740993', true],
    ['1e400', true],
    ['1.0', false],
    ['-0', false],
    ['1e2', false],
    ['1E+2', false],
    ['100000000000000000000', false],
    ['0.1', false],
    ['0.1000000000000000055', true],
    ['123456789012345678901234567890', true],
    ['"1915883588174806058"', false],
  ])('%s is rounded by others: %s', (text, rounds) => {
    expect(parseVerbatim(`{"a":${text}}`).roundsElsewhere).toBe(rounds);
  });

  it('a number is told from other values, and made of its text', () => {
    expect(numberText(numberOf('12345678901234567890'))).toBe('12345678901234567890');
    expect(numberText({ rawJSON: '1' })).toBeUndefined();
    expect(() => numberOf('01')).toThrow(SyntaxError);
    expect(['1', '-1.5e3', '1.', '0x1', ' 1', ''].map(isNumberText)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});
