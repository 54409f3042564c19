import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { mutualPeer } from '../../src/config/peer-settings.js';
import { McpWebSocketTransport } from '../../src/mcp/peers/mcp-websocket-transport.service.js';
import { Peers } from '../../src/mcp/peers/peers.service.js';
import { eventually } from '../harness/eventually.js';
import { RemotePeer } from '../harness/remote-peer.js';
import { McpClient, type Json } from '../harness/mcp-client.js';
import { LogLines } from '../harness/log-lines.js';
import { RunningService } from '../harness/running-service.js';

const QUICK = { STORE: 'memory', DEMO: 'true', MCP_PEER_RETRY_MAX_MS: '100', LOG_LEVEL: 'silent' };

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'far', version: '1' } },
};

let caller: RemotePeer;
let provider: RemotePeer;
beforeAll(async () => {
  [caller, provider] = await Promise.all([
    RemotePeer.start('calling-endpoint'),
    RemotePeer.start('tool-server'),
  ]);
});
afterAll(async () => {
  await Promise.all([caller.kill(), provider.kill()]);
});

const opened: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one.stop();
  caller.forget();
  provider.forget();
});

async function start(settings: Record<string, string>, logger?: LogLines): Promise<RunningService> {
  const service = await RunningService.start({ ...QUICK, ...settings }, [], logger);
  opened.push(service);
  return service;
}

async function connect(service: RunningService): Promise<McpClient> {
  const client = await McpClient.connect(`${service.ws}/mcp`);
  opened.push({ stop: () => Promise.resolve(client.terminate()) });
  await client.initialize();
  return client;
}

async function toolNames(client: McpClient): Promise<string[]> {
  return (await client.result('tools/list')).tools.map(({ name }) => name);
}

/** A client of a service that offers the provider's tools onward. */
async function offering(
  url: string,
  peer: Json = {},
): Promise<{ service: RunningService; client: McpClient }> {
  const settings = { name: 'far', url, role: 'client', ...peer };
  const service = await start({ MCP_PEERS: JSON.stringify([settings]) });
  const client = await connect(service);
  await eventually('the tools are offered', async () => (await toolNames(client)).includes('far_echo'));
  return { service, client };
}

describe('the far side calls our tools over a connection that we open (xiaozhi)', () => {
  it('S3-02 S3-03 S3-04 X-45: carries the token, serves tools, survives the death of the far side', async () => {
    await start({ EXTERNAL_WS_URL: `ws://127.0.0.1:${caller.port}/mcp/?token=T` });
    expect(await caller.take(({ connected }) => connected !== undefined)).toMatchObject({
      connected: '/mcp/?token=T',
    });
    expect((await caller.take(({ tools }) => tools !== undefined)).tools).toContain('get_item');
    caller.ask({ call: 'get_item', arguments: { item_id: 3 } });
    expect((await caller.take(({ answered }) => answered === 'get_item')).result?.content[0]?.text).toMatch(
      /"Item 3"/,
    );
    caller.ask({ request: 'ping', params: {} });
    expect(await caller.take(({ answered }) => answered === 'ping')).toMatchObject({ result: {} });

    // S3-17 S3-27 S3-39: killed in the middle of a call, and served again once it is back.
    caller.ask({ call: 'processData', arguments: { datasetSize: 1000 } });
    await caller.kill();
    caller.forget();
    await caller.restart();
    expect((await caller.take(({ tools }) => tools !== undefined)).tools).toContain('get_item');
    caller.ask({ call: 'get_item', arguments: { item_id: 4 } });
    expect((await caller.take(({ answered }) => answered === 'get_item')).result?.content[0]?.text).toMatch(
      /"Item 4"/,
    );
  });

  it('S3-39: waits twice as long after every failure, and from the beginning after a connection that was of use', async () => {
    const farSide = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(farSide, 'listening');
    opened.push({ stop: () => new Promise((resolve) => farSide.close(() => resolve())) });
    const { port } = farSide.address() as AddressInfo;
    const dialled = async (): Promise<[WebSocket, number]> => {
      const [socket] = (await once(farSide, 'connection')) as [WebSocket];
      return [socket, performance.now()];
    };
    const waits: number[] = [];
    const log = new LogLines();
    let next = dialled();
    await start({ EXTERNAL_WS_URL: `ws://127.0.0.1:${port}/`, MCP_PEER_RETRY_MAX_MS: '60000' }, log);
    for (const ofUse of [false, false, true]) {
      const [socket] = await next;
      next = dialled();
      if (ofUse) {
        const answered = once(socket, 'message');
        socket.send(JSON.stringify(INITIALIZE));
        await answered;
      }
      const closedAt = performance.now();
      socket.terminate();
      waits.push((await next)[1] - closedAt);
    }
    // A second, two, and a second again, or up to a fifth less; what a busy machine adds does not count.
    const planned = log.texts.flatMap((text) => /Next attempt in (\d+) ms/.exec(String(text))?.[1] ?? []);
    for (const [index, nominal] of [1000, 2000, 1000].entries()) {
      expect(Number(planned[index])).toBeGreaterThan(nominal * 0.79);
      expect(Number(planned[index])).toBeLessThanOrEqual(nominal);
      expect(waits[index]).toBeGreaterThan(Number(planned[index]) - 20);
    }
  });

  it('S3-03: a far side that is a client is asked whether it serves, once, and then left alone', async () => {
    await start({ EXTERNAL_WS_URL: `ws://127.0.0.1:${caller.port}/` });
    await caller.take(({ asked }) => asked === 'initialize');
    caller.ask({ request: 'ping', params: {} });
    await caller.take(({ answered }) => answered === 'ping');
    await caller.kill();
    caller.forget();
    await caller.restart();
    await caller.take(({ tools }) => tools !== undefined);
    caller.ask({ request: 'ping', params: {} });
    await caller.take(({ answered }) => answered === 'ping');
    expect(caller.has(({ asked }) => asked !== undefined)).toBe(false);
  });

  it('a peer in the role client serves nothing but ping', async () => {
    const peer = {
      name: 'far',
      url: `ws://127.0.0.1:${caller.port}`,
      role: 'client',
      headers: { 'X-Agent': 'a' },
    };
    await start({ MCP_PEERS: JSON.stringify([peer]) });
    expect(await caller.take(({ connected }) => connected !== undefined)).toMatchObject({ agent: 'a' });
    caller.ask({ call: 'get_item', arguments: { item_id: 3 } });
    expect((await caller.take(({ answered }) => answered === 'get_item')).error?.code).toBe(-32601);
    caller.ask({ request: 'ping', params: {} });
    expect(await caller.take(({ answered }) => answered === 'ping')).toMatchObject({ result: {} });
  });
});

describe.each([
  ['WebSocket', () => `ws://127.0.0.1:${provider.port}/mcp?token=secret`, {}],
  [
    'Streamable HTTP',
    () => `http://127.0.0.1:${provider.port}/mcp`,
    { headers: { Authorization: 'Bearer secret' } },
  ],
])('tools of the far side offered onward over %s', (_how, url, peer) => {
  it('S3-02: under the name of the peer, with results as they are', async () => {
    const { client } = await offering(url(), peer);
    const listed = (await client.result('tools/list')).tools.find(({ name }) => name === 'far_echo');
    expect(listed).toMatchObject({
      title: 'Echo',
      description: 'Says it again',
      inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
    });
    expect(await client.call('far_echo', { text: 'hello' })).toMatchObject({
      content: [{ type: 'text', text: 'hello' }],
      structuredContent: { said: 'hello' },
    });
    expect(await client.call('far_fail')).toMatchObject({
      isError: true,
      content: [{ text: 'It went wrong' }],
    });
    expect(await client.call('far_echo', { text: 7 })).toMatchObject({ isError: true });
  });

  it('S3-18 S3-19: concurrent calls get their own answers', async () => {
    const { client } = await offering(url(), peer);
    const calls = Array.from({ length: 50 }, (_none, n) => client.call('far_echo', { text: `text ${n}` }));
    const texts = (await Promise.all(calls)).map(({ content }) => content[0]?.text);
    expect(texts).toEqual(calls.map((_call, n) => `text ${n}`));
  });

  it('progress of the far side reaches our caller and the log of the operation', async () => {
    const { client, service } = await offering(url(), peer);
    const result = await client.call('far_count', { to: 3, everyMs: 1 }, { _meta: { progressToken: 'p' } });
    expect(result.content[0]?.text).toBe('counted to 3');
    expect(client.of('notifications/progress').map(({ params }) => params)).toEqual(
      [1, 2, 3].map((n) => ({ progressToken: 'p', progress: n, total: 3, message: `${n} of 3` })),
    );
    const { operations } = (await service.rest.request('GET', '/api/operations?type=mcp.tool/far_count'))
      .body as {
      operations: { progress: number; status: string }[];
    };
    expect(operations).toMatchObject([{ status: 'completed', progress: 1 }]);
  });

  it('a cancelled call is cancelled there', async () => {
    const { client } = await offering(url(), peer);
    const params = { name: 'far_count', arguments: { to: 10_000, everyMs: 5 } };
    client.send({ jsonrpc: '2.0', id: 'long', method: 'tools/call', params });
    await provider.take(({ called }) => called === 'count');
    client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'long' } });
    await provider.take(({ cancelled }) => cancelled === 'count');
  });

  it('changes of its list are passed through', async () => {
    const { client } = await offering(url(), peer);
    client.notifications.length = 0;
    provider.ask({ add: 'fresh' });
    await client.notification('notifications/tools/list_changed');
    expect(await toolNames(client)).toContain('far_fresh');
    client.notifications.length = 0;
    provider.ask({ remove: 'fresh' });
    await client.notification('notifications/tools/list_changed');
    expect(await toolNames(client)).not.toContain('far_fresh');
  });

  it('S3-17 S3-27: killed while calls are in flight, it fails them with a reason and is used again when it is back', async () => {
    const { client, service } = await offering(url(), peer);
    const calls = [1, 2, 3].map((n) => client.call('far_count', { to: 10_000 + n, everyMs: 5 }));
    await Promise.all(calls.map(() => provider.take(({ called }) => called === 'count')));
    await provider.kill();
    for (const result of await Promise.all(calls)) {
      expect(result.isError).toBe(true);
      expect(result.content[0]?.text).toMatch(
        /count of peer far gave no answer, it may have been carried out/,
      );
    }
    const peers = service.get(Peers);
    await eventually('the loss is noticed', () => peers.get('far')?.state !== 'connected');
    const down = await client.call('far_echo', { text: 'now' });
    expect(down).toMatchObject({ isError: true });
    expect(down.content[0]?.text).toMatch(/Peer far is not connected: /);
    expect((await service.rest.request('GET', '/health/ready')).body).toMatchObject({
      degraded: ['mcp_peers'],
    });
    await provider.restart();
    await eventually('it is connected again', () => peers.get('far')?.state === 'connected');
    await eventually('it answers again', async () => {
      const { content } = await client.call('far_echo', { text: 'again' });
      return content[0]?.text === 'again';
    });
    expect((await service.rest.request('GET', '/health/ready')).body).toMatchObject({ degraded: [] });
  });

  it('only the tools that are chosen are offered', async () => {
    const { client } = await offering(url(), { ...peer, exclude_tools: ['fail'] });
    const names = await toolNames(client);
    expect(names).toContain('far_count');
    expect(names).not.toContain('far_fail');
  });

  it('S3-37: a token that is not accepted is named as the reason', async () => {
    const [bare = ''] = url().split('?');
    const wrong = { name: 'far', url: bare, role: 'client' };
    const service = await start({ MCP_PEERS: JSON.stringify([wrong]) });
    await eventually('the reason is known', () =>
      /answered 401.*check the token/.test(service.get(Peers).get('far')?.problem ?? ''),
    );
  });
});

describe('loops', () => {
  it('a peer that is this service itself is refused', async () => {
    const service = await start({});
    const peers = service.get(Peers);
    const peer = peers.add({ ...mutualPeer('self', `${service.ws}/ws`), role: 'client' });
    await eventually('it is refused', () => peer.state === 'stopped');
    expect(peer.problem).toBe('the address leads back to this service');
  });

  it('tools that come back over another service are not offered again, and changes do not echo for ever', async () => {
    const [a, b] = await Promise.all([start({}), start({})]);
    a.get(Peers).add({ ...mutualPeer('b', `${b.ws}/mcp`), role: 'client' });
    const client = await connect(a);
    await eventually('a offers the tools of b', async () => (await toolNames(client)).includes('b_get_item'));
    b.get(Peers).add({ ...mutualPeer('a', `${a.ws}/mcp`), role: 'client' });
    const other = await connect(b);
    await eventually('b offers the tools of a', async () => (await toolNames(other)).includes('a_get_item'));
    const names = [...(await toolNames(client)), ...(await toolNames(other))];
    expect(names.filter((name) => /^(a_b|b_a)_/.test(name))).toEqual([]);
    expect(await client.call('b_get_item', { item_id: 9 })).toMatchObject({
      structuredContent: { item_id: 9 },
    });
    // Every change is passed on at most once more: a has told of b's list, b of a's, and then there is silence.
    const told = client.of('notifications/tools/list_changed').length;
    await client.call('b_get_item', { item_id: 10 });
    await other.call('a_get_item', { item_id: 10 });
    expect(client.of('notifications/tools/list_changed').length).toBe(told);
  });
});

describe('in code, by the names of document 003', () => {
  it('S3-20 S3-21 S3-24: connects, sends, and gets the response of a request, errors too', async () => {
    const service = await start({});
    const transport = service.get(McpWebSocketTransport);
    const url = `ws://127.0.0.1:${provider.port}/mcp?token=secret`;
    const peer = await transport.connectToExternalWebSocket(url, { role: 'client' });
    expect(peer.state).toBe('connected');
    const hello = { jsonrpc: '2.0', id: '1', method: 'initialize', params: {} };
    expect(await transport.sendToExternalWebSocket(hello)).toMatchObject({
      jsonrpc: '2.0',
      id: '1',
      result: { serverInfo: { name: 'tool-server' } },
    });
    const same = (n: number) => ({
      jsonrpc: '2.0',
      id: 'same',
      method: 'tools/call',
      params: { name: 'echo', arguments: { text: `t${n}` } },
    });
    const answers = await Promise.all([1, 2, 3].map((n) => transport.sendToExternalWebSocket(same(n))));
    expect(answers).toMatchObject(
      [1, 2, 3].map((n) => ({ id: 'same', result: { content: [{ text: `t${n}` }] } })),
    );
    // X-44: the original waits for the timeout when the response is an error.
    expect(
      await transport.sendToExternalWebSocket({ jsonrpc: '2.0', id: 7, method: 'no/such' }),
    ).toMatchObject({
      id: 7,
      error: { code: -32601 },
    });
    expect(
      await transport.sendToExternalWebSocket({ jsonrpc: '2.0', method: 'notifications/x' }),
    ).toBeUndefined();
    await expect(transport.sendToExternalWebSocket({ id: 1 })).rejects.toThrow(/jsonrpc must be/);
  });

  it('S3-28 S3-33 S3-35: requests time out, and shutdown closes every connection', async () => {
    const service = await start({});
    const transport = service.get(McpWebSocketTransport);
    const url = `ws://127.0.0.1:${provider.port}/mcp?token=secret`;
    await transport.connectToExternalWebSocket(url, { role: 'client', timeouts: { requestMs: 200 } });
    const params = { name: 'count', arguments: { to: 1, everyMs: 60_000 } };
    await expect(
      transport.sendToExternalWebSocket({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
    ).rejects.toThrow(/no answer to tools\/call within 200 ms/);
    await transport.shutdown();
    await expect(
      transport.sendToExternalWebSocket({ jsonrpc: '2.0', id: 1, method: 'ping' }),
    ).rejects.toThrow(/There is no peer/);
  });

  it('S3-27 S3-28 S3-30 S3-32 S3-37: a far side that does not answer is given up in time, with the reason', async () => {
    const transport = (await start({})).get(McpWebSocketTransport);
    const dead = createServer().listen(0, '127.0.0.1');
    const mute = new WebSocketServer({ port: 0, host: '127.0.0.1', autoPong: false });
    await Promise.all([once(dead, 'listening'), once(mute, 'listening')]);
    const [deadPort, mutePort] = [dead, mute].map((server) => (server.address() as AddressInfo).port);
    const timeouts = { connectMs: 100, pingIntervalMs: 50, pingTimeoutMs: 100, closeMs: 50 };
    for (const [name, port, role, reason] of [
      ['nobody', 1, 'both', /ECONNREFUSED/],
      ['dead', deadPort, 'both', /Opening handshake has timed out/],
      ['silent', mutePort, 'client', /no answer to initialize within 100 ms/],
      ['gone', mutePort, 'server', /no pong within 100 ms/],
    ] as const) {
      const signal = AbortSignal.timeout(5000);
      const url = `ws://127.0.0.1:${port}/mcp`;
      void transport.connectToExternalWebSocket(url, { name, role, timeouts, signal }).catch(() => undefined);
      const message = { jsonrpc: '2.0', id: 1, method: 'ping' };
      await eventually(`the reason of ${name}`, async () => {
        const failure: unknown = await transport.sendToExternalWebSocket(message, name).catch(String);
        return typeof failure === 'string' && /is not connected: /.test(failure) && reason.test(failure);
      });
    }
    await transport.shutdown();
    dead.close();
    mute.close();
  });

  it('S3-40: long messages are compressed where the far side can, unless that is switched off', async () => {
    const service = await start({});
    const transport = service.get(McpWebSocketTransport);
    const url = `ws://127.0.0.1:${provider.port}/mcp?token=secret`;
    await transport.connectToExternalWebSocket(url, { role: 'client' });
    const extensions = async () => (await provider.take((told) => told.connected === true)).extensions;
    expect(await extensions()).toBe('permessage-deflate');
    const text = 'x'.repeat(100_000);
    const message = {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'echo', arguments: { text } },
    };
    expect(await transport.sendToExternalWebSocket(message)).toMatchObject({
      result: { content: [{ text }] },
    });
    await transport.connectToExternalWebSocket(url, { name: 'plain', role: 'client', compression: false });
    expect(await extensions()).toBe('');
  });

  it('S3-40: long answers leave compressed for clients that can read that', async () => {
    const service = await start({});
    const bytes = async (perMessageDeflate: boolean): Promise<number> => {
      const client = await McpClient.connect(`${service.ws}/mcp`, { perMessageDeflate });
      await client.initialize();
      expect(await toolNames(client)).toContain('get_item');
      const received = (client.socket as unknown as { _socket: Socket })._socket.bytesRead;
      client.terminate();
      return received;
    };
    expect(await bytes(true)).toBeLessThan((await bytes(false)) / 2);
  });

  it('S3-41: filters drop, change and answer messages', async () => {
    const service = await start({ EXTERNAL_WS_URL: `ws://127.0.0.1:${caller.port}/filtered` });
    await caller.take(({ connected }) => connected === '/filtered');
    await caller.take(({ tools }) => tools !== undefined);
    const transport = service.get(McpWebSocketTransport);
    const remove = transport.useFilter((message, { direction, reply }) => {
      if (direction === 'outgoing') return message;
      if (message.method === 'vendor/hello') {
        reply({ jsonrpc: '2.0', id: message.id, result: { content: [{ text: 'routed' }] } });
        return undefined;
      }
      if (message.method !== 'tools/call') return message;
      return { ...message, params: { name: 'get_item', arguments: { item_id: 77 } } };
    });
    caller.ask({ request: 'vendor/hello', params: {} });
    expect((await caller.take(({ answered }) => answered === 'vendor/hello')).result?.content[0]?.text).toBe(
      'routed',
    );
    caller.ask({ call: 'get_item', arguments: { item_id: 1 } });
    expect((await caller.take(({ answered }) => answered === 'get_item')).result?.content[0]?.text).toMatch(
      /Item 77/,
    );
    remove();
    caller.ask({ call: 'get_item', arguments: { item_id: 1 } });
    expect((await caller.take(({ answered }) => answered === 'get_item')).result?.content[0]?.text).toMatch(
      /Item 1"/,
    );
  });
});
