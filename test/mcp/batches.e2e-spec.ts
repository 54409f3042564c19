import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { McpClient, modern, type Json, type RpcAnswer } from '../harness/mcp-client.js';
import { eventually } from '../harness/eventually.js';
import { McpHttpClient } from '../harness/mcp-http.js';
import { RunningService } from '../harness/running-service.js';
import { ProbeToolsModule } from './probe-tools.js';

let service: RunningService;
let client: McpHttpClient;

beforeAll(async () => {
  service = await RunningService.start({ STORE: 'memory' }, [ProbeToolsModule]);
});
afterAll(() => service.stop());
beforeEach(async () => {
  client = new McpHttpClient(`${service.http}/mcp`);
  await client.initialize('2025-03-26');
});

const call = (name: string, args: Json, meta: Json = {}): Json =>
  client.message('tools/call', { name, arguments: args, _meta: meta });
const notification: Json = { jsonrpc: '2.0', method: 'notifications/initialized' };

describe('A batch over HTTP (2025-03-26)', () => {
  it('is answered with an array: one answer for each request, an error for what is malformed', async () => {
    const messages = [
      call('echo', { text: 'a' }),
      notification,
      { jsonrpc: '2.0', id: 'odd' },
      call('none', {}),
    ];
    const { status, type, text } = await client.post(messages);
    expect([status, type]).toEqual([200, 'application/json']);
    const answers = JSON.parse(text) as RpcAnswer[];
    const by = (id: unknown): RpcAnswer | undefined => answers.find((answer) => answer.id === id);
    expect(answers).toHaveLength(3);
    expect(by(messages[0]!.id)?.result.content[0]!.text).toBe('a');
    expect(by('odd')?.error?.code).toBe(-32600);
    expect(by(messages[3]!.id)?.error?.code).toBe(-32602);
  });

  it('is answered on a stream, one by one, when a tool says something first', async () => {
    const messages = [call('flood', { count: 3 }, { progressToken: 'p' }), call('echo', { text: 'b' })];
    const response = await client.fetch(messages);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const sent = [...(await response.text()).matchAll(/^data: (\{.*)$/gm)].map(
      ([, data]) => JSON.parse(data!) as RpcAnswer & { method?: string },
    );
    expect(sent.filter(({ method }) => method === 'notifications/progress')).toHaveLength(3);
    expect(new Set(sent.filter(({ method }) => method === undefined).map(({ id }) => id))).toEqual(
      new Set(messages.map(({ id }) => id)),
    );
  });

  it('of notifications alone has no answer', async () => {
    expect(await client.post([notification, notification])).toMatchObject({ status: 202, text: '' });
  });

  it('is refused where it is empty, too large, begins a session or holds requests of 2026-07-28', async () => {
    const initialize = client.message('initialize', { protocolVersion: '2025-03-26' });
    const ping = client.message('ping', {});
    const stateless = client.message('tools/list', modern({}));
    for (const batch of [[], Array(101).fill(ping), [ping, initialize], [ping, stateless]]) {
      const { status, answer } = await client.post(batch);
      expect([status, answer.error?.code]).toEqual([400, -32600]);
    }
    expect((await client.request('ping')).answer.result).toEqual({});
  });

  it('is refused in sessions of revisions without batches, and outside of sessions', async () => {
    const ping = client.message('ping', {});
    await client.initialize('2025-06-18');
    expect((await client.post([ping])).answer.error?.code).toBe(-32600);
    client.sessionId = undefined;
    expect((await client.post([ping])).status).toBe(400);
    client.sessionId = 'nobody';
    expect((await client.post([ping])).status).toBe(404);
  });
});

describe('A batch over WebSocket', () => {
  it.each(['2025-03-26', '2024-11-05'])('is answered with one array in sessions of %s', async (revision) => {
    const socket = await McpClient.connect(`${service.ws}/mcp`);
    await socket.initialize(revision);
    socket.send([
      { ...call('echo', { text: 'a' }), id: 'echo' },
      notification,
      { jsonrpc: '2.0', id: 'odd' },
      { jsonrpc: '2.0', id: 'p', method: 'ping' },
    ]);
    const arrays = () => socket.frames.map((frame) => JSON.parse(frame) as unknown).filter(Array.isArray);
    await eventually('the batch is answered', () => arrays().length === 1);
    const answers = arrays()[0] as RpcAnswer[];
    expect(answers.map(({ id }) => id)).toEqual(expect.arrayContaining(['odd', 'p', 'echo']));
    expect(answers).toHaveLength(3);
    socket.terminate();
  });

  it.each(['2025-06-18', '2025-11-25'])(
    'is refused in sessions of %s, and the session goes on',
    async (revision) => {
      const socket = await McpClient.connect(`${service.ws}/mcp`);
      await socket.initialize(revision);
      socket.send([{ jsonrpc: '2.0', id: 'p', method: 'ping' }]);
      expect((await socket.answerTo(null)).error).toMatchObject({ code: -32600 });
      expect(await socket.result('ping')).toEqual({});
      socket.terminate();
    },
  );

  it('is refused before there is a session', async () => {
    const socket = await McpClient.connect(`${service.ws}/mcp`);
    socket.send([{ jsonrpc: '2.0', id: 'p', method: 'ping' }]);
    expect((await socket.answerTo(null)).error).toMatchObject({ code: -32600 });
    socket.terminate();
  });
});
