import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../platform/json.js';
import { checkArguments } from './argument-shape.js';

function shape(properties: object, more: object = {}): object {
  return { type: 'object', properties, ...more };
}

function sent(schema: object, args: unknown): string {
  const checked = checkArguments(schema as Record<string, unknown>, args);
  return 'problem' in checked ? `refused: ${checked.problem}` : JSON.stringify(checked.value);
}

const ID = '1915883588174806058';

describe('the shape of arguments', () => {
  it('integers of any size go through as numbers, given as number or as text', () => {
    const integer = fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String);
    fc.assert(
      fc.property(integer, fc.constantFrom('integer', 'number'), (digits, type) => {
        const schema = shape({ id: { type }, ids: { type: 'array', items: { type: ['integer', 'null'] } } });
        const exact = `{"id":${digits},"ids":[${digits}]}`;
        expect(sent(schema, parseJson(exact))).toBe(exact);
        expect(sent(schema, { id: digits, ids: [digits] })).toBe(exact);
      }),
    );
  });

  it('text stays text where text is allowed', () => {
    expect(
      sent(shape({ a: { type: 'string' }, b: { type: ['integer', 'string'] }, c: {} }), {
        a: ID,
        b: ID,
        c: ID,
      }),
    ).toBe(`{"a":"${ID}","b":"${ID}","c":"${ID}"}`);
  });

  it.each([
    [{ id: { type: 'integer' } }, { id: 'five' }, 'refused: id: must be integer'],
    [{ id: { type: 'integer' } }, { id: 1.5 }, 'refused: id: must be integer'],
    [{ id: { type: 'integer', minimum: 2 } }, { id: 1 }, 'refused: id: must be at least 2'],
    [{ id: { type: 'integer', maximum: 10 } }, { id: ID }, 'refused: id: must be at most 10'],
    [{ id: { enum: ['a', 'b'] } }, { id: 'c' }, 'refused: id: must be one of ["a","b"]'],
    [{ o: shape({ n: { type: 'string' } }) }, { o: { n: 1 } }, 'refused: o.n: must be string'],
    [{ o: shape({}, { additionalProperties: false }) }, { o: { x: 1 } }, 'refused: o.x: is not known'],
    [
      { o: { type: 'array', items: { type: 'boolean' } } },
      { o: [true, 1] },
      'refused: o[1]: must be boolean',
    ],
    [{ a: { anyOf: [{ type: 'string' }, { type: 'null' }] } }, { a: 1 }, 'refused: a: must be string'],
    [{ a: { anyOf: [{ type: 'string' }, { type: 'integer' }] } }, { a: 1 }, '{"a":1}'],
    [{ a: { $ref: '#/$defs/Node' } }, { a: { next: { next: {} } } }, '{"a":{"next":{"next":{}}}}'],
    [{ a: { $ref: '#/$defs/Node' } }, { a: { next: 1 } }, 'refused: a.next: must be object'],
  ])('%j given %j: %s', (properties, args, expected) => {
    const $defs = { Node: shape({ next: { $ref: '#/$defs/Node' } }) };
    expect(sent(shape(properties, { $defs }), args)).toBe(expected);
  });

  it('null stands for what is left out, unless the schema allows it', () => {
    const schema = shape({
      a: { type: 'string' },
      b: { type: ['string', 'null'] },
      c: {},
      d: { enum: ['x'] },
    });
    expect(sent(schema, { a: null, b: null, c: null, d: null })).toBe('{"b":null,"c":null}');
    expect(sent(shape({ a: { type: 'string' } }, { required: ['a'] }), { a: null })).toBe(
      'refused: a: must be string',
    );
    expect(sent(shape({ a: {} }, { required: ['a'] }), {})).toBe('refused: a: is required');
  });

  it('neither a pattern nor a maze of alternatives decides how long it takes', () => {
    const maze = shape({ x: { anyOf: [{ $ref: '#/$defs/M' }, { $ref: '#/$defs/M' }] } });
    const schema = shape(
      { v: { type: 'string', pattern: '^(a+)+$' }, m: { $ref: '#/$defs/M' } },
      { patternProperties: { '^(a+)+$': {} }, $defs: { M: maze } },
    );
    let deep: object = { x: 1 };
    for (let n = 0; n < 50; n++) deep = { x: deep };
    const many = Object.fromEntries(
      Array.from({ length: 20_000 }, (_none, n) => [`${'a'.repeat(30)}!${n}`, 1]),
    );
    const began = process.cpuUsage();
    checkArguments(schema as Record<string, unknown>, { v: `${'a'.repeat(50_000)}!`, m: deep, ...many });
    expect(process.cpuUsage(began).user / 1000).toBeLessThan(500);
  });
});
