import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { OperationSnapshot } from '../../src/client/protocol/operation-events.js';
import { eventually } from '../harness/eventually.js';
import { McpClient, modern, type Json } from '../harness/mcp-client.js';
import { RunningService } from '../harness/running-service.js';
import { ProbeTools, ProbeToolsModule } from './probe-tools.js';

interface EventJson {
  readonly event_type: string;
  readonly data: Json;
}

let service: RunningService;
let probes: ProbeTools;
const clients: McpClient[] = [];

async function connect(protocol = '2025-11-25'): Promise<McpClient> {
  const client = await McpClient.connect(`${service.ws}/mcp`);
  clients.push(client);
  await client.initialize(protocol);
  return client;
}

/** The newest operation that records a call of a tool. */
async function recorded(
  tool: string,
): Promise<{ snapshot: OperationSnapshot; events: readonly EventJson[] }> {
  const list = await service.rest.get<{ operations: OperationSnapshot[] }>(
    `/api/operations?type=mcp.tool/${tool}&limit=1`,
  );
  const id = list.body.operations[0]!.operation_id;
  const [snapshot, page] = await Promise.all([
    service.rest.get<OperationSnapshot>(`/api/operations/${id}`),
    service.rest.get<{ events: EventJson[] }>(`/api/operations/${id}/events`),
  ]);
  return { snapshot: snapshot.body, events: page.body.events };
}

beforeAll(async () => {
  service = await RunningService.start({ STORE: 'memory', DEMO: 'true' }, [ProbeToolsModule]);
  probes = service.get(ProbeTools);
});
afterEach(() => {
  for (const client of clients.splice(0)) client.terminate();
});
afterAll(() => service.stop());

describe('A tool call', () => {
  it('is an operation: type, arguments, log and result are there for every face', async () => {
    const client = await connect();
    expect((await client.call('echo', { text: 'hello' })).content).toEqual([{ type: 'text', text: 'hello' }]);
    const { snapshot, events } = await recorded('echo');
    expect(snapshot).toMatchObject({
      operation_type: 'mcp.tool/echo',
      status: 'completed',
      metadata: { tool: 'echo', user: 'anonymous', arguments: { text: 'hello' } },
      result: { content: [{ type: 'text', text: 'hello' }] },
    });
    expect(events.map(({ event_type }) => event_type)).toEqual(['status', 'result', 'completed']);
  });

  it('S0-15 S0-16 S0-17: shows its tool the session, its id and the id of the request', async () => {
    const client = await connect('2025-06-18');
    await client.call('echo', { text: '' });
    const { session, sessionId, requestId, principal } = probes.context!;
    expect(sessionId).toMatch(/^[\w-]{32}$/);
    expect(session).toMatchObject({
      id: sessionId,
      protocolVersion: '2025-06-18',
      clientInfo: { name: 'test' },
    });
    expect((await recorded('echo')).snapshot.operation_id).toBe(requestId);
    expect(principal).toMatchObject({ tenant: 'default', userId: 'anonymous' });
    await client.result('tools/call', modern({ name: 'echo', arguments: { text: '' } }));
    expect(probes.context!.sessionId).toBeUndefined();
  });

  it('that is not recorded leaves no operation, and streams all the same', async () => {
    const client = await connect();
    const before = await service.rest.get<{ total_operations: number }>('/api/stats');
    expect((await client.call('unrecorded', { text: 'x' })).content[0]!.text).toBe('x');
    expect(client.of('notifications/tool/streamContent')).toHaveLength(1);
    const after = await service.rest.get<{ total_operations: number }>('/api/stats');
    expect(after.body).toEqual(before.body);
  });

  it('S0-05 S0-13 S0-14: streams while it runs, in the forms that the caller reads, and to every watcher', async () => {
    const client = await connect();
    const watcher = await service.hub('/hub');
    await watcher.request({ command: 'subscribe_all' });
    const call = client.call('gate', {}, { _meta: { progressToken: 'p' } });
    // The tool waits for the gate: whatever arrives now, arrives before its end.
    const partial = await client.notification('notifications/tool/streamContent');
    expect(partial.params).toEqual({ content: [{ type: 'text', text: 'first' }], toolName: 'gate' });
    expect(client.of('notifications/progress').map(({ params }) => params)).toEqual([
      { progressToken: 'p', progress: 1, total: 4, message: 'at the gate' },
      { progressToken: 'p', progress: 1.000001, message: 'first' },
    ]);
    await eventually('the watcher sees it', () => watcher.inbox.some(({ data }) => data.message === 'first'));
    probes.open();
    expect((await call).content).toEqual([{ type: 'text', text: 'passed' }]);
    const progress = client.of('notifications/progress').map(({ params }) => Number(params.progress));
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(new Set(progress).size).toBe(progress.length);
    const { events } = await recorded('gate');
    expect(events.map(({ event_type }) => event_type)).toEqual([
      'status',
      'log',
      'progress',
      'log',
      'log',
      'result',
      'completed',
    ]);
    expect(events[2]!.data).toMatchObject({
      progress: 0.25,
      message: 'at the gate',
      details: { progress: 1, total: 4 },
    });
    expect(events[4]!.data).toMatchObject({ message: 'second and third', details: { stream: 'content' } });
  });

  it('sends progress only to callers with a token', async () => {
    const client = await connect();
    const call = client.call('gate');
    await client.notification('notifications/tool/streamContent');
    probes.open();
    await call;
    expect(client.of('notifications/progress')).toEqual([]);
  });

  it('sends SEP-2998 partial results when asked, and repeats them in the final result', async () => {
    const client = await connect();
    const call = client.result(
      'tools/call',
      modern({ name: 'gate', arguments: {} }, { partialResults: {} }, { partialResultToken: 'prt' }),
    );
    await client.notification('notifications/tools/partial_result');
    probes.open();
    expect((await call).content.map(({ text }) => text)).toEqual(['first', 'second', ' and third', 'passed']);
    expect(client.of('notifications/tools/partial_result').map(({ params }) => params)).toEqual([
      { partialResultToken: 'prt', seq: 0, content: [{ type: 'text', text: 'first' }], final: false },
      {
        partialResultToken: 'prt',
        seq: 1,
        content: [
          { type: 'text', text: 'second' },
          { type: 'text', text: ' and third' },
        ],
        final: false,
      },
    ]);
    expect(client.of('notifications/tool/streamContent')).toEqual([]);
  });

  it('S0-06: that streamed and returns nothing has what it streamed as its result', async () => {
    const client = await connect();
    expect((await client.call('streams_only')).content.map(({ text }) => text).join('')).toBe('abc');
  });

  it('S0-12 S0-18: logs reach the caller at its level, with their data, and the operation at every level', async () => {
    const client = await connect();
    await client.call('logs');
    const seen = () => client.of('notifications/message').map(({ params }) => [params.level, params.data]);
    expect(seen()).toEqual([
      ['info', 'Info message'],
      ['warning', 'Warn message'],
      ['error', { message: 'Error message', context: 'Error: inside' }],
    ]);
    await client.result('logging/setLevel', { level: 'debug' });
    await client.call('logs');
    expect(seen()).toContainEqual(['debug', { message: 'Debug message', context: { data: 'value' } }]);
    await client.result('logging/setLevel', { level: 'emergency' });
    const count = seen().length;
    await client.call('logs');
    expect(seen()).toHaveLength(count);
    const { events } = await recorded('logs');
    expect(events.filter(({ event_type }) => event_type === 'log').map(({ data }) => data.level)).toEqual([
      'debug',
      'info',
      'warning',
      'error',
    ]);
    expect((await client.request('logging/setLevel', { level: 'loud' })).error).toMatchObject({
      code: -32602,
    });
  });

  it('2026-07-28: logs reach only who named a level in the request', async () => {
    const client = await connect();
    const call = { name: 'logs', arguments: {} };
    await client.result('tools/call', modern(call));
    expect(client.of('notifications/message')).toEqual([]);
    await client.result('tools/call', modern(call, {}, { 'io.modelcontextprotocol/logLevel': 'error' }));
    expect(client.of('notifications/message').map(({ params }) => params.level)).toEqual(['error']);
  });

  it('S0-20: a UserError is a tool error, recorded as one; other failures show no detail', async () => {
    const client = await connect();
    expect(await client.call('user_error')).toMatchObject({
      isError: true,
      content: [{ text: 'Failed to fetch data: no network' }],
    });
    expect((await recorded('user_error')).snapshot).toMatchObject({
      status: 'error',
      error: 'Failed to fetch data: no network',
      error_type: 'ToolError',
    });
    const crash = await client.call('crash');
    expect(crash.isError).toBe(true);
    expect(JSON.stringify(crash)).not.toContain('secret');
  });

  it('with arguments that do not fit is a tool error that names them', async () => {
    const client = await connect();
    expect(await client.call('echo', { text: 5 })).toMatchObject({
      isError: true,
      content: [{ text: expect.stringMatching(/Invalid arguments for tool echo: text: /) }],
    });
  });

  it('with an output schema returns structured content, which must fit', async () => {
    const client = await connect();
    expect(await client.call('sum', { a: 1, b: 2 })).toEqual({
      content: [{ type: 'text', text: '{"sum":3}' }],
      structuredContent: { sum: 3 },
    });
    expect((await client.call('sum', { a: 13, b: 2 })).isError).toBe(true);
  });

  it('that hangs ends at its timeout, and its signal fires', async () => {
    const client = await connect();
    expect(await client.call('hang')).toMatchObject({
      isError: true,
      content: [{ text: 'Tool "hang" timed out after 100 ms' }],
    });
  });

  it.each([
    'circular',
    'function',
    'bigint',
    'content',
    'structured bigint',
    'circular meta',
    'circular block',
  ])('that returns garbage (%s) is a tool error, recorded as one', async (kind) => {
    const client = await connect();
    expect((await client.call('garbage', { kind })).isError).toBe(true);
    expect((await recorded('garbage')).snapshot.status).toBe('error');
    expect(await client.result('ping')).toEqual({});
  });

  it('that reports garbage and waits for none of it has its result, and breaks nothing', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      const client = await connect();
      const result = await client.call('careless', {}, { _meta: { progressToken: 'p' } });
      expect(result.content[0]!.text).toBe('careless');
      expect(await client.result('ping')).toEqual({});
      expect((await recorded('careless')).snapshot.status).toBe('completed');
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });

  it('whose result cannot be recorded ends all the same', async () => {
    const client = await connect();
    expect((await client.call('deep')).structuredContent).toHaveProperty('value.value.value');
    expect((await recorded('deep')).snapshot).toMatchObject({
      status: 'completed',
      result: { truncated: true, preview: expect.stringContaining('structuredContent') },
    });
    expect((await client.request('tools/call', { name: 'protocol_garbage' })).error).toEqual({
      code: -32001,
      message: 'broken',
    });
    expect((await recorded('protocol_garbage')).snapshot).toMatchObject({ status: 'error', error: 'broken' });
  });

  it('that goes on after its end is not heard', async () => {
    const client = await connect();
    await client.call('late', {}, { _meta: { progressToken: 1 } });
    await new Promise((resolve) => setTimeout(resolve, 60));
    await client.request('ping');
    expect(client.notifications).toEqual([]);
    expect((await recorded('late')).events).toHaveLength(3);
  });

  it('ends by the cancellation of its caller, without an answer', async () => {
    const client = await connect();
    client.send({ jsonrpc: '2.0', id: 'c', method: 'tools/call', params: { name: 'gate' } });
    await client.notification('notifications/tool/streamContent');
    client.send({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: 'c', reason: 'bored' },
    });
    await eventually('the tool sees it', () => probes.aborted instanceof DOMException);
    expect(probes.aborted).toMatchObject({ name: 'AbortError', message: 'bored' });
    await eventually('it is recorded', async () => (await recorded('gate')).snapshot.status === 'cancelled');
    await client.request('ping');
    expect(client.frames.filter((frame) => frame.includes('"id":"c"'))).toEqual([]);
  });

  it('ends when its operation is cancelled over another face, and tells its caller so', async () => {
    const client = await connect();
    const call = client.call('gate');
    await client.notification('notifications/tool/streamContent');
    const { snapshot } = await recorded('gate');
    await service.rest.post(`/api/operations/${snapshot.operation_id}/cancel`, { reason: 'enough' });
    expect(await call).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('cancelled') }],
    });
  });

  it('2026-07-28 over WebSocket ends with its connection; a session waits for its client', async () => {
    const client = await connect();
    client.send({
      jsonrpc: '2.0',
      id: 1000,
      method: 'tools/call',
      params: modern({ name: 'gate', arguments: {} }),
    });
    await eventually('it runs', async () => (await recorded('gate')).snapshot.status === 'running');
    client.terminate();
    await eventually('it is cancelled', async () => (await recorded('gate')).snapshot.status === 'cancelled');
    const staying = await connect();
    staying.send({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'gate' } });
    await staying.notification('notifications/tool/streamContent');
    staying.terminate();
    await staying.closed;
    probes.open();
    await eventually('it completes', async () => (await recorded('gate')).snapshot.status === 'completed');
  });

  it('delivers every one of 1000 notifications in order, the answer last', async () => {
    const client = await connect();
    const result = await client.call('flood', { count: 1000 }, { _meta: { progressToken: 0 } });
    expect(result.content[0]!.text).toBe('flooded');
    const numbers = client.of('notifications/progress').map(({ params }) => params.progress);
    expect(numbers).toEqual(Array.from({ length: 1000 }, (_, index) => index + 1));
    expect(JSON.parse(client.frames.at(-1)!)).toHaveProperty('result');
  });
});

describe('The demo tools', () => {
  it('S0-09 S0-V20: generateText streams word by word', async () => {
    const client = await connect();
    const result = await client.call('generateText', { prompt: 'x' });
    const streamed = client
      .of('notifications/tool/streamContent')
      .map(({ params }) => params.content![0]!.text);
    const words = 'The quick brown fox jumps over the lazy dog.'.split(' ').map((word) => `${word} `);
    expect(streamed).toEqual(['Starting generation...\n', ...words]);
    expect(result.content.map(({ text }) => text)).toEqual(streamed);
    // 300 ms lie between the words, and nothing before the first: a busy machine makes pauses longer, never shorter.
    const firstPauses: number[] = [];
    for (let tries = 0; tries < 3; tries += 1) {
      if (tries > 0) await client.call('generateText', { prompt: 'x' });
      const times = client.notifications.slice(-10).map(({ at }) => at);
      const [first, ...between] = times.slice(1).map((at, index) => at - times[index]!);
      for (const pause of between) expect(pause).toBeGreaterThan(280);
      firstPauses.push(first!);
      if (first! < 200) break;
    }
    expect(Math.min(...firstPauses)).toBeLessThan(200);
  });

  it('S0-07 S0-08 S0-10 S0-11 S0-V21: processData streams, reports progress and returns a text', async () => {
    const client = await connect();
    const result = await client.call('processData', { datasetSize: 20 }, { _meta: { progressToken: 'p1' } });
    expect(result.content).toEqual([{ type: 'text', text: 'Processing complete!' }]);
    const streamed = client
      .of('notifications/tool/streamContent')
      .map(({ params }) => params.content![0]!.text);
    expect(streamed).toEqual(['Processed 0 of 20 items...\n', 'Processed 10 of 20 items...\n']);
    const counted = client.notifications.filter(
      ({ method, params }) => method === 'notifications/progress' && params.total === 20,
    );
    expect(counted.map(({ params }) => params.progress)).toEqual(
      Array.from({ length: 20 }, (_, item) => item),
    );
    const pauses = counted.slice(1).map(({ at }, index) => at - counted[index]!.at);
    expect(Math.min(...pauses)).toBeGreaterThan(40);
  });
});
