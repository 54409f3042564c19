import { Injectable, Module } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RestClient } from '../../src/client/index.js';
import { McpModule } from '../../src/mcp/mcp.module.js';
import type { ToolContext } from '../../src/mcp/tools/tool-context.js';
import { Tool } from '../../src/mcp/tools/tool.decorator.js';
import { eventually } from '../harness/eventually.js';
import { McpClient, type Json } from '../harness/mcp-client.js';
import { McpHttpClient } from '../harness/mcp-http.js';
import { RunningService } from '../harness/running-service.js';

const FORM = { type: 'object', properties: { age: { type: 'integer' } }, required: ['age'] } as const;

@Injectable()
class Asking {
  runs = 0;

  @Tool({ scope: null, name: 'ask_age', description: 'Asks' })
  async ask(_args: object, { requestInput }: ToolContext): Promise<string> {
    this.runs += 1;
    const { who } = await requestInput({
      who: { method: 'elicitation/create', params: { message: 'How old?', requestedSchema: FORM } },
    });
    return JSON.stringify(who);
  }
}

@Module({ imports: [McpModule], providers: [Asking], exports: [Asking] })
class AskingModule {}

const TASKS = { extensions: { 'io.modelcontextprotocol/tasks': {} }, elicitation: {} };

let service: RunningService;
let rest: RestClient;
const clients: McpClient[] = [];

beforeAll(async () => {
  service = await RunningService.start({ STORE: 'memory' }, [AskingModule]);
  rest = new RestClient({ url: service.http });
});
afterEach(() => {
  for (const client of clients.splice(0)) client.terminate();
});
afterAll(() => service.stop());

async function connect(): Promise<McpClient> {
  const client = await McpClient.connect(`${service.ws}/mcp`);
  clients.push(client);
  await client.initialize('2025-11-25', { elicitation: {} });
  return client;
}

/** The operation of the call that asks. */
async function asking(): Promise<string> {
  let id: string | undefined;
  await eventually('a call asks', async () => {
    const { operations } = await rest.listOperations({ status: 'input_required' });
    id = operations[0]?.operation_id;
    return id !== undefined;
  });
  return id!;
}

const changes = async (id: string) =>
  (await rest.getEvents(id)).events.flatMap(({ data }) => ('input' in data ? [data.input] : []));

describe('A question of a tool call has two doors', () => {
  it('answered over REST: the tool goes on, and the client is told that its answer is not wanted', async () => {
    const client = await connect();
    const call = client.call('ask_age');
    const question = await client.notification('elicitation/create');
    const id = await asking();
    expect((await rest.getOperation(id)).input_requests).toMatchObject([
      { key: 'who', message: 'How old?', schema: FORM },
    ]);
    await rest.answerInput(id, 'who', { age: 41 });
    expect(JSON.parse((await call).content[0]!.text)).toEqual({ action: 'accept', content: { age: 41 } });
    const cancelled = await client.notification('notifications/cancelled');
    expect(cancelled.params.requestId).toBe((question as unknown as { id: number }).id);
    // Its late answer changes nothing.
    client.send({
      jsonrpc: '2.0',
      id: (question as unknown as { id: number }).id,
      result: { action: 'accept', content: { age: 1 } },
    });
    expect(await changes(id)).toMatchObject([
      { state: 'requested' },
      { state: 'answered', answer: { age: 41 } },
    ]);
  });

  it('answered by the client: everybody sees it in the log, and a later answer is refused', async () => {
    const client = await connect();
    const call = client.call('ask_age');
    const { id: question } = (await client.notification('elicitation/create')) as unknown as { id: number };
    const id = await asking();
    client.send({ jsonrpc: '2.0', id: question, result: { action: 'accept', content: { age: 7 } } });
    expect(JSON.parse((await call).content[0]!.text)).toEqual({ action: 'accept', content: { age: 7 } });
    expect(await changes(id)).toMatchObject([
      { state: 'requested', key: 'who' },
      { state: 'answered', by: 'anonymous', answer: { age: 7 } },
    ]);
    await expect(rest.answerInput(id, 'who', { age: 8 })).rejects.toMatchObject({ status: 409 });
  });

  it('declined over REST is declined for the tool; declined by the client is in the log', async () => {
    const client = await connect();
    const first = client.call('ask_age');
    await rest.declineInput(await asking(), 'who');
    expect(JSON.parse((await first).content[0]!.text)).toEqual({ action: 'decline' });
    client.notifications.length = 0;
    const second = client.call('ask_age');
    const { id: question } = (await client.notification('elicitation/create')) as unknown as { id: number };
    const id = await asking();
    client.send({ jsonrpc: '2.0', id: question, result: { action: 'decline' } });
    await second;
    expect(await changes(id)).toMatchObject([{ state: 'requested' }, { state: 'declined', by: 'anonymous' }]);
  });

  it('of a task of 2026-07-28: an answer over REST counts, and so does tasks/update', async () => {
    const client = new McpHttpClient(`${service.http}/mcp`);
    const params = { name: 'ask_age', arguments: {} };
    const taskOf = async () => (await client.modern('tools/call', params, TASKS)).answer.result.taskId;
    const get = async (taskId: string) => (await client.modern('tasks/get', { taskId }, TASKS)).answer.result;
    const done = async (taskId: string): Promise<Json> => {
      await eventually('the task ends', async () => (await get(taskId)).status === 'completed');
      return (await get(taskId)).result as Json;
    };
    const first = await taskOf();
    await eventually('it asks', async () => (await get(first)).status === 'input_required');
    expect((await get(first)).inputRequests).toMatchObject({ who: { method: 'elicitation/create' } });
    await rest.answerInput(first, 'who', { age: 3 });
    expect(JSON.stringify(await done(first))).toContain('\\"age\\":3');
    const second = await taskOf();
    await eventually('it asks', async () => (await get(second)).status === 'input_required');
    const inputResponses = { who: { action: 'accept', content: { age: 4 } } };
    await client.modern('tasks/update', { taskId: second, inputResponses }, TASKS);
    expect(JSON.stringify(await done(second))).toContain('\\"age\\":4');
    expect(await changes(second)).toMatchObject([
      { state: 'requested' },
      { state: 'answered', answer: { age: 4 } },
    ]);
  });

  it('while the connection is cut: a person answers, and the retry gets the result once', async () => {
    const client = new McpHttpClient(`${service.http}/mcp`);
    await client.initialize('2025-11-25', { elicitation: {} });
    const tool = service.get(Asking);
    const before = tool.runs;
    const message = {
      name: 'ask_age',
      arguments: {},
      _meta: { 'opstream/cache_key': 'cut', 'opstream/ttl': 60 },
    };
    const cut = new AbortController();
    const lost = client.fetch(client.message('tools/call', message), {}, cut.signal);
    lost.then((response) => response.text()).catch(() => {});
    const id = await asking();
    cut.abort();
    await rest.answerInput(id, 'who', { age: 99 });
    const retried = await client.request('tools/call', message);
    expect(retried.answer.result).toMatchObject({
      content: [{ text: JSON.stringify({ action: 'accept', content: { age: 99 } }) }],
      _meta: { 'opstream/cached': true, 'opstream/operation_id': id },
    });
    expect(tool.runs).toBe(before + 1);
  });
});
