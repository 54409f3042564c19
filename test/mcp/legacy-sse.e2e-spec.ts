import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ToolRunner } from '../../src/mcp/calls/tool-runner.service.js';
import { McpSessions } from '../../src/mcp/session/mcp-sessions.service.js';
import { defineTool } from '../../src/mcp/tools/tool-definition.js';
import { ToolRegistry } from '../../src/mcp/tools/tool-registry.js';
import { eventually } from '../harness/eventually.js';
import { McpSseClient } from '../harness/mcp-sse.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';
import { ConformanceFixtureModule } from './conformance/conformance-fixture.module.js';
import { ProbeTools, ProbeToolsModule } from './probe-tools.js';

let service: RunningService;
const clients: McpSseClient[] = [];

beforeAll(async () => {
  service = await RunningService.start({ STORE: 'memory', MCP_LEGACY_SSE: 'true' }, [
    ProbeToolsModule,
    ConformanceFixtureModule,
  ]);
});
afterAll(() => service.stop());
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await eventually('every session has ended', () => service.get(McpSessions).size === 0);
});

/** A proxy that mounts the service below a path, and tells it nothing of that. */
async function strippingProxy(prefix: string): Promise<{ url: string; stop: () => Promise<void> }> {
  const server = createServer((from, to) => {
    const { method, headers, url = '' } = from;
    const path = url.startsWith(prefix) ? url.slice(prefix.length) : url;
    const passed = request({ host: '127.0.0.1', port: service.port, method, path, headers }, (answer) => {
      to.writeHead(answer.statusCode!, answer.headers);
      to.flushHeaders();
      answer.pipe(to);
    });
    passed.on('error', () => to.destroy());
    to.on('close', () => passed.destroy());
    from.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = (): Promise<void> => {
    server.closeAllConnections();
    return new Promise((resolve) => void server.close(() => resolve()));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop };
}

async function connect(options?: Parameters<typeof McpSseClient.connect>[1]): Promise<McpSseClient> {
  const client = await McpSseClient.connect(service.http, options);
  clients.push(client);
  return client;
}

describe('The transport of 2024-11-05', () => {
  it.each(['2024-11-05', '2025-11-25'])(
    'lists, calls with progress and reads in a session of %s',
    async (revision) => {
      const client = await connect();
      expect((await client.initialize(revision)).protocolVersion).toBe(revision);
      expect((await client.result('tools/list')).tools.map(({ name }) => name)).toContain('echo');
      const params = { name: 'flood', arguments: { count: 50 }, _meta: { progressToken: 'p' } };
      expect((await client.result('tools/call', params)).content[0]!.text).toBe('flooded');
      const counted = client
        .of('notifications/progress')
        .map(({ params: told }) => (told as { progress: number }).progress);
      expect(counted).toEqual(Array.from({ length: 50 }, (_none, n) => n + 1));
      expect((await client.result('resources/read', { uri: 'test://static-text' })).contents).toHaveLength(1);
    },
  );

  it('a POST is accepted with 202, and what is not JSON refused with 400', async () => {
    const client = await connect();
    expect((await client.post({ jsonrpc: '2.0', id: 1, method: 'ping' })).status).toBe(202);
    expect((await client.answerTo(1)).result).toEqual({});
    const broken = await fetch(client.endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{',
    });
    expect([broken.status, await broken.json()]).toMatchObject([400, { error: { code: -32700 } }]);
    expect((await client.post({}, { 'content-type': 'text/plain' })).status).toBe(415);
  });

  it('cancels a call, and every call when the stream closes', async () => {
    const probes = service.get(ProbeTools);
    const client = await connect();
    await client.initialize();
    for (const end of ['cancelled', 'closed']) {
      probes.waiting = false;
      await client.post({ jsonrpc: '2.0', id: end, method: 'tools/call', params: { name: 'gate' } });
      await eventually('it waits', () => probes.waiting);
      const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: end } };
      if (end === 'cancelled') await client.post(cancel);
      else client.close();
      await eventually('no call runs', () => service.get(ToolRunner).size === 0);
    }
    await eventually('its session has ended', () => service.get(McpSessions).size === 0);
  });

  it('asks the client, tells of lists and of resources', async () => {
    const client = await connect();
    await client.initialize('2025-06-18', { elicitation: {} });
    await client.result('resources/subscribe', { uri: 'operation://o' });
    await service.rest.post('/api/operations', { operation_type: 'x', operation_id: 'o' });
    await eventually('it is told', () => client.of('notifications/resources/updated').length > 0);
    const tools = service.get(ToolRegistry);
    tools.add(defineTool({ scope: null, name: 'passing', description: 'x' }, () => ''));
    tools.remove('passing');
    await eventually('it is told', () => client.of('notifications/tools/list_changed').length > 0);
    const params = { name: 'test_elicitation', arguments: { message: 'Who?' } };
    await client.post({ jsonrpc: '2.0', id: 'ask', method: 'tools/call', params });
    await eventually('it is asked', () => client.of('elicitation/create').length > 0);
    const [{ id }] = client.of('elicitation/create') as [{ id: unknown }];
    await client.post({ jsonrpc: '2.0', id, result: { action: 'decline' } });
    expect((await client.answerTo('ask')).result.content).toHaveLength(1);
  });

  it('has batches, and results of 5 MB', async () => {
    const client = await connect();
    await client.initialize();
    await client.post([
      { jsonrpc: '2.0', id: 'a', method: 'ping' },
      { jsonrpc: '2.0', id: 'b', method: 'ping' },
    ]);
    expect([(await client.answerTo('a')).result, (await client.answerTo('b')).result]).toEqual([{}, {}]);
    const tools = service.get(ToolRegistry);
    tools.add(
      defineTool({ scope: null, name: 'big', description: 'x', record: false }, () => 'x'.repeat(5_000_000)),
    );
    expect((await client.result('tools/call', { name: 'big' })).content[0]!.text).toHaveLength(5_000_000);
    tools.remove('big');
  });

  it('a stream that is gone, or that never was, takes no messages: 404', async () => {
    const client = await connect();
    client.close();
    await eventually(
      'it has ended',
      async () => (await client.post({ jsonrpc: '2.0', id: 1, method: 'ping' })).status === 404,
    );
  });

  it.each(['/ops/sse', '/ops/sse/', '/sse/'])(
    'announces an address that works below the prefix of a proxy: %s',
    async (path) => {
      const proxy = await strippingProxy('/ops');
      const client = await McpSseClient.connect(proxy.url, { path });
      clients.push(client);
      expect((await client.initialize()).protocolVersion).toBe('2024-11-05');
      expect((await client.result('tools/list')).tools.map(({ name }) => name)).toContain('echo');
      client.close();
      await proxy.stop();
    },
  );

  it('serves no other methods', async () => {
    const post = await fetch(`${service.http}/sse`, { method: 'POST' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET']);
    expect((await fetch(`${service.http}/messages`)).status).toBe(405);
  });
});

it('is not there unless it is asked for', async () => {
  const plain = await RunningService.start({ STORE: 'memory' });
  expect((await fetch(`${plain.http}/sse`)).status).toBe(404);
  expect((await fetch(`${plain.http}/messages`, { method: 'POST' })).status).toBe(404);
  await plain.stop();
});

it('wants a token where MCP does, takes it from the query, and serves its own user alone', async () => {
  const closed = await RunningService.start({
    STORE: 'memory',
    MCP_LEGACY_SSE: 'true',
    MCP_AUTH_REQUIRED: 'true',
    JWT_SECRET: SECRET,
  });
  await expect(McpSseClient.connect(closed.http)).rejects.toThrow('401');
  const client = await McpSseClient.connect(closed.http, {
    path: `/sse?token=${await sign({ sub: 'ada' })}`,
  });
  expect((await client.initialize()).protocolVersion).toBe('2024-11-05');
  const [address] = client.endpoint.split('&token=');
  const stolen = await fetch(`${address}&token=${await sign({ sub: 'bob' })}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
  });
  expect(stolen.status).toBe(404);
  client.close();
  await closed.stop();
});
