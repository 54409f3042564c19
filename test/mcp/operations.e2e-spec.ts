import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { McpClient, modern } from '../harness/mcp-client.js';
import { RunningService } from '../harness/running-service.js';

let service: RunningService;
let client: McpClient;

beforeAll(async () => {
  service = await RunningService.start({ STORE: 'memory' });
});
afterEach(() => client.terminate());
afterAll(() => service.stop());

async function connect(): Promise<McpClient> {
  client = await McpClient.connect(`${service.ws}/mcp`);
  await client.initialize();
  return client;
}

describe('Operations as MCP tools', () => {
  it('are created, got, listed and cancelled', async () => {
    await connect();
    const created = await client.call('create_operation', {
      operation_type: 'build',
      metadata: { ref: 'main' },
    });
    const { operation_id } = created.structuredContent.operation;
    expect(created.structuredContent.operation).toMatchObject({ operation_type: 'build', status: 'running' });
    expect(JSON.parse(created.content[0]!.text)).toEqual(created.structuredContent);
    const got = await client.call('get_operation', { operation_id });
    expect(got.structuredContent.operation).toMatchObject({ operation_id, metadata: { ref: 'main' } });
    const listed = await client.call('list_operations', { type: 'build', active: true, limit: 1 });
    expect(listed.structuredContent.operations).toMatchObject([{ operation_id }]);
    const cancelled = await client.call('cancel_operation', { operation_id, reason: 'not needed' });
    expect(cancelled.structuredContent.operation).toMatchObject({
      status: 'cancelled',
      message: 'not needed',
    });
    expect((await client.call('cancel_operation', { operation_id })).isError).toBe(true);
    expect(await client.call('get_operation', { operation_id: 'unknown' })).toMatchObject({
      isError: true,
      _meta: { code: 'operation_not_found' },
    });
  });

  it('are watched from the first event to the end, stored ones first', async () => {
    await connect();
    await client.call('create_operation', { operation_type: 'build', operation_id: 'watched' });
    await service.rest.post('/api/operations/watched/progress', { progress: 0.25, message: 'a quarter' });
    const call = client.call(
      'watch_operation',
      { operation_id: 'watched' },
      { _meta: { progressToken: 'w' } },
    );
    await client.notification('notifications/progress', ({ progress }) => progress === 0.25);
    await service.rest.post('/api/operations/watched/log', { level: 'info', message: 'live' });
    await service.rest.post('/api/operations/watched/result', { result: 42 });
    expect((await call).structuredContent.operation).toMatchObject({ status: 'completed', result: 42 });
    const events = client
      .of('notifications/tool/streamContent')
      .map(({ params }) => JSON.parse(params.content![0]!.text) as { seq: number; event_type: string });
    expect(events.map(({ event_type }) => event_type)).toEqual([
      'status',
      'progress',
      'log',
      'result',
      'completed',
    ]);
    expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
  });
});

describe('A place in a log that a client of MCP remembers', () => {
  it('is told as trimmed when its events are gone, and as lost when the log is shorter or another one', async () => {
    const small = await RunningService.start({ STORE: 'memory', MAX_EVENTS_PER_OPERATION: '10' });
    const watcher = await McpClient.connect(`${small.ws}/mcp`);
    await watcher.initialize();
    await small.rest.post('/api/operations', { operation_type: 'build', operation_id: 'long' });
    for (let n = 0; n < 40; n++) await small.rest.emit('long', 'log', { message: `${n}` });
    await small.rest.emit('long', 'result', { result: 'done' });
    const watch = async (place: object): Promise<[string[], boolean]> => {
      const before = watcher.of('notifications/tool/streamContent').length;
      const result = await watcher.call(
        'watch_operation',
        { operation_id: 'long', ...place },
        { _meta: { progressToken: 'w' } },
      );
      const told = watcher
        .of('notifications/tool/streamContent')
        .slice(before)
        .map(({ params }) => (JSON.parse(params.content![0]!.text) as { event_type: string }).event_type);
      return [told, (result.structuredContent as { history_lost?: boolean }).history_lost === true];
    };
    const { log } = (await watcher.call('get_operation', { operation_id: 'long' })).structuredContent
      .operation;
    expect(log).toMatch(/^\w+\.\d+\.\d+$/);
    expect((await watch({ after_seq: 5, log }))[0].slice(0, 2)).toEqual(['history_trimmed', 'log']);
    expect(await watch({ after_seq: 42, log })).toEqual([['completed'], false]);
    const [shorter, isLost] = await watch({ after_seq: 99 });
    expect([shorter.slice(0, 2), isLost]).toEqual([['history_lost', 'history_trimmed'], true]);
    expect((await watch({ after_seq: 42, log: 'another.1.1' }))[1]).toBe(true);
    expect(await watcher.call('watch_operation', { operation_id: 'long', log: 'no token' })).toMatchObject({
      isError: true,
      _meta: { code: 'invalid_cursor' },
    });
    watcher.terminate();
    await small.stop();
  });
});

describe('Operations as MCP resources', () => {
  it('are listed as templates and read', async () => {
    await connect();
    await client.call('create_operation', { operation_type: 'build', operation_id: 'read-me' });
    const state = await client.result('resources/read', { uri: 'operation://read-me' });
    expect(state.contents[0]).toMatchObject({ uri: 'operation://read-me', mimeType: 'application/json' });
    expect(JSON.parse(state.contents[0]!.text)).toMatchObject({ operation_id: 'read-me', status: 'running' });
    const log = await client.result('resources/read', { uri: 'operation://read-me/events' });
    expect(JSON.parse(log.contents[0]!.text.trim())).toMatchObject({ event_type: 'status', seq: 1 });
  });

  it('that do not exist are errors in the code of the era', async () => {
    await connect();
    const uri = 'operation://nothing';
    expect((await client.request('resources/read', { uri })).error).toMatchObject({
      code: -32002,
      data: { uri },
    });
    expect((await client.request('resources/read', modern({ uri }))).error).toMatchObject({ code: -32602 });
    expect((await client.request('resources/read', { uri: 'nothing://at/all' })).error?.code).toBe(-32002);
    expect((await client.request('resources/read', {})).error?.code).toBe(-32602);
  });

  it('tell their subscribers of changes, in sessions and without, until unsubscribed', async () => {
    await connect();
    await client.call('create_operation', { operation_type: 'build', operation_id: 'changing' });
    const uri = 'operation://changing';
    await client.result('resources/subscribe', { uri });
    const listening = modern({ notifications: { resourceSubscriptions: [`${uri}/events`] } });
    client.send({ jsonrpc: '2.0', id: 'l', method: 'subscriptions/listen', params: listening });
    await client.notification('notifications/subscriptions/acknowledged');
    await service.rest.post('/api/operations/changing/progress', { progress: 0.5 });
    await client.notification('notifications/resources/updated', (params) => params.uri === uri);
    expect(
      (
        await client.notification(
          'notifications/resources/updated',
          (params) => params.uri === `${uri}/events`,
        )
      ).params,
    ).toMatchObject({ _meta: { 'io.modelcontextprotocol/subscriptionId': 'l' } });
    await client.result('resources/unsubscribe', { uri });
    client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'l' } });
    const count = client.notifications.length;
    await service.rest.post('/api/operations/changing/result', { result: 1 });
    await client.result('ping');
    expect(client.notifications).toHaveLength(count);
  });

  it('a burst of changes is told a bounded number of times, the last one included', async () => {
    await connect();
    await client.call('create_operation', { operation_type: 'build', operation_id: 'busy' });
    await client.result('resources/subscribe', { uri: 'operation://busy' });
    const lines = Array.from({ length: 500 }, (_, n) => ({ event_type: 'log', data: { message: `${n}` } }));
    for (let at = 0; at < 500; at += 50) {
      await service.rest.post('/api/operations/busy/events', lines.slice(at, at + 50));
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
    const updates = client.of('notifications/resources/updated').length;
    expect(updates).toBeGreaterThanOrEqual(2);
    expect(updates).toBeLessThan(60);
  });
});
