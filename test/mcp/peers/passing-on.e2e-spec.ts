import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { eventually } from '../../harness/eventually.js';
import { McpClient, type Json } from '../../harness/mcp-client.js';
import { RunningService } from '../../harness/running-service.js';
import { ScriptedPeer, text, type Message, type Script } from '../../harness/scripted-peer.js';

/** What a peer says reaches the caller whole, in order, and nobody else. */

const opened: { stop(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one.stop();
});

type Say = (value: unknown) => void;
/** Serves one call: says what it wants, the answer last. */
type Serve = (message: Message, say: Say) => Promise<void>;

const TRANSPORTS: [name: string, open: (tools: object[], serve: Serve) => Promise<string>][] = [
  ['Streamable HTTP', overHttp],
  ['WebSocket', overSocket],
];

async function overHttp(tools: object[], serve: Serve, more: Script = {}): Promise<string> {
  const remote = await ScriptedPeer.start({
    tools,
    call: ({ message, stream, response }) => void serve(message, stream()).then(() => response.end()),
    ...more,
  });
  opened.push(remote);
  return remote.url;
}

async function overSocket(tools: object[], serve: Serve): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  opened.push({ stop: () => server.close() });
  server.on('connection', (socket) => serveSocket(socket, tools, serve));
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

function serveSocket(socket: WebSocket, tools: object[], serve: Serve): void {
  const say: Say = (value) => socket.send(JSON.stringify(value));
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as Message;
    const { id, method } = message;
    if (id === undefined || method === undefined) return;
    if (method === 'tools/call') return void serve(message, say);
    const serverInfo = { name: 's', version: '1' };
    const opening = { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo };
    say({ jsonrpc: '2.0', id, result: method === 'initialize' ? opening : { tools } });
  });
}

async function offering(
  peers: object[],
  tool: string,
  capabilities: Json = {},
  settings: Record<string, string> = {},
): Promise<{ service: RunningService; client: McpClient }> {
  const service = await RunningService.start({
    STORE: 'memory',
    LOG_LEVEL: 'silent',
    MCP_PEERS: JSON.stringify(peers),
    ...settings,
  });
  opened.push(service);
  const client = await McpClient.connect(`${service.ws}/mcp`);
  opened.push({ stop: () => client.terminate() });
  await client.initialize('2025-11-25', capabilities);
  await eventually(`${tool} is offered`, async () =>
    (await client.result('tools/list')).tools.some(({ name }) => name === tool),
  );
  return { service, client };
}

const object = { type: 'object' };
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe.each(TRANSPORTS)('reports over %s', (_name, open) => {
  it('are recorded and told in the order in which they were sent', async () => {
    let script: readonly (readonly [kind: 'progress' | 'log' | 'content', wait: boolean])[] = [];
    const serve: Serve = async ({ id, params }, say) => {
      for (const [n, [kind, wait]] of script.entries()) {
        const words = `${kind} ${n}`;
        const progressToken = params?._meta?.progressToken;
        if (kind === 'progress') {
          say({
            jsonrpc: '2.0',
            method: 'notifications/progress',
            params: { progressToken, progress: n + 1, message: words },
          });
        } else if (kind === 'log') {
          say({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: words } });
        } else {
          const content = [{ type: 'text', text: words }];
          say({
            jsonrpc: '2.0',
            method: 'notifications/tool/streamContent',
            params: { toolName: 'work', content },
          });
        }
        if (wait) await pause(2);
      }
      say(text(id, 'end'));
    };
    const { service, client } = await offering(
      [{ name: 'f', url: await open([{ name: 'work', inputSchema: object }], serve) }],
      'f_work',
    );
    const step = fc.tuple(
      fc.constantFrom('progress' as const, 'log' as const, 'content' as const),
      fc.boolean(),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        script = steps;
        const expected = steps.map(([kind], n) => `${kind} ${n}`);
        client.notifications.length = 0;
        await client.call('f_work', {}, { _meta: { progressToken: 'p' } });
        const told = client.notifications
          .filter(({ method }) => method !== 'notifications/tool/streamContent')
          .map(({ params }) => String(params.message ?? params.data));
        expect(told).toEqual(expected);
        const { operations } = (
          await service.rest.request('GET', '/api/operations?type=mcp.tool/f_work&limit=1')
        ).body as {
          operations: { operation_id: string }[];
        };
        const path = `/api/operations/${operations[0]!.operation_id}/events`;
        const { events } = (await service.rest.request('GET', path)).body as {
          events: { event_type: string; data: { message: string } }[];
        };
        const recorded = events.filter(({ event_type }) => event_type === 'log' || event_type === 'progress');
        expect(recorded.map(({ data }) => data.message)).toEqual(expected);
      }),
      { numRuns: 20 },
    );
  });

  it('progress that its content repeats is told once', async () => {
    const serve: Serve = async ({ id, params }, say) => {
      const progressToken = params?._meta?.progressToken;
      say({
        jsonrpc: '2.0',
        method: 'notifications/progress',
        params: { progressToken, progress: 1, message: 'a' },
      });
      const content = [{ type: 'text', text: 'a' }];
      say({
        jsonrpc: '2.0',
        method: 'notifications/tool/streamContent',
        params: { toolName: 'work', content },
      });
      await pause(1);
      say(text(id, 'end'));
    };
    const { client } = await offering(
      [{ name: 'f', url: await open([{ name: 'work', inputSchema: object }], serve) }],
      'f_work',
    );
    await client.call('f_work', {}, { _meta: { progressToken: 'p' } });
    expect(client.of('notifications/progress').map(({ params }) => params.message)).toEqual(['a']);
  });

  it('a large result arrives after a small report', async () => {
    const big = 'x'.repeat(9 * 1024 * 1024);
    const serve: Serve = async ({ id, params }, say) => {
      const progressToken = params?._meta?.progressToken;
      say({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken, progress: 1 } });
      await pause(5);
      say(text(id, big));
    };
    const { client } = await offering(
      [{ name: 'f', url: await open([{ name: 'big', inputSchema: object }], serve) }],
      'f_big',
    );
    const { content } = await client.call('f_big', {}, { _meta: { progressToken: 'p' } });
    expect(content[0]?.text.length).toBe(big.length);
  });
});

describe.each(TRANSPORTS)('odd answers over %s', (_name, open) => {
  const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);
  const ODD: [what: string, answers: (id: unknown) => unknown, expected: string][] = [
    [
      'a batch of its log and the result',
      (id) => [
        { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'in a batch' } },
        text(id, 'batched'),
      ],
      'batched',
    ],
    ['an id as text', (id) => text(String(id), 'as text'), 'as text'],
    ['a result that is a list', (id) => ({ jsonrpc: '2.0', id, result: [] }), 'The result is not an object'],
    ['an error that is a text', (id) => ({ jsonrpc: '2.0', id, error: 'oops' }), 'oops'],
    [
      'an error beside a result of null',
      (id) => ({ jsonrpc: '2.0', id, result: null, error: { code: 1, message: 'both' } }),
      'both',
    ],
    [
      'a result that is nested too deeply',
      (id) => ({ jsonrpc: '2.0', id, result: { content: [], deep: deep(100) } }),
      'nested more than',
    ],
  ];

  it('settle their call at once', async () => {
    const serve: Serve = async ({ id, params }, say) => {
      const [, answers] = ODD.find(([what]) => what === (params!.arguments as { what: string }).what)!;
      say(answers(id));
    };
    const { service, client } = await offering(
      [{ name: 'f', url: await open([{ name: 'odd', inputSchema: object }], serve) }],
      'f_odd',
    );
    for (const [what, , expected] of ODD) {
      const { content } = await client.call('f_odd', { what });
      expect(`${what}: ${content[0]?.text}`).toContain(expected);
    }
    const { body } = await service.rest.get<{ operations: { operation_id: string; metadata: Json }[] }>(
      '/api/operations?type=mcp.tool/f_odd&limit=10',
    );
    const path = `/api/operations/${body.operations.at(-1)!.operation_id}/events`;
    expect((await service.rest.get<object>(path)).text).toContain('in a batch');
  });
});

it('numbers of a result in a batch stay as they were written', async () => {
  const body = (id: unknown) =>
    `[{"jsonrpc":"2.0","id":${String(id)},"result":{"content":[],"structuredContent":{"n":9007199254740993,"f":1.0}}}]`;
  const url = await overHttp([{ name: 'n', inputSchema: object }], async () => {}, {
    call: ({ message, response }) =>
      void response.writeHead(200, { 'content-type': 'application/json' }).end(body(message.id)),
  });
  const { client } = await offering([{ name: 'f', url }], 'f_n');
  client.send({ jsonrpc: '2.0', id: 'n', method: 'tools/call', params: { name: 'f_n', arguments: {} } });
  await client.answerTo('n');
  expect(client.frames.at(-1)).toContain('{"n":9007199254740993,"f":1.0}');
});

it('reports of several calls at once reach their own callers', async () => {
  const serve: Serve = async ({ id, params }, say) => {
    const { who } = params!.arguments as { who: string };
    for (let n = 1; n <= 3; n++) {
      const progressToken = params?._meta?.progressToken;
      say({
        jsonrpc: '2.0',
        method: 'notifications/message',
        params: { level: 'info', data: `line ${n} of ${who}` },
      });
      say({
        jsonrpc: '2.0',
        method: 'notifications/progress',
        params: { progressToken, progress: n, message: `step ${n} of ${who}` },
      });
      const content = [{ type: 'text', text: `part ${n} of ${who}` }];
      say({
        jsonrpc: '2.0',
        method: 'notifications/tool/streamContent',
        params: { toolName: 'work', content },
      });
      await pause(5);
    }
    say(text(id, who));
  };
  const url = await overHttp([{ name: 'work', inputSchema: object }], serve);
  const { service } = await offering([{ name: 'f', url }], 'f_work');
  const whole = await Promise.all(
    ['A', 'B', 'C'].map(async (who) => {
      const client = await McpClient.connect(`${service.ws}/mcp`);
      opened.push({ stop: () => client.terminate() });
      await client.initialize();
      await client.call('f_work', { who }, { _meta: { progressToken: who } });
      return client.notifications
        .filter(({ method }) => method !== 'notifications/tool/streamContent')
        .map(({ params }) => String(params.message ?? params.data));
    }),
  );
  for (const [index, who] of ['A', 'B', 'C'].entries()) {
    expect(whole[index]).toEqual(
      [1, 2, 3].flatMap((n) => ['line', 'step', 'part'].map((kind) => `${kind} ${n} of ${who}`)),
    );
  }
});

describe('log lines', () => {
  it.each([
    ['step', 'step'],
    [{ message: 'step' }, 'step'],
    [
      { message: 'step', context: { a: 1 } },
      { message: 'step', context: { a: 1 } },
    ],
    [
      { message: 'step', a: 1 },
      { message: 'step', context: { a: 1 } },
    ],
    [{ a: 1 }, '{"a":1}'],
    [7, '7'],
  ])('%j is told once, as %j', async (data, expected) => {
    const serve: Serve = async ({ id }, say) => {
      say({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data } });
      await pause(1);
      say(text(id, 'end'));
    };
    const { client } = await offering(
      [{ name: 'f', url: await overHttp([{ name: 'work', inputSchema: object }], serve) }],
      'f_work',
    );
    await client.call('f_work');
    expect(client.of('notifications/message').map(({ params }) => params.data)).toEqual([expected]);
  });

  it('a peer that has any is told which are wanted', async () => {
    const seen: unknown[] = [];
    const url = await overHttp([{ name: 'a', inputSchema: object }], async () => {}, {
      capabilities: { tools: {}, logging: {} },
      first: ({ message: { method, params } }) => {
        if (method === 'logging/setLevel') seen.push(params?.level);
        return false;
      },
    });
    await offering([{ name: 'f', url, log_level: 'debug' }], 'f_a');
    await eventually('the level was asked for', () => seen.length === 1);
    expect(seen).toEqual(['debug']);
  });
});

describe('what a peer says of its tools and results', () => {
  it('everything of a tool is passed on but its name, and what cannot be called is not offered', async () => {
    const full = {
      name: 'full',
      title: 'Full',
      description: 'Everything',
      icons: [{ src: 'https://example.com/i.png' }],
      inputSchema: {
        type: 'object',
        properties: { a: { type: 'string', 'x-odd': 1 } },
        $schema: 'https://json-schema.org/draft/2020-12/schema',
      },
      outputSchema: { type: 'object', properties: { b: {} } },
      annotations: { readOnlyHint: true, fresh: 'hint' },
      _meta: { 'vendor/x': [1] },
    };
    const listing = [
      full,
      { name: 'bare' },
      { name: 'odd-output', inputSchema: object, outputSchema: { type: 'array' } },
      { name: 'no object', inputSchema: object },
      { name: 'list', inputSchema: { type: 'array' } },
      { name: 'task', inputSchema: object, execution: { taskSupport: 'required' } },
      { name: 7 },
      { title: 'nonsense' },
      { name: 'huge', inputSchema: object, description: 'x'.repeat(300_000) },
    ];
    const { client } = await offering(
      [{ name: 'f', url: await overHttp(listing, async () => {}) }],
      'f_bare',
    );
    const tools = (await client.result('tools/list')).tools.filter(({ name }) => name.startsWith('f_'));
    expect(tools.map(({ name }) => name)).toEqual(['f_bare', 'f_full', 'f_odd-output']);
    const { execution: _execution, _meta, ...offered } = tools[1]!;
    const { name: _name, _meta: _own, annotations: _hints, ...said } = full;
    expect(offered).toMatchObject({ ...said, annotations: { readOnlyHint: true } });
    expect(_meta).toMatchObject(full._meta);
  });

  it('a result is passed on whole, odd blocks as text, and numbers as they were written', async () => {
    const good = [
      { type: 'text', text: 'payment 17 was made', annotations: { audience: ['user'] }, _meta: { a: 1 } },
      { type: 'image', data: 'AQID', mimeType: 'image/png' },
      { type: 'resource_link', uri: 'x://y', name: 'y' },
    ];
    const raw = `{"content":${JSON.stringify([...good, { type: 'video', url: 'x' }, 'words', { type: 'text' }])},"structuredContent":{"id":1915883588174806058,"n":1.0},"_meta":{"vendor/x":1e400}}`;
    const url = await overHttp([{ name: 'odd', inputSchema: object }], async () => {}, {
      call: ({ message, response }) =>
        void response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(`{"jsonrpc":"2.0","id":${message.id},"result":${raw}}`),
    });
    const { client } = await offering([{ name: 'f', url }], 'f_odd');
    const result = await client.call('f_odd');
    expect(result.content).toEqual([
      ...good,
      { type: 'text', text: '{"type":"video","url":"x"}' },
      { type: 'text', text: 'words' },
      { type: 'text', text: '{"type":"text"}' },
    ]);
    const frame = client.frames.at(-1)!;
    expect(frame).toContain('"structuredContent":{"id":1915883588174806058,"n":1.0}');
    expect(frame).toContain('"vendor/x":1e400');
  });

  it.each([
    ['all of 1030', { pages: 11, size: 100, last: 30 }, 1030],
    ['one request for an empty cursor', { pages: 1, size: 3, last: 3, cursor: '' }, 3],
  ])(
    '%s',
    async (
      _what,
      { pages, size, last, cursor }: { pages: number; size: number; last: number; cursor?: string },
      count,
    ) => {
      let asked = 0;
      const url = await overHttp([], async () => {}, {
        first: ({ message: { id, method, params }, json }) => {
          if (method !== 'tools/list') return false;
          asked += 1;
          const page = Number(params?.cursor ?? 0);
          const isLast = page === pages - 1;
          const tools = Array.from({ length: isLast ? last : size }, (_none, n) => ({
            name: `t${page * size + n}`,
            inputSchema: object,
          }));
          const nextCursor = isLast ? cursor : String(page + 1);
          json({ jsonrpc: '2.0', id, result: { tools, ...(nextCursor !== undefined && { nextCursor }) } });
          return true;
        },
      });
      const { client } = await offering([{ name: 'f', url }], 'f_t0');
      let found = 0;
      for (let next: unknown; ;) {
        const { tools, nextCursor } = await client.result(
          'tools/list',
          next === undefined ? {} : { cursor: next },
        );
        found += tools.filter(({ name }) => name.startsWith('f_t')).length;
        if (nextCursor === undefined) break;
        next = nextCursor;
      }
      expect([found, asked]).toEqual([count, pages]);
    },
  );
});

describe('questions of a peer', () => {
  const params = {
    message: 'Name?',
    requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
  };
  const asking: Script = {
    call: ({ message, stream, response }) => {
      const say = stream();
      say({ jsonrpc: '2.0', id: 'q', method: 'elicitation/create', params });
      answered = (answer) => {
        say(text(message.id, JSON.stringify(answer)));
        response.end();
      };
    },
    first: ({ message: { id, method, result, error } }) => {
      if (id === 'q' && method === undefined) answered(result ?? error);
      return false;
    },
  };
  let answered: (answer: unknown) => void = () => {};
  const tools = [{ name: 'ask', inputSchema: object }];

  it('go to the caller, whose time does not run meanwhile', async () => {
    const url = await overHttp(tools, async () => {}, asking);
    const { client } = await offering(
      [{ name: 'f', url }],
      'f_ask',
      { elicitation: {} },
      { MCP_REQUEST_TIMEOUT_MS: '300' },
    );
    client.socket.on('message', (data: Buffer) => {
      const { id, method } = JSON.parse(data.toString()) as Message;
      if (method !== 'elicitation/create') return;
      setTimeout(
        () => client.send({ jsonrpc: '2.0', id, result: { action: 'accept', content: { name: 'Ada' } } }),
        600,
      );
    });
    const { content } = await client.call('f_ask');
    expect(JSON.parse(content[0]!.text)).toMatchObject({ action: 'accept', content: { name: 'Ada' } });
  });

  it('are refused where the caller cannot be asked', async () => {
    const url = await overHttp(tools, async () => {}, asking);
    const { client } = await offering([{ name: 'f', url }], 'f_ask');
    const { content } = await client.call('f_ask');
    expect(content[0]?.text).toMatch(/does not support elicitation/);
  });

  it('reach a caller of 2026-07-28 as input_required', async () => {
    const url = await overHttp(tools, async () => {}, asking);
    const { client } = await offering([{ name: 'f', url }], 'f_ask');
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {} } },
    };
    const call = { name: 'f_ask', arguments: {}, _meta: meta };
    const first = await client.result('tools/call', call);
    expect(first.resultType).toBe('input_required');
    const [key] = Object.keys(first.inputRequests as Json);
    const inputResponses = { [key!]: { action: 'accept', content: { name: 'Bob' } } };
    const second = await client.result('tools/call', {
      ...call,
      inputResponses,
      requestState: first.requestState,
    });
    expect(JSON.parse(second.content[0]!.text)).toMatchObject({ content: { name: 'Bob' } });
  });
});

describe('peers that dial in', () => {
  const serve: Serve = async ({ id, params }, say) => say(text(id, `served ${String(params?.name)}`));
  const tools = [{ name: 'add', inputSchema: object }];

  async function dial(service: RunningService, name: string): Promise<WebSocket> {
    const { WebSocket: Socket } = await import('ws');
    const socket = new Socket(`${service.ws}/mcp/peer/${name}`);
    opened.push({ stop: () => socket.terminate() });
    serveSocket(socket, tools, serve);
    await once(socket, 'open');
    return socket;
  }

  it('serve their tools, may come again, and the newest connection counts', async () => {
    const settings = { MCP_PEERS: JSON.stringify([{ name: 'calc', accept: true }]) };
    const service = await RunningService.start({ STORE: 'memory', LOG_LEVEL: 'silent', ...settings });
    opened.push(service);
    const health = async (): Promise<string> =>
      JSON.stringify((await service.rest.request('GET', '/health/details')).body);
    expect(await health()).toContain('calc');
    const first = await dial(service, 'calc');
    const client = await McpClient.connect(`${service.ws}/mcp`);
    opened.push({ stop: () => client.terminate() });
    await client.initialize();
    const answers = async (): Promise<boolean> =>
      (await client.request('tools/call', { name: 'calc_add' })).result?.content?.[0]?.text === 'served add';
    await eventually('its tool answers', answers);
    const replaced = once(first, 'close');
    const second = await dial(service, 'calc');
    expect((await replaced)[0]).toBe(1008);
    await eventually('its tool answers again', answers);
    second.terminate();
    await eventually('its absence is known', async () => (await health()).includes('calc: '));
    expect((await client.call('calc_add')).content[0]?.text).toMatch(/Peer calc is not connected/);
    await dial(service, 'calc');
    await eventually('its tool answers once more', answers);
  });

  it('have a name that is known here', async () => {
    const service = await RunningService.start({ STORE: 'memory', LOG_LEVEL: 'silent' });
    opened.push(service);
    const socket = await dial(service, 'stranger');
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([1008, 'MCP_PEERS has no peer "stranger" with "accept": true']);
  });
});
