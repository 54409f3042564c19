import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { McpClient, modern, type Json } from '../harness/mcp-client.js';
import { RunningService } from '../harness/running-service.js';
import { ConformanceFixtureModule } from './conformance/conformance-fixture.module.js';
import { ProbeTools, ProbeToolsModule } from './probe-tools.js';

const TASKS = { extensions: { 'io.modelcontextprotocol/tasks': {} } };

let service: RunningService;
const clients: McpClient[] = [];

async function connect(capabilities: Json = {}): Promise<McpClient> {
  const client = await McpClient.connect(`${service.ws}/mcp`);
  clients.push(client);
  await client.initialize('2025-11-25', capabilities);
  return client;
}

const asTask = (client: McpClient, name: string, args: Json = {}, capabilities: Json = {}) =>
  client.result('tools/call', modern({ name, arguments: args }, { ...TASKS, ...capabilities }));
const get = (client: McpClient, taskId: string) => client.result('tasks/get', modern({ taskId }, TASKS));

beforeAll(async () => {
  service = await RunningService.start({ STORE: 'memory' }, [ProbeToolsModule, ConformanceFixtureModule]);
});
afterEach(() => {
  for (const client of clients.splice(0)) client.terminate();
});
afterAll(() => service.stop());

describe('Tasks of 2025-11-25', () => {
  it('are created, told of, got, listed, and give their result, which says whose it is', async () => {
    const client = await connect();
    const { task } = await client.call('gate', {}, { task: { ttl: 60_000 } });
    expect(task).toMatchObject({ status: 'working', ttl: 60_000, pollInterval: expect.any(Number) });
    expect((await client.result('tasks/get', { taskId: task.taskId })).status).toBe('working');
    const listed = await client.result('tasks/list');
    expect(listed.tasks[0]).toMatchObject({ taskId: task.taskId, status: 'working' });
    const waiting = client.result('tasks/result', { taskId: task.taskId });
    service.get(ProbeTools).open();
    expect(await waiting).toMatchObject({
      content: [{ type: 'text', text: 'passed' }],
      _meta: { 'io.modelcontextprotocol/related-task': { taskId: task.taskId } },
    });
    expect((await client.result('tasks/get', { taskId: task.taskId })).status).toBe('completed');
  });

  it('keep their progress token alive', async () => {
    const client = await connect();
    const { task } = await client.call('gate', {}, { task: {}, _meta: { progressToken: 'p' } });
    await client.notification('notifications/progress', ({ message }) => message === 'first');
    service.get(ProbeTools).open();
    await client.result('tasks/result', { taskId: task.taskId });
  });

  it('are cancelled, once', async () => {
    const client = await connect();
    const { task } = await client.call('gate', {}, { task: {} });
    expect((await client.result('tasks/cancel', { taskId: task.taskId })).status).toBe('cancelled');
    expect((await client.request('tasks/cancel', { taskId: task.taskId })).error).toMatchObject({
      code: -32602,
    });
    expect((await client.request('tasks/result', { taskId: task.taskId })).error).toBeDefined();
  });

  it('are refused or required as the tool says', async () => {
    const client = await connect();
    const forbidden = { name: 'greet', arguments: { name: 'x' }, task: {} };
    expect((await client.request('tools/call', forbidden)).error).toMatchObject({ code: -32601 });
    expect((await client.request('tools/call', { name: 'failing_job' })).error).toMatchObject({
      code: -32601,
    });
    const { task } = await client.call('failing_job', {}, { task: {} });
    expect(await client.result('tasks/result', { taskId: task.taskId })).toMatchObject({ isError: true });
    expect((await client.result('tasks/get', { taskId: task.taskId })).status).toBe('failed');
    const broken = await client.call('protocol_error_job', {}, { task: {} });
    expect((await client.request('tasks/result', { taskId: broken.task.taskId })).error).toMatchObject({
      code: -32603,
      message: 'The job broke',
    });
  });

  it('ask for input through the session, and say so meanwhile', async () => {
    const client = await connect({ elicitation: {} });
    const { task } = await client.call('confirm_delete', { filename: 'f' }, { task: {} });
    await eventually('it waits', async () => {
      return (await client.result('tasks/get', { taskId: task.taskId })).status === 'input_required';
    });
    const question = await client.notification('elicitation/create');
    expect(question.params).toMatchObject({
      message: 'Delete f?',
      _meta: { 'io.modelcontextprotocol/related-task': { taskId: task.taskId } },
    });
    const { id } = question as unknown as { id: string };
    client.send({ jsonrpc: '2.0', id, result: { action: 'accept', content: {} } });
    expect((await client.result('tasks/result', { taskId: task.taskId })).content[0]!.text).toBe('Deleted f');
  });

  it('expire when their time is over', async () => {
    const client = await connect();
    const { task } = await client.call('echo', { text: 'x' }, { task: { ttl: 1 } });
    await client.result('tasks/result', { taskId: task.taskId }).catch(() => {});
    await eventually('it is gone', async () => {
      return (await client.request('tasks/get', { taskId: task.taskId })).error?.code === -32602;
    });
  });

  it('every operation is one, whoever opened it', async () => {
    const client = await connect();
    await service.rest.post('/api/operations', { operation_type: 'build', operation_id: 'from-rest' });
    await service.rest.post('/api/operations/from-rest/progress', { progress: 0.5, message: 'half' });
    expect(await client.result('tasks/get', { taskId: 'from-rest' })).toMatchObject({
      status: 'working',
      statusMessage: 'half',
    });
    await service.rest.post('/api/operations/from-rest/result', { result: { files: 3 } });
    expect(await client.result('tasks/result', { taskId: 'from-rest' })).toMatchObject({
      structuredContent: { files: 3 },
      content: [{ type: 'text', text: '{"files":3}' }],
    });
    expect((await get(client, 'from-rest')).result).toMatchObject({ structuredContent: { files: 3 } });
    await service.rest.post('/api/operations', { operation_type: 'build', operation_id: 'broken-job' });
    await service.rest.post('/api/operations/broken-job/error', { error: 'No space', error_type: 'IOError' });
    expect(await get(client, 'broken-job')).toMatchObject({
      status: 'failed',
      error: { code: -32000, message: 'No space', data: { type: 'IOError' } },
    });
  });
});

describe('Tasks of 2026-07-28', () => {
  it('are made only for callers that declare the extension, and not for calls that end at once', async () => {
    const client = await connect();
    const call = { name: 'slow_compute', arguments: { seconds: 0 } };
    expect(await client.result('tools/call', modern(call))).toMatchObject({ resultType: 'complete' });
    expect(await asTask(client, 'slow_compute', { seconds: 0 })).toMatchObject({ resultType: 'complete' });
    const { taskId, resultType } = await asTask(client, 'slow_compute', { seconds: 60 });
    expect(resultType).toBe('task');
    expect((await client.request('tasks/get', modern({ taskId }))).error).toMatchObject({
      code: -32021,
      data: { requiredCapabilities: TASKS },
    });
    expect(await client.result('tasks/cancel', modern({ taskId }, TASKS))).toMatchObject({
      resultType: 'complete',
    });
    expect((await get(client, taskId)).status).toBe('cancelled');
    expect(await client.result('tasks/cancel', modern({ taskId }, TASKS))).toMatchObject({
      resultType: 'complete',
    });
  });

  it('a caller that wants progress gets the call itself', async () => {
    const client = await connect();
    const call = client.result(
      'tools/call',
      modern({ name: 'gate', arguments: {} }, TASKS, { progressToken: 'p' }),
    );
    await client.notification('notifications/progress', ({ message }) => message === 'first');
    service.get(ProbeTools).open();
    expect(await call).toMatchObject({ resultType: 'complete' });
  });

  it('tell listeners of every change of status', async () => {
    const client = await connect();
    const { taskId } = await asTask(client, 'confirm_delete', { filename: 'f' }, { elicitation: {} });
    const listening = modern({ notifications: { taskIds: [taskId] } }, TASKS);
    client.send({ jsonrpc: '2.0', id: 'listen', method: 'subscriptions/listen', params: listening });
    expect((await client.notification('notifications/subscriptions/acknowledged')).params).toEqual({
      notifications: { taskIds: [taskId] },
      _meta: { 'io.modelcontextprotocol/subscriptionId': 'listen' },
    });
    const waiting = await get(client, taskId);
    expect(waiting.inputRequests).toMatchObject({ confirm: { method: 'elicitation/create' } });
    const answers = { confirm: { action: 'accept', content: { confirm: true } } };
    await client.result('tasks/update', modern({ taskId, inputResponses: answers }, TASKS));
    const { params } = await client.notification(
      'notifications/tasks',
      ({ status }) => status === 'completed',
    );
    expect(params).toMatchObject({
      taskId,
      result: { content: [{ text: 'Deleted f' }] },
      _meta: { 'io.modelcontextprotocol/subscriptionId': 'listen' },
    });
  });

  it('refuse answers of the wrong shape and keep waiting', async () => {
    const client = await connect();
    const { taskId } = await asTask(client, 'confirm_delete', { filename: 'f' }, { elicitation: {} });
    const wrong = modern({ taskId, inputResponses: { confirm: 5 } }, TASKS);
    expect((await client.request('tasks/update', wrong)).error).toMatchObject({ code: -32602 });
    expect((await get(client, taskId)).status).toBe('input_required');
  });
});

describe('Tasks and a restart', () => {
  it('what ended is still there, and what was interrupted says so', async () => {
    const DATA_DIR = await mkdtemp(join(tmpdir(), 'opstream-tasks-'));
    const before = await RunningService.start({ DATA_DIR }, [ProbeToolsModule]);
    const first = await McpClient.connect(`${before.ws}/mcp`);
    await first.initialize();
    const done = await first.call('echo', { text: 'kept' }, { task: {} });
    await first.result('tasks/result', { taskId: done.task.taskId });
    const interrupted = await first.call('gate', {}, { task: {} });
    // A crash would leave an operation like this one: nobody runs it.
    await before.rest.post('/api/operations', {
      operation_type: 'mcp.tool/gate',
      operation_id: 'left-behind',
    });
    await before.stop();
    const after = await RunningService.start({ DATA_DIR }, [ProbeToolsModule]);
    try {
      const second = await McpClient.connect(`${after.ws}/mcp`);
      await second.initialize();
      const result = await second.result('tasks/result', { taskId: done.task.taskId });
      expect(result.content).toEqual([{ type: 'text', text: 'kept' }]);
      for (const taskId of [interrupted.task.taskId, 'left-behind']) {
        expect(await get(second, taskId)).toMatchObject({
          status: 'failed',
          error: { message: expect.stringMatching(/stopped|restarted/) },
        });
      }
      second.terminate();
    } finally {
      await after.stop();
      await rm(DATA_DIR, { recursive: true });
    }
  });
});
