import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toEndpoint } from './endpoint.js';
import { toRequest } from './endpoint-request.js';
import { toToolResult } from './endpoint-result.js';
import { SchemaInliner } from './json-schema.js';
import { OpenApiDocument, OpenApiProblem } from './openapi-document.js';

function documentWith(schemas: object, paths: object = {}): OpenApiDocument {
  return new OpenApiDocument({ openapi: '3.1.0', paths, components: { schemas } });
}

function endpointOf(operation: object, path = '/things/{id}') {
  const document = documentWith({}, { [path]: { get: { operationId: 'op', ...operation } } });
  return toEndpoint(document, [...document.operations()][0]!);
}

function part(name: string): object {
  return { type: 'object', properties: { [name]: {} }, required: [name] };
}

function answer(contentType: string, text: string) {
  return toToolResult('t', { status: 200, contentType, body: Buffer.from(text) });
}

const ID = { name: 'id', in: 'path', required: true, schema: { type: 'string' } };

describe('OpenAPI documents', () => {
  it.each([
    ['nothing of OpenAPI', {}, /no OpenAPI 3 document/],
    ['Swagger 2', { swagger: '2.0' }, /Swagger 2\.0; convert it/],
    ['paths that are none', { openapi: '3.0.0', paths: [] }, /"paths" is not an object/],
  ])('refuses %s', (_what, value, reason) => {
    expect(() => new OpenApiDocument(value)).toThrow(reason);
  });

  it.each([
    ['to nothing', '#/components/schemas/Nowhere', /points to nothing/],
    ['into another document', 'other.yaml#/Thing', /does not point into this document/],
    ['to what every object has', '#/constructor', /points to nothing/],
  ])('a reference %s is a problem with a reason', (_what, $ref, reason) => {
    expect(() => new SchemaInliner(documentWith({}), 'request').inline({ $ref })).toThrow(reason);
  });

  it('schemas that would grow without bound are refused, not built', () => {
    const schemas: Record<string, object> = { S0: { type: 'string' } };
    for (let n = 1; n <= 30; n++) {
      const $ref = `#/components/schemas/S${n - 1}`;
      schemas[`S${n}`] = { type: 'object', properties: { a: { $ref }, b: { $ref } } };
    }
    const inliner = new SchemaInliner(documentWith(schemas), 'request');
    expect(() => inliner.inline({ $ref: '#/components/schemas/S30' })).toThrow(OpenApiProblem);
  });

  it('what only answers have is no argument, and what only requests have is not described', () => {
    const schema = {
      type: 'object',
      required: ['id', 'secret'],
      properties: { id: { readOnly: true }, secret: { writeOnly: true } },
    };
    const request = new SchemaInliner(documentWith({}), 'request').inline(schema);
    expect(request).toMatchObject({ required: ['secret'], properties: { secret: {} } });
    const response = new SchemaInliner(documentWith({}), 'response').inline(schema);
    expect(Object.keys(response.properties as object)).toEqual(['id']);
  });
});

describe('requests of endpoints', () => {
  it('any text in a path stays one segment of it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (id) => {
        const endpoint = endpointOf({ parameters: [ID] });
        if (['', '.', '..'].includes(id)) {
          expect(() => toRequest(endpoint, { id })).toThrow(/must not be/);
          return;
        }
        const { pathname, search } = new URL(toRequest(endpoint, { id }).target, 'http://host');
        expect(search).toBe('');
        expect(pathname.split('/')).toEqual(['', 'things', encodeURIComponent(id)]);
      }),
    );
  });

  it.each([
    ['form, exploded', {}, ['a', 'b'], 'q=a&q=b'],
    ['form', { explode: false }, ['a', 'b'], 'q=a%2Cb'],
    ['pipes', { style: 'pipeDelimited', explode: false }, ['a', 'b'], 'q=a%7Cb'],
    ['deep object', { style: 'deepObject' }, { x: 1, y: 'z' }, 'q%5Bx%5D=1&q%5By%5D=z'],
    ['JSON', { content: { 'application/json': { schema: {} } } }, { x: [1] }, 'q=%7B%22x%22%3A%5B1%5D%7D'],
    ['absent', {}, undefined, undefined],
  ])('writes a query in the style %s', (_style, more, value, query) => {
    const endpoint = endpointOf({ parameters: [ID, { name: 'q', in: 'query', schema: {}, ...more }] });
    const { target } = toRequest(endpoint, { id: '1', q: value });
    expect(target).toBe(query === undefined ? '/things/1' : `/things/1?${query}`);
  });

  it('a body that is put together with allOf is one object, a form is sent as a form', () => {
    const schema = { allOf: [part('a'), part('b')] };
    const endpoint = endpointOf({
      parameters: [ID],
      requestBody: { required: true, content: { 'application/x-www-form-urlencoded': { schema } } },
    });
    expect(endpoint.inputSchema.required).toEqual(['id', 'a', 'b']);
    expect(toRequest(endpoint, { id: '1', a: 'x y', b: 2 }).body).toBe('a=x+y&b=2');
  });
});

describe('answers of endpoints', () => {
  it('JSON that is none is text, and a list is no structured content', () => {
    expect(answer('application/json', '{oops')).toEqual({ content: [{ type: 'text', text: '{oops' }] });
    expect(answer('application/json', '[1]')).toEqual({ content: [{ type: 'text', text: '[1]' }] });
    expect(answer('application/problem+json; charset=utf-8', '{"a":1}')).toMatchObject({
      structuredContent: { a: 1 },
    });
  });
});
