import { describe, expect, it } from 'vitest';
import { parseMessages } from '../protocol/json-rpc.js';
import { META } from '../protocol/versions.js';
import { batchProblem, classifyFrame, classifyPost, classifyStream } from './classify.js';

const request = (method: string, params?: object) => ({ jsonrpc: '2.0', id: 7, method, params });
const modern = (params: object = {}, meta: object = {}) => ({
  ...params,
  _meta: { [META.protocolVersion]: '2026-07-28', [META.clientCapabilities]: {}, ...meta },
});
const session = { 'mcp-session-id': 's' };
const headersOf = (method: string, more: object = {}) => ({
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': method,
  ...more,
});

function post(body: unknown, headers: object) {
  const { refusal, ...rest } = classifyPost(parseMessages(JSON.stringify(body)), { ...headers });
  return refusal ? { ...rest, refused: refusal.error.code, id: refusal.id } : rest;
}

describe('classifyPost', () => {
  it.each<[what: string, body: unknown, headers: object, expected: object]>([
    ['initialize begins a session', request('initialize'), {}, { era: 'legacy', kind: 'initialize' }],
    [
      'initialize needs no version that we know',
      request('initialize'),
      { 'mcp-protocol-version': '1999-01-01' },
      { era: 'legacy', kind: 'initialize' },
    ],
    [
      'a request of a session',
      request('tools/list'),
      session,
      { era: 'legacy', kind: 'request', sessionId: 's' },
    ],
    [
      'a request of a session with its version',
      request('ping'),
      { ...session, 'mcp-protocol-version': '2025-06-18' },
      { era: 'legacy', kind: 'request', sessionId: 's' },
    ],
    [
      'a version that nobody speaks',
      request('ping'),
      { ...session, 'mcp-protocol-version': '2025-01-01' },
      { era: 'legacy', kind: 'request', refused: -32000, id: 7 },
    ],
    ['no session id', request('ping'), {}, { era: 'legacy', kind: 'request', refused: -32000, id: 7 }],
    [
      'an empty session id',
      request('ping'),
      { 'mcp-session-id': '' },
      { era: 'legacy', kind: 'request', refused: -32000, id: 7 },
    ],
    [
      'a notification of a session',
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      session,
      { era: 'legacy', kind: 'notification', sessionId: 's' },
    ],
    [
      'an answer of a client without a session',
      { jsonrpc: '2.0', id: 1, result: {} },
      {},
      { era: 'legacy', kind: 'response', refused: -32000, id: null },
    ],
    ['what is not a message', { jsonrpc: '2.0', id: 7 }, {}, { era: 'legacy', kind: 'malformed' }],
    [
      '2026-07-28 by its envelope',
      request('tools/list', modern()),
      headersOf('tools/list'),
      { era: 'modern', kind: 'request' },
    ],
    [
      '2026-07-28 by its header alone',
      request('tools/list'),
      headersOf('tools/list'),
      { era: 'modern', kind: 'request', refused: -32602, id: 7 },
    ],
    [
      '2026-07-28 by its method alone',
      request('server/discover'),
      headersOf('server/discover'),
      { era: 'modern', kind: 'request', refused: -32602, id: 7 },
    ],
    [
      '2026-07-28 although a session is named',
      request('ping', modern()),
      { ...session, 'mcp-method': 'ping', 'mcp-protocol-version': '2026-07-28' },
      { era: 'modern', kind: 'request' },
    ],
    [
      'a later revision',
      request('tools/list', modern({}, { [META.protocolVersion]: '2027-01-01' })),
      { 'mcp-protocol-version': '2027-01-01', 'mcp-method': 'tools/list' },
      { era: 'modern', kind: 'request', refused: -32022, id: 7 },
    ],
    [
      'an envelope without capabilities',
      request('tools/list', modern({}, { [META.clientCapabilities]: 1 })),
      headersOf('tools/list'),
      { era: 'modern', kind: 'request', refused: -32602, id: 7 },
    ],
    [
      'a header that differs from the body',
      request('tools/call', modern({ name: 'a' })),
      headersOf('tools/call', { 'mcp-name': 'b' }),
      { era: 'modern', kind: 'request', refused: -32020, id: 7 },
    ],
    [
      'a name that no header can carry',
      request('tools/call', modern({ name: 'ä' })),
      headersOf('tools/call', { 'mcp-name': `=?base64?${Buffer.from('ä').toString('base64')}?=` }),
      { era: 'modern', kind: 'request' },
    ],
    [
      'a notification of 2026-07-28',
      { jsonrpc: '2.0', method: 'notifications/cancelled' },
      { 'mcp-protocol-version': '2026-07-28' },
      { era: 'modern', kind: 'notification' },
    ],
    [
      'initialize in 2026-07-28 is one method among others',
      request('initialize', modern()),
      headersOf('initialize'),
      { era: 'modern', kind: 'request' },
    ],
    [
      'a batch of a session',
      [request('ping'), { jsonrpc: '2.0', method: 'notifications/initialized' }],
      session,
      { era: 'legacy', kind: 'batch', sessionId: 's' },
    ],
    [
      'a batch without a session',
      [request('ping')],
      {},
      { era: 'legacy', kind: 'batch', refused: -32000, id: null },
    ],
    [
      'a batch of 2026-07-28',
      [request('ping')],
      { 'mcp-protocol-version': '2026-07-28' },
      { era: 'legacy', kind: 'batch', refused: -32600, id: null },
    ],
    [
      'a batch with initialize in it',
      [request('initialize')],
      session,
      { era: 'legacy', kind: 'batch', refused: -32600, id: null },
    ],
    [
      'a batch with a request of 2026-07-28 in it',
      [request('ping', modern())],
      session,
      { era: 'legacy', kind: 'batch', refused: -32600, id: null },
    ],
    [
      'too large a batch',
      Array.from({ length: 101 }, () => request('ping')),
      session,
      { era: 'legacy', kind: 'batch', refused: -32600, id: null },
    ],
  ])('%s', (_what, body, headers, expected) => {
    expect(post(body, headers)).toEqual(expected);
  });

  it('says how a request is refused over HTTP', () => {
    const refused = classifyPost(parseMessages(JSON.stringify(request('ping'))), {});
    expect(refused.refusal?.error.httpStatus).toBe(400);
  });
});

describe('classifyFrame', () => {
  it.each<[what: string, body: unknown, expected: object]>([
    ['initialize', request('initialize'), { era: 'legacy', kind: 'initialize' }],
    ['a request without headers', request('ping'), { era: 'legacy', kind: 'request' }],
    ['2026-07-28 without headers', request('ping', modern()), { era: 'modern', kind: 'request' }],
    ['a batch', [request('ping')], { era: 'legacy', kind: 'batch' }],
  ])('%s', (_what, body, expected) => {
    expect(classifyFrame(parseMessages(JSON.stringify(body)))).toEqual(expected);
  });

  it('refuses an incomplete envelope with the id of its request', () => {
    const params = { _meta: { [META.protocolVersion]: '2026-07-28' } };
    const { refusal } = classifyFrame(parseMessages(JSON.stringify(request('ping', params))));
    expect(refusal).toMatchObject({ id: 7, error: { code: -32602 } });
  });
});

it('the session of a GET or DELETE is the one that its headers name', () => {
  expect(classifyStream(session).sessionId).toBe('s');
  expect(classifyStream({}).refusal?.error.httpStatus).toBe(400);
});

it.each([
  ['2025-03-26', undefined],
  ['2024-11-05', undefined],
  ['2025-06-18', -32600],
  ['2025-11-25', -32600],
  [undefined, -32600],
])('batches in a session of %s', (revision, code) => {
  expect(batchProblem(revision)?.code).toBe(code);
});
