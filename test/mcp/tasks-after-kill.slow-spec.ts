import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { McpClient, modern, type Json, type McpResult } from '../harness/mcp-client.js';
import { ServiceProcess } from '../harness/service-process.js';

const TASKS = { extensions: { 'io.modelcontextprotocol/tasks': {} } };
/** A call of this length is still running when the service is killed. */
const ENDLESS = { datasetSize: 10_000 };
const SHORT_TTL_MS = 3000;

let service: ServiceProcess;
const clients: McpClient[] = [];

beforeAll(async () => {
  service = await ServiceProcess.start({ DEMO: 'true', LOG_LEVEL: 'info' });
});
afterAll(async () => {
  for (const client of clients) client.terminate();
  await service.stop();
});

async function connect(): Promise<McpClient> {
  const client = await McpClient.connect(`${service.url.replace('http', 'ws')}/mcp`);
  clients.push(client);
  await client.initialize();
  return client;
}

async function post(path: string, body: Json): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(service.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  expect(response.ok).toBe(true);
}

/** The ids of tasks of every kind. */
async function begin(client: McpClient): Promise<Record<string, string>> {
  const legacy = async (name: string, args: Json, task: Json): Promise<string> =>
    (await client.call(name, args, { task })).task.taskId;
  const done = await legacy('processData', { datasetSize: 5 }, {});
  const shortLived = await legacy('processData', { datasetSize: 5 }, { ttl: SHORT_TTL_MS });
  for (const taskId of [done, shortLived]) await client.result('tasks/result', { taskId });
  const call = modern({ name: 'processData', arguments: ENDLESS }, TASKS);
  for (const operation_id of ['kept', 'kept-too']) {
    await post('/api/operations', { operation_type: 'build', operation_id });
    await post(`/api/operations/${operation_id}/progress`, { progress: 0.5, message: 'half' });
  }
  return {
    done,
    shortLived,
    interrupted: await legacy('processData', ENDLESS, { ttl: 600_000 }),
    interruptedToo: (await client.result('tools/call', call)).taskId,
  };
}

async function ofBothGenerations(client: McpClient, taskId: string): Promise<[McpResult, McpResult]> {
  return [
    await client.result('tasks/get', { taskId }),
    await client.result('tasks/get', modern({ taskId }, TASKS)),
  ];
}

it('tasks of both generations survive kill -9: status, result, cancel and lifetime', async () => {
  const before = await connect();
  const tasks = await begin(before);
  const waiting = before.request('tasks/result', { taskId: tasks.interrupted! }).catch(() => 'lost');
  await service.kill();
  await before.closed;
  await service.restart();
  const after = await connect();

  for (const task of await ofBothGenerations(after, tasks.done!)) {
    expect(task).toMatchObject({ taskId: tasks.done, status: 'completed' });
  }
  const result = { content: [{ type: 'text', text: 'Processing complete!' }] };
  expect(await after.result('tasks/result', { taskId: tasks.done! })).toMatchObject(result);
  expect((await ofBothGenerations(after, tasks.done!))[1].result).toMatchObject(result);

  // Nobody runs them any more, and who waits for them is told so.
  for (const taskId of [tasks.interrupted!, tasks.interruptedToo!]) {
    for (const task of await ofBothGenerations(after, taskId)) {
      expect(task).toMatchObject({ status: 'failed', statusMessage: expect.stringContaining('restarted') });
    }
    expect((await after.request('tasks/result', { taskId })).error?.message).toContain('restarted');
    expect((await after.request('tasks/cancel', { taskId })).error).toMatchObject({ code: -32602 });
    expect(await after.result('tasks/cancel', modern({ taskId }, TASKS))).toMatchObject({
      resultType: 'complete',
    });
  }
  expect((await ofBothGenerations(after, tasks.interrupted!))[0].ttl).toBe(600_000);

  // Others run what is no tool call: it goes on where it was.
  for (const task of await ofBothGenerations(after, 'kept')) {
    expect(task).toMatchObject({ status: 'working', statusMessage: 'half' });
  }
  const listen = modern({ notifications: { taskIds: ['kept-too'] } }, TASKS);
  after.send({ jsonrpc: '2.0', id: 'listen', method: 'subscriptions/listen', params: listen });
  await after.notification('notifications/subscriptions/acknowledged');
  expect((await after.result('tasks/cancel', { taskId: 'kept' })).status).toBe('cancelled');
  await after.result('tasks/cancel', modern({ taskId: 'kept-too' }, TASKS));
  await after.notification('notifications/tasks', ({ status }) => status === 'cancelled');

  const listed = (await after.result('tasks/list')).tasks.map(({ taskId }) => taskId);
  for (const id of ['kept', 'kept-too', tasks.done, tasks.interrupted, tasks.interruptedToo]) {
    expect(listed).toContain(id);
  }
  await eventually('its lifetime is over', async () => {
    const { error } = await after.request('tasks/get', { taskId: tasks.shortLived! });
    return error?.code === -32602;
  });

  // Once more: what was ended by the restart, or cancelled after it, is not touched again.
  await service.kill();
  await service.restart();
  const last = await connect();
  expect((await ofBothGenerations(last, 'kept'))[0].status).toBe('cancelled');
  expect((await ofBothGenerations(last, tasks.interrupted!))[0].status).toBe('failed');
  expect(await last.result('tasks/result', { taskId: tasks.done! })).toMatchObject(result);
  void waiting;
}, 60_000);
