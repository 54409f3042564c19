import { describe, expect, it } from 'vitest';
import { argumentsOf, fieldsOf, parsedArguments } from './tool-form.js';

const schema = {
  type: 'object',
  required: ['prompt', 'size', 'mode'],
  properties: {
    prompt: { type: 'string', title: 'Prompt', description: 'What to write' },
    size: { type: 'integer', default: 3 },
    share: { type: 'number' },
    loud: { type: 'boolean' },
    mode: { enum: ['fast', 'slow', 7] },
    tags: { type: 'array' },
    either: { type: ['string', 'null'] },
    essay: { type: 'string', maxLength: 5000 },
  },
};
const fields = fieldsOf(schema)!;

describe('forms of tools', () => {
  it('have a field for each argument', () => {
    expect(fields.map(({ name, kind, required, initial }) => [name, kind, required, initial])).toEqual([
      ['prompt', 'text', true, ''],
      ['size', 'integer', true, '3'],
      ['share', 'number', false, ''],
      ['loud', 'boolean', false, ''],
      ['mode', 'choice', true, 'fast'],
      ['tags', 'json', false, ''],
      ['either', 'json', false, ''],
      ['essay', 'long', false, ''],
    ]);
    expect(fields[0]).toMatchObject({ label: 'Prompt', description: 'What to write' });
    expect(fieldsOf({ type: 'object' })).toEqual([]);
    expect(fieldsOf({ type: 'array' })).toBeUndefined();
    expect(fieldsOf({ properties: 'x' })).toBeUndefined();
    expect(fieldsOf({ properties: { x: true } })).toMatchObject([{ kind: 'json' }]);
  });

  it('mean what is written, and leave out what is empty', () => {
    const texts = {
      prompt: 'Hi',
      size: '4',
      loud: 'true',
      mode: '7',
      tags: '["a"]',
      share: '',
      either: 'null',
    };
    expect(argumentsOf(fields, texts)).toEqual({
      values: { prompt: 'Hi', size: 4, loud: true, mode: 7, tags: ['a'], either: null },
    });
    expect(argumentsOf(fields, { size: '1', mode: 'slow' })).toEqual({
      values: { prompt: '', size: 1, mode: 'slow' },
    });
  });

  it('say what is wrong with which field', () => {
    expect(argumentsOf(fields, { prompt: 'x', size: '1.5', share: 'much', tags: '[', mode: '' })).toEqual({
      problems: {
        size: 'must be a whole number',
        share: 'must be a number',
        tags: expect.stringContaining('is not JSON'),
        mode: 'is required',
      },
    });
  });

  it('an argument named __proto__ is an argument', () => {
    const odd = fieldsOf(
      JSON.parse('{"properties":{"__proto__":{"type":"string"}}}') as object as typeof schema,
    )!;
    const answer = argumentsOf(odd, Object.fromEntries([['__proto__', 'x']]));
    expect(Object.keys((answer as { values: object }).values)).toEqual(['__proto__']);
  });

  it.each([
    ['', { values: {} }],
    ['{"a": [1]}', { values: { a: [1] } }],
    ['[1]', { problems: { '': expect.stringContaining('JSON object') } }],
    ['{', { problems: { '': expect.stringContaining('is not JSON') } }],
  ])('as JSON: %j', (text, meant) => {
    expect(parsedArguments(text)).toEqual(meant);
  });
});
