import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openApiSources, type OpenApiSource } from '../../config/openapi-sources.js';
import { describeEndpoint } from './endpoint-description.js';
import { toToolResult } from './endpoint-result.js';
import { fetchCaller } from './fetch-caller.js';
import { apiAddressOf, loadDocument } from './load-document.js';
import { OpenApiDocument } from './openapi-document.js';

const HEAD = { openapi: '3.1.0', info: { title: 't', version: '1' } };
let folder: string;
const asked: (string | undefined)[] = [];
const api = createServer((request, response) => {
  asked.push(request.url);
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":1915883588174806058,"n":1.0}');
});
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'opstream-documents-'));
  api.listen(0, '127.0.0.1');
  await once(api, 'listening');
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  api.close();
});

function base(path = ''): string {
  return `http://127.0.0.1:${(api.address() as AddressInfo).port}${path}`;
}

function source(entry: object): OpenApiSource {
  return openApiSources.parse(JSON.stringify([entry]))[0]!;
}

function described(response: unknown): string {
  const operation = { operationId: 'x', summary: 'X', responses: { '200': response } };
  const document = new OpenApiDocument({ ...HEAD, paths: { '/x': { get: operation } } });
  const options = { describeAllResponses: true, describeFullResponseSchema: true };
  return describeEndpoint(document, [...document.operations()][0]!, options);
}

function answer(text: string) {
  return toToolResult('t', { status: 200, contentType: 'application/json', body: Buffer.from(text) });
}

async function call(target: string, at = base('/v1')): Promise<string> {
  const caller = fetchCaller({ base: at, addresses: 'any' });
  const principal = undefined as never;
  const request = { method: 'GET', target, headers: {}, body: undefined };
  return caller(request, { principal, headers: {}, signal: AbortSignal.timeout(2000) }).then(
    ({ status }) => String(status),
    (error: Error) => error.message,
  );
}

describe('paths that lead elsewhere', () => {
  it.each([
    ':8443/steal',
    '@evil.invalid/steal',
    '.evil.invalid/steal',
    '/../admin',
    '/a/../../admin',
    '/%2e%2e/admin',
    '/a/%2E./admin',
    '/.\\..\\admin',
    'admin',
    '',
  ])('%s is not called', async (target) => {
    asked.length = 0;
    expect(await call(target)).toMatch(/would lead out of/);
    expect(asked).toEqual([]);
  });

  it.each([
    ['/things/a%2Fb?x=..%2F..', '/v1/things/a%2Fb?x=..%2F..'],
    ['/stra\u00dfe', '/v1/stra%C3%9Fe'],
    ['/', '/v1/'],
    ['//x', '/v1//x'],
  ])('%s is called as %s', async (target, expected) => {
    asked.length = 0;
    expect(await call(target)).toBe('200');
    expect(asked).toEqual([expected]);
  });

  it('a path that does not begin with a slash is no operation', () => {
    const document = new OpenApiDocument({ ...HEAD, paths: { ':1/x': { get: { operationId: 'x' } } } });
    const problems: string[] = [];
    expect([...document.operations((path, { message }) => problems.push(`${path} ${message}`))]).toEqual([]);
    expect(problems).toEqual([':1/x a path must begin with "/"']);
  });
});

describe('servers that lead elsewhere', () => {
  const servers = [{ url: 'https://other.example.com/' }];

  it('credentials go to the origin of the document, or where base_url says', () => {
    const document = 'https://api.example.com/openapi.json';
    const headers = { 'X-API-Key': 'k' };
    expect(() => apiAddressOf(servers, source({ document, headers }))).toThrow(/set base_url/);
    expect(() => apiAddressOf(servers, source({ document, forward_headers: ['x'] }))).toThrow(/set base_url/);
    const named = source({ document, headers, base_url: 'https://other.example.com' });
    expect(apiAddressOf(servers, named)).toEqual({ base: 'https://other.example.com', addresses: 'any' });
    expect(apiAddressOf([{ url: '/v1' }], source({ document, headers })).base).toBe(
      'https://api.example.com/v1',
    );
  });

  it('a document from the Internet does not lead into our own network', async () => {
    const { addresses } = apiAddressOf(
      [{ url: base() }],
      source({ document: 'https://api.example.com/openapi.json' }),
    );
    expect(addresses).toBe('public');
    const caller = fetchCaller({ base: base(), addresses });
    const request = { method: 'GET', target: '/x', headers: {}, body: undefined };
    const calling = caller(request, {
      principal: undefined as never,
      headers: {},
      signal: AbortSignal.timeout(2000),
    });
    await expect(calling).rejects.toThrow(/cannot be reached: its address is not public/);
    for (const document of ['http://127.0.0.1:1/a.json', 'http://docs.internal/a.json', './a.json']) {
      expect(apiAddressOf([{ url: base() }], source({ document })).addresses).toBe('any');
    }
  });
});

describe('documents that are too much', () => {
  const bomb = [
    'openapi: 3.1.0',
    'a0: &a0 [x,x,x,x,x,x,x,x,x,x]',
    ...Array.from(
      { length: 12 },
      (_none, n) => `a${n + 1}: &a${n + 1} [${Array(10).fill(`*a${n}`).join(',')}]`,
    ),
  ].join('\n');

  it.each([
    ['aliases that stand for billions of values', bomb, /too large/],
    ['a value that contains itself', 'openapi: 3.1.0\nx: &x [*x]', /too large or nested/],
    [
      'nesting without end',
      `{"openapi":"3.1.0","x":${'['.repeat(5000)}${']'.repeat(5000)}}`,
      /nested too deeply/,
    ],
    ['megabytes of YAML', `openapi: 3.1.0\nx: ${'y'.repeat(9 * 1024 * 1024)}`, /give it as JSON/],
  ])('%s are refused', async (_what, text, reason) => {
    const file = join(folder, 'document');
    await writeFile(file, text);
    const began = process.cpuUsage();
    await expect(loadDocument(file)).rejects.toThrow(reason);
    expect(process.cpuUsage(began).user / 1000).toBeLessThan(2000);
  });

  it('a file without an end is refused', async () => {
    await expect(loadDocument('/dev/zero')).rejects.toThrow(/more than/);
  });
});

describe('what the description of an answer says', () => {
  const full = {
    description: 'Done',
    content: {
      'application/json': {
        schema: { type: 'object', properties: { id: { type: 'integer' } } },
        example: { id: 7 },
      },
    },
  };
  it('names what the document states', () => {
    expect(described(full)).toContain('**200**: Done\nExample: {"id":7}\nSchema: {"type":"object"');
  });

  it.each([
    ['no content', { description: 'Done' }],
    ['an empty schema', { content: { 'application/json': { schema: {} } } }],
    ['no schema', { content: { 'application/json': {} } }],
    ['a bare object', { content: { 'application/json': { schema: { type: 'object' } } } }],
    ['a list of anything', { content: { 'application/json': { schema: { type: 'array', items: {} } } } }],
    ['alternatives of anything', { content: { 'application/json': { schema: { anyOf: [{}, {}] } } } }],
    ['a member of anything', { content: { 'application/json': { schema: { properties: { a: {} } } } } }],
    ['an unknown format', { content: { 'application/json': { schema: { type: 'file' } } } }],
  ])('says nothing of an example for %s', (_what, response) => {
    expect(described(response)).not.toMatch(/Example|null|undefined/);
  });
});

it('an answer stands as the API wrote it, and beside it only what no reader rounds', () => {
  for (const text of [
    '{"id":1915883588174806058}',
    '{"x":1e400}',
    '{ "a": 1,\n"b":0.1000000000000000055 }',
  ]) {
    expect(answer(text)).toEqual({ content: [{ type: 'text', text }] });
  }
  const exact = answer('{"n":1.0,"e":1E2,"big":9007199254740992}');
  expect(JSON.stringify(exact.structuredContent)).toBe('{"n":1.0,"e":1E2,"big":9007199254740992}');
});
