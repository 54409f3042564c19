import { describe, expect, it } from 'vitest';
import { describeUnknown, unknownArguments, withoutOptionalNulls } from './arguments.js';

const schema = {
  type: 'object',
  properties: {
    must: { type: 'string' },
    text: { type: 'string' },
    either: { type: ['string', 'null'] },
    open: {},
    choice: { anyOf: [{ type: 'string' }, { type: 'null' }] },
    number: { anyOf: [{ type: 'string' }, { type: 'number' }] },
    kind: { enum: ['a', 'b'] },
    named: { $ref: '#/$defs/named' },
    list: { type: 'array', items: { $ref: '#/$defs/named' } },
    api: { type: 'string', nullable: true },
    recursive: { $ref: '#/$defs/recursive' },
    optional: { anyOf: [{ $ref: '#/$defs/named' }, { type: 'null' }] },
    whole: { allOf: [{ $ref: '#/$defs/named' }, { properties: { more: { type: 'string' } } }] },
    map: { type: 'object', additionalProperties: { $ref: '#/$defs/named' } },
    several: { anyOf: [{ $ref: '#/$defs/named' }, { properties: { other: { type: 'string' } } }] },
    odd: { $ref: '#/$defs/100%' },
  },
  required: ['must'],
  $defs: {
    named: {
      type: 'object',
      properties: { name: { type: 'string' }, id: { type: 'integer' } },
      required: ['id'],
    },
    recursive: { $ref: '#/$defs/recursive' },
  },
};

describe('withoutOptionalNulls', () => {
  it.each([
    ['an optional member', { text: null }, {}],
    ['a required member, which its validator refuses', { must: null }, { must: null }],
    ['a member that may be null', { either: null, open: null, choice: null, api: null }, undefined],
    ['a choice without null', { number: null, kind: null }, {}],
    ['a referred object', { named: null }, {}],
    ['a member of a nested object', { named: { name: null, id: null } }, { named: { id: null } }],
    ['members of a list', { list: [{ name: null, id: 1 }, null] }, { list: [{ id: 1 }, null] }],
    ['a member of an optional object', { optional: { name: null, id: 1 } }, { optional: { id: 1 } }],
    ['members of several parts', { whole: { name: null, more: null, id: 1 } }, { whole: { id: 1 } }],
    ['members of the values of a map', { map: { a: { name: null, id: 1 } } }, { map: { a: { id: 1 } } }],
    ['a member of one of several alternatives', { several: { name: null } }, undefined],
    ['a reference that is not well escaped', { odd: null }, undefined],
    ['what no schema describes', { other: null }, undefined],
    ['a schema that refers to itself', { recursive: null }, undefined],
    ['values that are not null', { text: 'null', list: [] }, undefined],
  ])('%s', (_what, args, expected) => {
    expect(withoutOptionalNulls(args, schema)).toEqual(expected ?? args);
  });

  it('copies nothing when there is no null', () => {
    const args = { must: 'x', named: { id: 1 } };
    expect(withoutOptionalNulls(args, schema)).toBe(args);
  });
});

describe('unknownArguments', () => {
  const args = { must: 'x', mist: 'y' };

  it.each([
    ['members that the schema lacks', schema, ['mist']],
    ['a strict schema', { ...schema, additionalProperties: false }, ['mist']],
    ['a schema that takes others', { ...schema, additionalProperties: true }, []],
    ['a schema that says nothing', { type: 'object' }, []],
    ['a schema of several parts', { ...schema, allOf: [] }, []],
    ['a tool without arguments', { type: 'object', properties: {} }, ['must', 'mist']],
  ])('%s', (_what, judged, expected) => {
    expect(unknownArguments(args, judged)).toEqual(expected);
  });

  it('are named beside those that there are, within bounds', () => {
    expect(describeUnknown(['mist'], schema)).toMatch(/^unknown arguments: mist \(the tool has must, text, /);
    const many = Array.from({ length: 1000 }, (_none, n) => `${'x'.repeat(1000)}${n}`);
    expect(describeUnknown(many, schema).length).toBeLessThan(1500);
  });
});
