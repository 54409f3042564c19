import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Module } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { McpModule } from '../../src/mcp/mcp.module.js';
import { ResourceRegistry } from '../../src/mcp/resources/resource-registry.js';
import type { InputRequests, ToolContext } from '../../src/mcp/tools/tool-context.js';
import { defineTool } from '../../src/mcp/tools/tool-definition.js';
import { ToolRegistry } from '../../src/mcp/tools/tool-registry.js';
import { Tool } from '../../src/mcp/tools/tool.decorator.js';
import { eventually } from '../harness/eventually.js';
import { McpClient, type Json } from '../harness/mcp-client.js';
import { McpHttpClient, readEvents } from '../harness/mcp-http.js';
import { RunningService } from '../harness/running-service.js';

const FORM = {
  type: 'object',
  properties: { age: { type: 'integer' }, nick: { type: 'string' } },
  required: ['age'],
};

/** Asks whatever the test wants to have asked, and shows what came back. */
@Injectable()
class Asking {
  requests: InputRequests = {};

  @Tool({ scope: null, name: 'ask', description: 'Asks' })
  async ask(_args: object, { requestInput }: ToolContext): Promise<string> {
    return JSON.stringify(await requestInput(this.requests));
  }
}

@Module({ imports: [McpModule], providers: [Asking], exports: [Asking] })
class AskingModule {}

let service: RunningService;
let client: McpHttpClient;
const streams: AbortController[] = [];

beforeAll(async () => {
  service = await RunningService.start({ STORE: 'memory' }, [AskingModule]);
});
afterAll(() => service.stop());
beforeEach(() => {
  client = new McpHttpClient(`${service.http}/mcp`);
  service.get(Asking).requests = {
    who: { method: 'elicitation/create', params: { message: 'Who?', requestedSchema: FORM } },
  };
});
afterEach(() => {
  for (const abort of streams.splice(0)) abort.abort();
});

/** A GET stream of the client's session, and what came on it. */
interface Listening {
  readonly messages: Json[];
  readonly ids: string[];
  ended: boolean;
  stop(): Promise<void>;
}

async function listen(lastEventId?: string): Promise<Listening> {
  const abort = new AbortController();
  streams.push(abort);
  const headers: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  const response = await client.get(headers, abort.signal);
  expect(response.status).toBe(200);
  const heard: Listening = {
    messages: [],
    ids: [],
    ended: false,
    stop: async () => {
      abort.abort();
      await eventually('it has ended', () => heard.ended);
    },
  };
  void (async () => {
    try {
      for await (const { id, data } of readEvents(response)) {
        if (id !== undefined) heard.ids.push(id);
        if (data !== '') heard.messages.push(JSON.parse(data) as Json);
      }
    } catch {
      // The test ended it.
    }
    heard.ended = true;
  })();
  return heard;
}

const methodsOf = ({ messages }: Listening) => messages.map(({ method }) => method);
const CHANGED = 'notifications/tools/list_changed';

function changeTools(): void {
  const tools = service.get(ToolRegistry);
  tools.add(defineTool({ scope: null, name: 'passing', description: 'Comes and goes' }, () => ''));
  tools.remove('passing');
}

/** Calls `ask` and reads its answer; `answerWith` is given each question that comes on the response stream. */
async function ask(answerWith?: (question: Json) => Json): Promise<Json> {
  const response = await client.fetch(client.message('tools/call', { name: 'ask' }));
  let last: Json = {};
  if (response.headers.get('content-type')?.startsWith('application/json'))
    return (await response.json()) as Json;
  for await (const { data } of readEvents(response)) {
    if (data === '') continue;
    last = JSON.parse(data) as Json;
    if (last.method !== undefined && answerWith) {
      await client.post({ jsonrpc: '2.0', id: last.id, ...answerWith(last) });
    }
  }
  return last;
}

const textOf = (answer: Json) => (answer.result as { content: { text: string }[] }).content[0]!.text;
const isError = (answer: Json) => (answer.result as { isError?: boolean }).isError;

describe('Changes of a list', () => {
  it.each([
    ['before the first GET stream', false],
    ['while the GET stream is broken', true],
  ])('%s are told once when somebody reads, however many there were', async (_when, wasThere) => {
    await client.initialize();
    let last: string | undefined;
    if (wasThere) {
      const first = await listen();
      await eventually('it is primed', () => first.ids.length > 0);
      last = first.ids.at(-1);
      await first.stop();
      await delay(50);
    }
    for (let times = 0; times < 3; times++) changeTools();
    const back = await listen(last);
    await eventually('it is told', () => methodsOf(back).includes(CHANGED));
    expect(methodsOf(back).filter((method) => method === CHANGED)).toHaveLength(1);
  });

  it('are told over WebSocket to a client that was away', async () => {
    const socket = await McpClient.connect(`${service.ws}/mcp`);
    const { _meta } = await socket.initialize();
    socket.terminate();
    await socket.closed;
    await delay(50);
    changeTools();
    const id = (_meta as Json)['opstream/sessionId'] as string;
    const again = await McpClient.connect(`${service.ws}/mcp?session_id=${id}`);
    await again.notification(CHANGED);
    again.terminate();
  });
});

describe('Several GET streams of one session', () => {
  it('live side by side, a message comes on one of them, and on the other once that has closed', async () => {
    await client.initialize();
    const [first, second] = [await listen(), await listen()];
    changeTools();
    await eventually('one is told', () => first.messages.length + second.messages.length > 0);
    expect([first.ended, second.ended]).toEqual([false, false]);
    const told = first.messages.length + second.messages.length;
    await second.stop();
    await delay(50);
    changeTools();
    await eventually('the other is told', () => methodsOf(first).includes(CHANGED));
    // Each change is a message for each of the two that a tool comes and goes with.
    expect(told).toBe(2);
  });

  it('updates of a resource are told whichever way its URI is written', async () => {
    await client.initialize();
    await service.rest.post('/api/operations', { operation_type: 'x', operation_id: 'deploy:42@prod' });
    const heard = await listen();
    const uri = 'Operation://deploy%3A42@prod';
    expect((await client.request('resources/read', { uri })).answer.error).toBeUndefined();
    await client.request('resources/subscribe', { uri });
    await service.rest.post('/api/operations/deploy:42@prod/progress', { progress: 0.5 });
    await eventually('it is told', () => heard.messages.some(({ params }) => (params as Json)?.uri === uri));
    service.get(ResourceRegistry).notifyUpdated('operation://deploy:42@prod');
  });
});

describe('A tool that asks', () => {
  it('fails at once when the client takes JSON alone and reads no stream', async () => {
    await client.initialize('2025-11-25', { elicitation: {} });
    const message = client.message('tools/call', { name: 'ask' });
    const { answer } = await client.post(message, { accept: 'application/json' });
    expect(answer.result).toMatchObject({ isError: true, content: [{ text: /cannot be asked/ }] });
  });

  it('asks such a client on its GET stream', async () => {
    await client.initialize('2025-11-25', { elicitation: {} });
    const heard = await listen();
    const message = client.message('tools/call', { name: 'ask' });
    const called = client.post(message, { accept: 'application/json' });
    await eventually('it is asked', () => methodsOf(heard).includes('elicitation/create'));
    const result = { action: 'accept', content: { age: 7 } };
    await client.post({ jsonrpc: '2.0', id: heard.messages[0]!.id, result });
    expect((await called).answer.result.content[0]!.text).toContain('"age":7');
  });

  it('as a task asks on the stream of tasks/result, once', async () => {
    await client.initialize('2025-11-25', { elicitation: {} });
    const { task } = (await client.call('ask', {}, { task: {} })).answer.result;
    await eventually('it waits', async () => {
      const { answer } = await client.request('tasks/get', { taskId: task.taskId });
      return answer.result.status === 'input_required';
    });
    const asked: Json[] = [];
    const response = await client.fetch(client.message('tasks/result', { taskId: task.taskId }));
    let last: Json = {};
    for await (const { data } of readEvents(response)) {
      if (data === '') continue;
      last = JSON.parse(data) as Json;
      if (last.method !== 'elicitation/create') continue;
      asked.push(last);
      await client.post({
        jsonrpc: '2.0',
        id: last.id,
        result: { action: 'accept', content: { age: 8, nick: null } },
      });
    }
    expect(asked).toHaveLength(1);
    expect(textOf(last)).toContain('"age":8');
  });

  it('as a task fails when its result is asked for by a client that reads no questions', async () => {
    await client.initialize('2025-11-25', { elicitation: {} });
    const { task } = (await client.call('ask', {}, { task: {} })).answer.result;
    await eventually('it waits', async () => {
      const { answer } = await client.request('tasks/get', { taskId: task.taskId });
      return answer.result.status === 'input_required';
    });
    const message = client.message('tasks/result', { taskId: task.taskId });
    const { answer } = await client.post(message, { accept: 'application/json' });
    expect(answer.result).toMatchObject({ isError: true });
  });

  it.each([
    ['a missing member', {}],
    ['a wrong type', { age: 'old' }],
    ['null for what it must have', { age: null }],
  ])('is not given content with %s', async (_what, content) => {
    await client.initialize('2025-11-25', { elicitation: {} });
    const answer = await ask(() => ({ result: { action: 'accept', content } }));
    expect([isError(answer), textOf(answer)]).toEqual([true, expect.stringContaining('requested schema')]);
  });

  it('is told of a refusal as a tool error, which a model can read', async () => {
    await client.initialize('2025-11-25', { elicitation: {} });
    const answer = await ask(() => ({ error: { code: -1, message: 'not now' } }));
    expect([isError(answer), textOf(answer)]).toEqual([true, expect.stringContaining('not now')]);
  });

  const url: InputRequests[string] = {
    method: 'elicitation/create',
    params: { mode: 'url', message: 'x', url: 'https://example.com', elicitationId: '1' },
  };
  const withTools: InputRequests[string] = {
    method: 'sampling/createMessage',
    params: { messages: [], maxTokens: 1, tools: [{ name: 't', inputSchema: { type: 'object' } }] },
  };
  const form: InputRequests[string] = { method: 'elicitation/create', params: { message: 'x' } };
  it.each<[string, InputRequests[string], Json, Json]>([
    ['elicitation.url', url, { elicitation: {} }, { elicitation: { url: {} } }],
    ['elicitation.form', form, { elicitation: { url: {} } }, { elicitation: { form: {} } }],
    ['sampling.tools', withTools, { sampling: {} }, { sampling: { tools: {} } }],
    ['roots', { method: 'roots/list' }, {}, { roots: {} }],
  ])(
    'that needs %s does not ask a client without it, in either era',
    async (need, request, lacking, having) => {
      service.get(Asking).requests = { q: request };
      await client.initialize('2025-11-25', lacking);
      const answer = await ask();
      expect([isError(answer), textOf(answer)]).toEqual([true, expect.stringContaining(need)]);
      const modern = await client.modern('tools/call', { name: 'ask' }, lacking);
      const [capability, part] = need.split('.');
      const required = { [capability!]: part === undefined ? {} : { [part]: {} } };
      expect(modern.answer.error).toMatchObject({ code: -32021, data: { requiredCapabilities: required } });
      const asked = await client.modern('tools/call', { name: 'ask' }, having);
      expect(asked.answer.result).toMatchObject({ resultType: 'input_required' });
      expect(Object.values(asked.answer.result.inputRequests as Json)[0]).toHaveProperty('params');
    },
  );
});
