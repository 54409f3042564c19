import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { LogLines } from '../harness/log-lines.js';
import { McpClient, modern } from '../harness/mcp-client.js';
import { McpHttpClient } from '../harness/mcp-http.js';
import { SECRET } from '../harness/tokens.js';
import { RunningService } from '../harness/running-service.js';

let service: RunningService;
const clients: McpClient[] = [];

async function connect(path = '/ws', options?: Parameters<typeof McpClient.connect>[1]): Promise<McpClient> {
  const client = await McpClient.connect(service.ws + path, options);
  clients.push(client);
  return client;
}

beforeAll(async () => {
  service = await RunningService.start({
    STORE: 'memory',
    DEMO: 'true',
    MCP_PING_INTERVAL_MS: '300',
    MCP_PING_TIMEOUT_MS: '300',
  });
});
afterAll(async () => {
  for (const client of clients) client.terminate();
  await service.stop();
});

describe('MCP over WebSocket', () => {
  it.each(['/ws', '/mcp'])(
    'S3-01 S3-05 S3-08 S3-13 S3-14 S3-V01: %s is silent until the client speaks, and echoes id and version',
    async (path) => {
      const client = await connect(path);
      // The answer to the first request is the first frame: nothing came before it.
      client.send({
        jsonrpc: '2.0',
        id: '1',
        method: 'initialize',
        params: {
          protocolVersion: '2024-11-05',
          capabilities: {},
          clientInfo: { name: 'vectors', version: '1' },
        },
      });
      const { result } = await client.answerTo('1');
      expect(result).toMatchObject({
        protocolVersion: '2024-11-05',
        capabilities: { tools: {} },
        serverInfo: { name: expect.any(String), version: expect.any(String) },
      });
      client.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
      await client.request('ping');
      expect(client.frames).toHaveLength(2);
    },
  );

  it('S3-24 S3-V02: the seed client sends a string id and empty params', async () => {
    const client = await connect();
    client.send({ jsonrpc: '2.0', id: '1', method: 'initialize', params: {} });
    expect((await client.answerTo('1')).result).toMatchObject({
      protocolVersion: '2025-11-25',
      capabilities: expect.any(Object),
      serverInfo: expect.any(Object),
    });
  });

  it('S3-14 S3-V03 S3-V17: tools, resources, prompts and templates are listed', async () => {
    const client = await connect();
    await client.initialize();
    expect((await client.result('tools/list')).tools.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['create_operation', 'generateText', 'list_operations', 'watch_operation']),
    );
    expect((await client.result('resources/list')).resources).toEqual(expect.any(Array));
    expect((await client.result('prompts/list')).prompts).toEqual(expect.any(Array));
    expect((await client.result('resources/templates/list')).resourceTemplates).toEqual(
      expect.arrayContaining([expect.objectContaining({ uriTemplate: 'operation://{id}' })]),
    );
  });

  it('S3-15 S3-V05 S3-V11: unknown methods and tools are errors, and the connection goes on', async () => {
    const client = await connect();
    await client.initialize();
    expect((await client.request('no/such')).error).toMatchObject({
      code: -32601,
      data: { method: 'no/such' },
    });
    expect((await client.request('tools/call', { name: 'no_such_tool', arguments: {} })).error).toMatchObject(
      {
        code: -32602,
      },
    );
    expect(await client.result('ping')).toEqual({});
  });

  it('S3-13 S3-V08: notifications get no answer', async () => {
    const client = await connect();
    await client.initialize();
    client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 99 } });
    client.send({ jsonrpc: '2.0', method: 'notifications/no_such_thing' });
    await client.request('ping');
    expect(client.frames).toHaveLength(2);
  });

  it.each([
    ['no JSON', '{"jsonrpc"', -32700, null],
    ['a batch', '[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600, null],
    ['an empty batch', '[]', -32600, null],
    ['a number', '123', -32600, null],
    ['null', 'null', -32600, null],
    ['no method', '{"jsonrpc":"2.0","id":9}', -32600, 9],
    ['another version', '{"jsonrpc":"1.0","id":9,"method":"ping"}', -32600, 9],
    ['an id that is an object', '{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600, null],
    ['an id that is null', '{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600, null],
    [
      'an integer id that no double holds',
      '{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}',
      -32600,
      9007199254740992,
    ],
    ['a number out of range', '{"jsonrpc":"2.0","id":9,"method":"ping","params":{"a":1e400}}', -32600, 9],
    ['a fractional id', '{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600, null],
    ['params that are a list', '{"jsonrpc":"2.0","id":9,"method":"ping","params":[]}', -32600, 9],
    ['a method that is a number', '{"jsonrpc":"2.0","id":9,"method":5}', -32600, 9],
    [
      'arguments that are a list',
      '{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"generateText","arguments":[]}}',
      -32602,
      9,
    ],
    [
      'a name that is a number',
      '{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":5}}',
      -32602,
      9,
    ],
    ['a meta that is a text', '{"jsonrpc":"2.0","id":9,"method":"ping","params":{"_meta":"x"}}', -32602, 9],
    [
      'deep nesting',
      `{"jsonrpc":"2.0","id":9,"method":"ping","params":{"a":${'['.repeat(5000)}${']'.repeat(5000)}}}`,
      -32600,
      9,
    ],
    [
      'a cursor of ours that is not',
      '{"jsonrpc":"2.0","id":9,"method":"tools/list","params":{"cursor":"x"}}',
      -32602,
      9,
    ],
  ])('S3-15 S3-16: %s gets a JSON-RPC error, and the connection stays', async (_what, text, code, id) => {
    const client = await connect();
    await client.initialize();
    client.send(text);
    expect((await client.answerTo(id)).error?.code).toBe(code);
    expect(await client.result('ping')).toEqual({});
  });

  it('S3-16: answers to nothing and binary frames do no harm', async () => {
    const client = await connect();
    client.send({ jsonrpc: '2.0', id: 'server-1', result: {} });
    client.send({ jsonrpc: '2.0', id: 77, error: { code: 1, message: 'x' } });
    client.send({ jsonrpc: '2.0', id: null, error: { code: 1, message: 'x' } });
    client.send({ jsonrpc: '2.0', id: 78, result: null });
    expect((await client.request('ping')).result).toEqual({});
    expect(client.frames).toHaveLength(1);
    client.socket.send(Buffer.from('{"jsonrpc":"2.0","id":1,"method":"ping"}'), { binary: true });
    expect((await client.answerTo(1)).error).toMatchObject({ code: -32600 });
    client.socket.send(Buffer.from('no JSON'), { binary: true });
    expect((await client.answerTo(null)).error).toMatchObject({ code: -32600 });
    expect((await client.request('ping')).result).toEqual({});
  });

  it('a request id that is in use is refused, and the first request is answered', async () => {
    const client = await connect();
    await client.initialize();
    const operation_id = 'duplicate-ids';
    await client.call('create_operation', { operation_type: 't', operation_id });
    const watch = {
      jsonrpc: '2.0',
      id: 'w',
      method: 'tools/call',
      params: { name: 'watch_operation', arguments: { operation_id } },
    };
    client.send(watch);
    client.send(watch);
    expect((await client.answerTo('w')).error).toMatchObject({ code: -32600 });
    await client.call('cancel_operation', { operation_id });
    expect((await client.answerTo('w')).result.structuredContent.operation).toMatchObject({
      status: 'cancelled',
    });
  });

  it('S3-01 S3-V13: the subprotocol mcp is echoed when offered, and none is required', async () => {
    expect((await connect('/ws', { subprotocols: ['mcp'] })).socket.protocol).toBe('mcp');
    expect((await connect('/ws', { subprotocols: ['other', 'mcp'] })).socket.protocol).toBe('mcp');
    expect((await connect('/ws')).socket.protocol).toBe('');
  });

  it('S3-31 S3-32 S3-V14 S3-V15: pings are answered, and the server pings at its interval', async () => {
    const client = await connect();
    const pong = new Promise((resolve) => client.socket.once('pong', resolve));
    client.socket.ping();
    await pong;
    await new Promise((resolve) => client.socket.once('ping', resolve));
  });

  it('S3-32: a peer that answers no ping is ended', async () => {
    const client = await connect('/ws', { autoPong: false });
    expect(await client.closed).toMatchObject({ code: 1006 });
  });

  it('both eras are spoken on one connection, message by message', async () => {
    const client = await connect('/mcp');
    await client.initialize('2025-06-18');
    expect(await client.result('server/discover', modern())).toMatchObject({
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
    });
    expect((await client.request('ping', modern())).error).toMatchObject({ code: -32601 });
    expect(await client.result('ping')).toEqual({});
    expect(await client.result('tools/list', modern())).toMatchObject({
      resultType: 'complete',
      cacheScope: 'public',
    });
    expect(await client.result('tools/list')).not.toHaveProperty('resultType');
  });

  it('S3-11 S3-12: a session outlives its connection and is taken up by its id; the older connection is closed', async () => {
    const first = await connect();
    const { _meta } = await first.initialize();
    const operation_id = 'taken-up';
    await first.call('create_operation', { operation_type: 't', operation_id });
    await first.result('resources/subscribe', { uri: `operation://${operation_id}` });
    const sessionId = String((_meta as Record<string, unknown>)['opstream/sessionId']);
    const second = await connect(`/ws?session_id=${sessionId}`);
    expect(await first.closed).toMatchObject({ code: 1000 });
    await second.call('cancel_operation', { operation_id });
    await second.notification(
      'notifications/resources/updated',
      ({ uri }) => uri === `operation://${operation_id}`,
    );
  });

  it('S3-11: initialize on a connection with a session begins another one, and ends the first', async () => {
    const client = await connect();
    const { _meta: first } = await client.initialize();
    const { _meta: second } = await client.initialize('2025-06-18');
    const ids = [first, second].map((meta) =>
      String((meta as Record<string, unknown>)['opstream/sessionId']),
    );
    expect(await client.result('ping')).toEqual({});
    const statuses = ids.map(async (id) => {
      const elsewhere = new McpHttpClient(`${service.http}/mcp`, { 'mcp-session-id': id });
      return (await elsewhere.request('ping')).status;
    });
    expect(await Promise.all(statuses)).toEqual([404, 200]);
  });

  it('S3-38 S3-V16: with authentication on, a connection without a token gets 401 before the upgrade', async () => {
    const closed = await RunningService.start({
      STORE: 'memory',
      MCP_AUTH_REQUIRED: 'true',
      JWT_SECRET: SECRET,
    });
    try {
      const status = await new Promise((resolve, reject) => {
        const upgrade = request(`${closed.http}/ws`, {
          headers: {
            connection: 'upgrade',
            upgrade: 'websocket',
            'sec-websocket-version': '13',
            'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
          },
        });
        upgrade.on('response', (response) => resolve(response.statusCode));
        upgrade.on('upgrade', () => resolve(101));
        upgrade.on('error', reject);
        upgrade.end();
      });
      expect(status).toBe(401);
      expect((await closed.rest.post('/mcp', { jsonrpc: '2.0', id: 1, method: 'ping' })).status).toBe(401);
    } finally {
      await closed.stop();
    }
  });
});

describe('Pings of inbound MCP connections', () => {
  /** A client of a service with these times that answers pings only when the test says so. */
  async function silentClient(intervalMs: number, timeoutMs: number) {
    const impatient = await RunningService.start({
      STORE: 'memory',
      MCP_PING_INTERVAL_MS: String(intervalMs),
      MCP_PING_TIMEOUT_MS: String(timeoutMs),
    });
    const client = await McpClient.connect(`${impatient.ws}/mcp`, { autoPong: false });
    const pinged = (): Promise<number> =>
      new Promise((resolve) => client.socket.once('ping', () => resolve(performance.now())));
    return { client, pinged, stop: () => impatient.stop() };
  }

  it('S3-31 S3-32: MCP_PING_TIMEOUT_MS after the ping, not at the next one, a silent peer is ended', async () => {
    const { client, pinged, stop } = await silentClient(2000, 50);
    const at = await pinged();
    expect(await client.closed).toMatchObject({ code: 1006 });
    expect(performance.now() - at).toBeLessThan(1900);
    await stop();
  });

  it('S3-32: a peer that takes longer than an interval, but not than the timeout, stays', async () => {
    const { client, pinged, stop } = await silentClient(100, 15_000);
    for (let late = 0; late < 3; late++) {
      await pinged();
      await new Promise((resolve) => setTimeout(resolve, 250));
      client.socket.pong();
    }
    expect(await client.result('initialize', {})).toHaveProperty('protocolVersion');
    client.terminate();
    await stop();
  });
});

it.each([
  ['debug', true],
  ['info', false],
])('S3-36: LOG_LEVEL=%s shows the communication with clients and peers: %s', async (LOG_LEVEL, shows) => {
  // Nest has one logger for a process: the service that starts last brings it.
  const log = new LogLines();
  const listening = await RunningService.start({ STORE: 'memory', LOG_LEVEL });
  const far = { name: 'far', url: `${listening.ws}/ws`, role: 'client' };
  const settings = { STORE: 'memory', LOG_LEVEL, MCP_PEERS: JSON.stringify([far]) };
  const dialling = await RunningService.start(settings, [], log);
  const client = await McpClient.connect(`${dialling.ws}/mcp`);
  await client.initialize();
  await eventually("the peer's tools are offered", async () =>
    (await client.result('tools/list')).tools.some(({ name }) => name === 'far_list_operations'),
  );
  client.send('{oops');
  await client.answerTo(null);
  client.terminate();
  await dialling.stop();
  await listening.stop();
  const seen = (event: string) =>
    log.of(event).map(({ other, kind, method }) => [String(other).split(' ')[0], kind, method].join(' '));
  const expected = (list: string[]) => (shows ? expect.arrayContaining(list) : []) as string[];
  expect(seen('message_sent')).toEqual(
    expected(['peer request initialize', 'peer request tools/list', 'client response ']),
  );
  expect(seen('message_received')).toEqual(
    expected(['client request initialize', 'client malformed ', 'peer response ']),
  );
  expect(log.of('connection_opened').length > 0).toBe(shows);
  expect(log.of('connection_closed').length > 0).toBe(shows);
});
