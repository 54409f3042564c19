import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { McpClient, type McpResult } from '../harness/mcp-client.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';

/** Tools made from own endpoints act as whoever called them, wherever the credential stood. */

const OWN = JSON.stringify([
  { document: 'self', prefix: 'own_', include_operations: ['create_operation', 'list_operations'] },
]);

let service: RunningService;
let token: string;
let key: string;
beforeAll(async () => {
  service = await RunningService.start({ STORE: 'memory', JWT_SECRET: SECRET, MCP_OPENAPI: OWN });
  token = await sign({ sub: 'eve', tenant: 'elsewhere' });
  const admin = await sign({ sub: 'root', tenant: 'elsewhere', role: 'admin' });
  const made = await fetch(`${service.http}/api/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'k' }),
  });
  ({ key } = (await made.json()) as { key: string });
  const body = { operation_type: 'x', operation_id: 'of-default' };
  await service.rest.request('POST', '/api/operations', { body });
});
afterAll(() => service.stop());

interface Place {
  readonly query?: string;
  readonly headers?: Record<string, string>;
  readonly subprotocols?: readonly string[];
}
const PLACES: [name: string, place: () => Place][] = [
  ['Authorization', () => ({ headers: { authorization: `Bearer ${token}` } })],
  ['?token=', () => ({ query: `?token=${token}` })],
  ['the subprotocol', () => ({ subprotocols: ['mcp', `bearer.${token}`] })],
  ['X-API-Key', () => ({ headers: { 'x-api-key': key } })],
];

async function overSocket({ query = '', headers = {}, subprotocols = [] }: Place): Promise<McpClient> {
  const client = await McpClient.connect(`${service.ws}/mcp${query}`, { headers, subprotocols });
  await client.initialize();
  return client;
}

async function overHttp({ query = '', headers = {} }: Place, name: string, args: object): Promise<McpResult> {
  const post = (message: object, session?: string): Promise<Response> =>
    fetch(`${service.http}/mcp${query}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...headers,
        ...(session && { 'mcp-session-id': session }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }),
    });
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } };
  const opened = await post({ method: 'initialize', params });
  await opened.text();
  const session = opened.headers.get('mcp-session-id') ?? undefined;
  const answer = await post({ method: 'tools/call', params: { name, arguments: args } }, session);
  const text = await answer.text();
  return (JSON.parse(/^data: (.*"result".*)$/m.exec(text)?.[1] ?? text) as { result: McpResult }).result;
}

describe.each(PLACES)('a credential in %s', (where, place) => {
  it('over WebSocket', async () => {
    const client = await overSocket(place());
    await client.call('own_create_operation', {
      operation_type: 'x',
      operation_id: `ws-${where.replaceAll(/\W/g, '')}`,
    });
    const { content } = await client.call('own_list_operations');
    expect(content[0]?.text).toContain('ws-');
    expect(content[0]?.text).not.toContain('of-default');
    client.terminate();
  });

  it('over HTTP', async () => {
    if (place().subprotocols) return;
    const id = `http-${where.replaceAll(/\W/g, '')}`;
    await overHttp(place(), 'own_create_operation', { operation_type: 'x', operation_id: id });
    const { content } = await overHttp(place(), 'own_list_operations', {});
    expect(content[0]?.text).toContain(id);
    expect(content[0]?.text).not.toContain('of-default');
  });
});

it('a token that may not write opens nothing through a tool', async () => {
  const narrow = await sign({ sub: 'n', tenant: 'elsewhere', scope: 'mcp' });
  const client = await overSocket({ query: `?token=${narrow}` });
  const result = await client.call('own_create_operation', {
    operation_type: 'x',
    operation_id: 'by-narrow',
  });
  expect(result.isError).toBe(true);
  expect(result.content[0]?.text).toMatch(/Status code: 403/);
  client.terminate();
});

it('nobody outside can act for anybody', async () => {
  const answer = await fetch(`${service.http}/api/operations`, { headers: { 'x-opstream-acting': 'guess' } });
  expect(answer.status).toBe(401);
});
