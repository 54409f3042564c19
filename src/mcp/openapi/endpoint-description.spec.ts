import { describe, expect, it } from 'vitest';
import { describeEndpoint } from './endpoint-description.js';
import { OpenApiDocument } from './openapi-document.js';

const BRIEF = { describeAllResponses: false, describeFullResponseSchema: false };

/** What is said of an endpoint with these members and an answer of this schema. */
function described(operation: object, schema?: object, options = BRIEF): string {
  const content = schema && { 'application/json': { schema } };
  const responses = {
    200: { description: 'Found', ...(content && { content }) },
    404: { description: 'No' },
  };
  const paths = { '/things': { get: { operationId: 'op', responses, ...operation } } };
  const document = new OpenApiDocument({ openapi: '3.1.0', paths });
  return describeEndpoint(document, [...document.operations()][0]!, options);
}

const example = (schema: object): string => /^Example: (.*)$/m.exec(described({}, schema))?.[1] ?? 'none';

describe('what a model reads about an endpoint', () => {
  it('is its summary, its description and its answers, a paragraph each', () => {
    expect(described({ summary: 'Find things', description: 'All of them.' })).toBe(
      'Find things\n\nAll of them.\n\n### Responses:\n\n**200**: Found',
    );
    expect(described({ responses: {} })).toBe('GET /things');
    expect(described({ summary: 'x' }, undefined, { ...BRIEF, describeAllResponses: true })).toBe(
      'x\n\n### Responses:\n\n**200**: Found\n\n**404**: No',
    );
  });

  it.each([
    [{ const: 7, examples: [8], default: 9 }, '7'],
    [{ type: 'string', examples: ['given', 'other'] }, '"given"'],
    [{ type: 'string', default: 'preset' }, '"preset"'],
    [{ enum: ['first', 'second'] }, '"first"'],
    [{ type: 'object', properties: { a: { type: 'integer' }, b: {} } }, '{"a":1}'],
    [{ type: 'array', items: { type: 'boolean' } }, '[true]'],
    [{ type: ['null', 'string'] }, 'null'],
    [
      { allOf: [{ properties: { a: { type: 'number' } } }, { properties: { b: { const: 2 } } }] },
      '{"a":1.5,"b":2}',
    ],
    [{ anyOf: [{ type: 'null' }, { type: 'string' }] }, '"string"'],
    [{}, 'none'],
  ])('an example of %j is %s', (schema, text) => expect(example(schema)).toBe(text));

  it('the whole schema stands beside the example where that is wanted', () => {
    const schema = { type: 'integer' };
    const options = { ...BRIEF, describeFullResponseSchema: true };
    expect(described({}, schema, options)).toContain('Example: 1\nSchema: {"type":"integer"}');
    expect(described({}, schema)).not.toContain('Schema:');
  });

  it('long examples are cut', () => {
    const text = example({ const: 'x'.repeat(3000) });
    expect(text).toHaveLength(2001);
    expect(text.endsWith('…')).toBe(true);
  });
});
