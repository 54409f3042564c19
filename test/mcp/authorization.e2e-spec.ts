import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { McpClient, modern, type Json } from '../harness/mcp-client.js';
import { McpHttpClient, modernHeaders, parseEvents, readEvents } from '../harness/mcp-http.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';
import { ConformanceFixtureModule } from './conformance/conformance-fixture.module.js';
import { ProbeTools, ProbeToolsModule } from './probe-tools.js';

const TASKS = { extensions: { 'io.modelcontextprotocol/tasks': {} } };
const ADA = { sub: 'ada', tenant: 'here' };
const BOB = { sub: 'bob', tenant: 'here' };
/** The same name in another tenant. */
const FOREIGN_ADA = { sub: 'ada', tenant: 'elsewhere' };

let service: RunningService;
const clients: McpClient[] = [];

beforeAll(async () => {
  const modules = [ProbeToolsModule, ConformanceFixtureModule];
  service = await RunningService.start({ STORE: 'memory', JWT_SECRET: SECRET }, modules);
});
afterEach(() => {
  for (const client of clients.splice(0)) client.terminate();
});
afterAll(() => service.stop());

/** @param sessionId of an earlier session to take up */
async function socket(claims: Json, sessionId?: string): Promise<McpClient> {
  const query = sessionId === undefined ? '' : `&session_id=${sessionId}`;
  const client = await McpClient.connect(`${service.ws}/mcp?token=${await sign(claims)}${query}`);
  clients.push(client);
  return client;
}

async function connect(claims: Json, capabilities: Json = {}): Promise<{ client: McpClient; id: string }> {
  const client = await socket(claims);
  const { _meta } = await client.initialize('2025-11-25', capabilities);
  return { client, id: String((_meta as Json)['opstream/sessionId']) };
}

async function http(claims: Json): Promise<McpHttpClient> {
  return new McpHttpClient(`${service.http}/mcp`, { authorization: `Bearer ${await sign(claims)}` });
}

async function session(claims: Json): Promise<McpHttpClient> {
  const client = await http(claims);
  await client.initialize();
  return client;
}

describe('A session over WebSocket', () => {
  it('S3-11 S3-12: what its calls say after a lost connection, answers too, is read over the next one', async () => {
    const probes = service.get(ProbeTools);
    const { client, id } = await connect(ADA);
    client.send({
      jsonrpc: '2.0',
      id: 'long',
      method: 'tools/call',
      params: { name: 'gate', _meta: { progressToken: 'p' } },
    });
    await client.notification('notifications/tool/streamContent');
    await eventually('the tool waits', () => probes.waiting);
    client.terminate();
    await client.closed;
    probes.open();
    const again = await socket(ADA, id);
    expect((await again.answerTo('long')).result.content[0]!.text).toBe('passed');
    expect(again.of('notifications/progress').at(-1)?.params).toMatchObject({
      progressToken: 'p',
      message: 'second and third',
    });
    // It is the same session, not a new one.
    expect(await again.result('ping')).toEqual({});
    await again.call('echo', { text: 'x' });
    expect(probes.context!.sessionId).toBe(id);
  });

  it.each([
    ['another user', BOB],
    ['the same user of another tenant', FOREIGN_ADA],
  ])('S3-11 S3-38: is not taken up by %s', async (_who, thief) => {
    const { client, id } = await connect(ADA);
    const other = await socket(thief, id);
    expect(await other.closed).toMatchObject({ code: 4404 });
    await client.call('test_trigger_tool_change');
    await client.notification('notifications/tools/list_changed');
    expect(other.of('notifications/tools/list_changed')).toEqual([]);
    expect(await client.result('ping')).toEqual({});
  });

  it("another's request is neither cancelled nor answered by using its id", async () => {
    const [{ client }, { client: other }] = [await connect(ADA, { elicitation: {} }), await connect(BOB)];
    const params = { name: 'test_elicitation', arguments: { message: 'Who?' } };
    client.send({ jsonrpc: '2.0', id: 'mine', method: 'tools/call', params });
    const question = (await client.notification('elicitation/create')) as unknown as { id: string };
    other.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'mine' } });
    other.send({ jsonrpc: '2.0', id: question.id, result: { action: 'accept', content: { stolen: 'yes' } } });
    await other.result('ping');
    client.send({ jsonrpc: '2.0', id: question.id, result: { action: 'decline' } });
    expect(JSON.stringify((await client.answerTo('mine')).result)).not.toContain('stolen');
  });
});

describe('A session over HTTP', () => {
  it("Last-Event-ID replays only the session's own streams, although others have streams of the same number", async () => {
    const [mine, theirs] = [await session(ADA), await session(FOREIGN_ADA)];
    const call = (text: string) => ({ name: 'unrecorded', arguments: { text } });
    const first = await mine.fetch(mine.message('tools/call', call('private')));
    const [event] = parseEvents(await first.text());
    await (await theirs.fetch(theirs.message('tools/call', call('own')))).text();
    const foreign = await theirs.get({ 'last-event-id': event!.id! });
    expect(foreign.status).toBe(400);
    expect(await foreign.text()).not.toContain('private');
    expect(
      (await theirs.get({ 'mcp-session-id': mine.sessionId!, 'last-event-id': event!.id! })).status,
    ).toBe(404);
  });
});

describe('Tasks', () => {
  it("another tenant's are unknown to every method of both generations", async () => {
    const [{ client }, { client: other }] = [await connect(ADA), await connect(FOREIGN_ADA)];
    const { task } = await client.call('gate', {}, { task: {} });
    const { taskId } = task;
    for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel']) {
      expect((await other.request(method, { taskId })).error).toMatchObject({ code: -32602 });
    }
    for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
      expect((await other.request(method, modern({ taskId }, TASKS))).error).toMatchObject({ code: -32602 });
    }
    expect(JSON.stringify(await other.result('tasks/list'))).not.toContain(taskId);
    const listen = modern({ notifications: { taskIds: [taskId] } }, TASKS);
    other.send({ jsonrpc: '2.0', id: 'listen', method: 'subscriptions/listen', params: listen });
    await other.notification('notifications/subscriptions/acknowledged');
    await client.result('tasks/cancel', { taskId });
    expect((await client.result('tasks/get', { taskId })).status).toBe('cancelled');
    await other.result('ping');
    expect(other.of('notifications/tasks')).toEqual([]);
  });

  it('without the scopes of operations a caller has those of its own calls, and no others', async () => {
    const { client: other } = await connect(BOB);
    const { task: theirs } = await other.call('gate', {}, { task: {} });
    await other.call('create_operation', { operation_type: 'build', operation_id: 'not-a-call' });
    const { client } = await connect({ ...ADA, scopes: ['mcp'] });
    const { task } = await client.call('gate', {}, { task: {} });
    const listed = (await client.result('tasks/list')).tasks.map(({ taskId }) => taskId);
    expect(listed).toContain(task.taskId);
    expect(listed).not.toContain(theirs.taskId);
    for (const taskId of [theirs.taskId, 'not-a-call']) {
      for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel']) {
        expect((await client.request(method, { taskId })).error).toMatchObject({ code: -32602 });
      }
    }
    const listen = modern({ notifications: { taskIds: [theirs.taskId, task.taskId] } }, TASKS);
    client.send({ jsonrpc: '2.0', id: 'listen', method: 'subscriptions/listen', params: listen });
    await client.notification('notifications/subscriptions/acknowledged');
    await other.result('tasks/cancel', { taskId: theirs.taskId });
    expect((await client.result('tasks/cancel', { taskId: task.taskId })).status).toBe('cancelled');
    await client.notification('notifications/tasks', ({ taskId }) => taskId === task.taskId);
    expect(client.of('notifications/tasks').map(({ params }) => params.taskId)).not.toContain(theirs.taskId);
  });
});

describe('Scopes', () => {
  it('S3-38: without the scope mcp nothing is served, over HTTP and over WebSocket', async () => {
    const claims = { ...ADA, scopes: ['operations:read'] };
    const refused = await (await http(claims)).request('ping');
    expect([refused.status, refused.answer.error?.data]).toEqual([403, { code: 'forbidden' }]);
    const client = await socket(claims);
    expect((await client.request('initialize')).error).toMatchObject({ data: { code: 'forbidden' } });
  });

  it.each([
    ['create_operation', { operation_type: 'x' }],
    ['get_operation', { operation_id: 'x' }],
    ['list_operations', {}],
    ['watch_operation', { operation_id: 'x' }],
    ['cancel_operation', { operation_id: 'x' }],
  ])('the tool %s needs its own', async (name, args) => {
    const { client } = await connect({ ...ADA, scopes: ['mcp'] });
    const params = { name, arguments: args };
    for (const each of [params, modern(params)]) {
      expect((await client.request('tools/call', each)).error).toMatchObject({ data: { code: 'forbidden' } });
    }
  });

  it('resources of operations are neither read nor followed without theirs', async () => {
    const { client } = await connect({ ...ADA, scopes: ['mcp'] });
    const uri = 'operation://any';
    const forbidden = { data: { code: 'forbidden' } };
    expect((await client.request('resources/read', { uri })).error).toMatchObject(forbidden);
    expect((await client.request('resources/subscribe', { uri })).error).toMatchObject(forbidden);
    const listen = modern({ notifications: { resourceSubscriptions: [uri] } });
    expect((await client.request('subscriptions/listen', listen)).error).toMatchObject(forbidden);
  });
});

describe('Resources', () => {
  it("of 2026-07-28: listeners hear nothing of another tenant's", async () => {
    const [mine, theirs] = [await http(ADA), await http(FOREIGN_ADA)];
    const create = (operation_id: string) => ({
      name: 'create_operation',
      arguments: { operation_type: 'build', operation_id },
    });
    await mine.modern('tools/call', create('same-id'));
    await theirs.modern('tools/call', create('same-id'));
    await theirs.modern('tools/call', create('other-id'));
    const params = {
      notifications: { resourceSubscriptions: ['operation://same-id', 'operation://other-id'] },
    };
    const body = theirs.message('subscriptions/listen', modern(params));
    const events = readEvents(await theirs.fetch(body, modernHeaders('subscriptions/listen', params)));
    await events.next();
    const cancel = (operation_id: string) => ({ name: 'cancel_operation', arguments: { operation_id } });
    await mine.modern('tools/call', cancel('same-id'));
    await theirs.modern('tools/call', cancel('other-id'));
    const { value } = await events.next();
    expect(JSON.parse(value!.data)).toMatchObject({ params: { uri: 'operation://other-id' } });
    await events.return(undefined);
  });

  it('answers to input_required are good for their own user only', async () => {
    const [mine, theirs] = [await http(ADA), await http(BOB)];
    const call = { name: 'test_input_required_result_multi_round', arguments: {} };
    const capabilities = { elicitation: {} };
    const { requestState } = (await mine.modern('tools/call', call, capabilities)).answer.result;
    const inputResponses = { step1: { action: 'accept', content: { name: 'Ada' } } };
    const retry = { ...call, requestState, inputResponses };
    expect((await theirs.modern('tools/call', retry, capabilities)).answer.error?.code).toBe(-32602);
    expect((await mine.modern('tools/call', retry, capabilities)).answer.result).toMatchObject({
      resultType: 'input_required',
    });
  });
});
