import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { McpSessions } from '../../src/mcp/session/mcp-sessions.service.js';
import { McpClient, type Json } from '../harness/mcp-client.js';
import { McpHttpClient } from '../harness/mcp-http.js';
import { RunningService } from '../harness/running-service.js';

let service: RunningService;
beforeAll(async () => {
  service = await RunningService.start({ STORE: 'memory' });
});
afterAll(() => service.stop());

/** Methods that are about the session itself. */
const OF_SESSIONS: readonly (readonly [string, Json])[] = [
  ['resources/subscribe', { uri: 'operation://o' }],
  ['resources/unsubscribe', { uri: 'operation://o' }],
  ['logging/setLevel', { level: 'debug' }],
];

describe('Without a session', () => {
  it.each(OF_SESSIONS)('%s is refused over WebSocket before initialize', async (method, params) => {
    const client = await McpClient.connect(`${service.ws}/mcp`);
    expect((await client.request(method, params)).error).toMatchObject({ code: -32001 });
    expect(await client.result('ping')).toEqual({});
    client.terminate();
  });

  it.each([...OF_SESSIONS, ['tools/list', {}] as const])(
    '%s is refused over HTTP',
    async (method, params) => {
      const client = new McpHttpClient(`${service.http}/mcp`);
      expect((await client.request(method, params)).status).toBe(400);
      client.sessionId = 'gone';
      const { status, answer } = await client.request(method, params);
      expect([status, answer.error?.code, answer.id]).toEqual([404, -32001, 2]);
    },
  );
});

describe('A session that is gone', () => {
  it('is not taken up over WebSocket: 4404', async () => {
    const client = await McpClient.connect(`${service.ws}/mcp?session_id=gone`);
    expect(await client.closed).toEqual({ code: 4404, reason: 'Session not found' });
  });

  it('ends the socket that had it, and every stream', async () => {
    const socket = await McpClient.connect(`${service.ws}/mcp`);
    const { _meta } = await socket.initialize();
    const id = (_meta as Json)['opstream/sessionId'] as string;
    const http = new McpHttpClient(`${service.http}/mcp`);
    http.sessionId = id;
    const stream = await http.get();
    await fetch(http.url, { method: 'DELETE', headers: { 'mcp-session-id': id } });
    expect((await socket.closed).code).toBe(1000);
    await stream.text();
    expect((await http.get()).status).toBe(404);
  });
});

describe('A resource that nothing answers for', () => {
  it('cannot be subscribed to, as it cannot be read', async () => {
    const client = await McpClient.connect(`${service.ws}/mcp`);
    await client.initialize();
    for (const method of ['resources/read', 'resources/subscribe']) {
      expect((await client.request(method, { uri: 'nonsense' })).error).toMatchObject({ code: -32002 });
    }
    client.terminate();
  });
});

it('the end of the service closes every socket with 1001, with a session or without', async () => {
  const ending = await RunningService.start({ STORE: 'memory' });
  const [plain, inSession] = [
    await McpClient.connect(`${ending.ws}/mcp`),
    await McpClient.connect(`${ending.ws}/ws`),
  ];
  await inSession.initialize();
  expect(ending.get(McpSessions).size).toBe(1);
  await ending.stop();
  expect([(await plain.closed).code, (await inSession.closed).code]).toEqual([1001, 1001]);
});
