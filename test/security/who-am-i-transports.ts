import { once } from 'node:events';
import { request } from 'node:http';
import { JsonSocket, Refused } from '../harness/json-socket.js';
import { McpClient, type McpResult, type RpcAnswer } from '../harness/mcp-client.js';
import { McpHttpClient } from '../harness/mcp-http.js';
import { McpSseClient } from '../harness/mcp-sse.js';
import type { RunningService } from '../harness/running-service.js';
import type { Presented, Seen } from './who-am-i.js';

/** A client that can ask who it is; every question is one request or message. */
export interface Asker {
  readonly ask: Readonly<Record<string, () => Promise<Seen>>>;
  readonly close?: () => void;
}

/** Opens a client. @throws Refused where the credential is refused, there or in the question */
export type Transport = (service: RunningService, presented: Presented) => Promise<Asker>;

/** In each tenant, the operation, the session and the stream of this name hold the name of the tenant. */
export const OWN = 'who';

let numbers = 0;
const freshId = () => `new-${++numbers}`;
const tenantIn = (text: string): Seen => ({
  tenant: /tenant\\?"?[:=] ?\\?"?(\w+)/.exec(text)?.[1] ?? 'none',
});

/** One HTTP request with exactly these headers; of a stream, what comes until the words are there. */
async function http(
  service: RunningService,
  path: string,
  { query, headers, subprotocols }: Presented,
  options: { method?: string; body?: string; type?: string; until?: RegExp } = {},
): Promise<{ status: number; text: string }> {
  const { method = 'GET', body, type = 'application/json', until } = options;
  const joined = path.includes('?') ? query.replace('?', '&') : query;
  const outgoing = request(`${service.http}${path}${joined}`, {
    method,
    headers: {
      ...headers,
      ...(subprotocols.length > 0 && { 'sec-websocket-protocol': subprotocols.join(', ') }),
      ...(method === 'GET' ? {} : { 'content-type': type }),
    },
  });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [AsyncIterable<Buffer> & { statusCode: number }];
  let text = '';
  for await (const chunk of response) {
    text += chunk.toString();
    if (until?.test(text)) break;
  }
  outgoing.destroy();
  const status = response.statusCode;
  if (status === 401) throw new Refused(status, text, {});
  return { status, text };
}

/** A refusal for the lack of a scope is an answer; anything else that is no success is not. */
function permitted(status: number): Seen {
  if (status !== 403 && status >= 300) throw new Error(`unexpected status ${status}`);
  return { mayWrite: status !== 403 };
}

const openingBody = () => JSON.stringify({ operation_type: 'x', operation_id: freshId() });

const rest: Transport = async (service, presented) => ({
  ask: {
    'endpoint of the host': async () =>
      JSON.parse((await http(service, '/whoami', presented)).text) as Required<Seen>,
    operation: async () => tenantIn((await http(service, `/api/operations/${OWN}`, presented)).text),
    session: async () => tenantIn((await http(service, `/api/sessions/${OWN}`, presented)).text),
    'opening an operation': async () => {
      const options = { method: 'POST', body: openingBody() };
      return permitted((await http(service, '/api/operations', presented, options)).status);
    },
  },
});

const sse: Transport = async (service, presented) => {
  const read = async (path: string) =>
    tenantIn((await http(service, path, presented, { until: /tenant"?[:=]/ })).text);
  return {
    ask: {
      'one operation': () => read(`/api/operations/${OWN}/stream`),
      'all operations': () => read('/api/stream?after=0'),
      'one session': () => read(`/api/sessions/${OWN}/stream`),
    },
  };
};

const streams: Transport = async (service, presented) => {
  const read = async (query: string) =>
    tenantIn((await http(service, `/v1/stream/${OWN}${query}`, presented, { until: /tenant=\w+/ })).text);
  return {
    ask: {
      read: () => read('?offset=-1'),
      'long-poll': () => read('?offset=-1&live=long-poll'),
      'event stream': () => read('?offset=-1&live=sse'),
      'creating one': async () => {
        const options = { method: 'PUT', type: 'text/plain' };
        return permitted((await http(service, `/v1/stream/${freshId()}`, presented, options)).status);
      },
    },
  };
};

async function connect(
  service: RunningService,
  path: string,
  { query, headers, subprotocols }: Presented,
): Promise<JsonSocket> {
  const joined = path.includes('?') ? query.replace('?', '&') : query;
  return JsonSocket.connect(`${service.ws}${path}${joined}`, { headers, subprotocols });
}

async function asking(socket: JsonSocket, message: object): Promise<Seen> {
  return tenantIn(JSON.stringify(await socket.ask(message)));
}

function opened(answer: unknown): Seen {
  const text = JSON.stringify(answer);
  const isRefused = text.includes('needs the scope');
  if (!isRefused && !text.includes('created')) throw new Error(`unexpected answer ${text}`);
  return { mayWrite: !isRefused };
}

function commands(path: string, member: 'command' | 'type'): Transport {
  return async (service, presented) => {
    const socket = await connect(service, path, presented);
    await socket.next();
    const command = (name: string, more: object) => ({ [member]: name, id: 1, request_id: 1, ...more });
    return {
      ask: {
        operation: () => asking(socket, command('get_operation', { operation_id: OWN })),
        'opening an operation': async () => {
          const create = command('create_operation', { operation_type: 'x', operation_id: freshId() });
          return opened(await socket.ask(create));
        },
      },
      close: () => socket.terminate(),
    };
  };
}

const hubStreams: Transport = async (service, presented) => {
  const socket = await connect(service, '/hub', presented);
  await socket.next();
  return {
    ask: {
      stream: async () => {
        socket.send({ command: 'subscribe_stream', path: OWN, offset: '-1' });
        return tenantIn(JSON.stringify(await socket.take(2)));
      },
    },
    close: () => socket.terminate(),
  };
};

/** A viewer's socket: what it sees comes by itself, so the upgrade is the question. */
const viewer: Transport = async (service, presented) => {
  let socket: JsonSocket | undefined;
  return {
    ask: {
      session: async () => {
        socket = await connect(service, `/sessions/${OWN}?after_seq=0`, presented);
        let text = '';
        while (!/tenant=/.test(text)) text = JSON.stringify(await socket.next());
        return tenantIn(text);
      },
    },
    close: () => socket?.terminate(),
  };
};

const sessionAgent: Transport = async (service, presented) => {
  const socket = await connect(service, `/mcp/${OWN}`, presented);
  return {
    ask: {
      session: () => asking(socket, { id: 1, method: 'get_session_info' }),
      messages: () => asking(socket, { id: 2, method: 'get_messages' }),
    },
    close: () => socket.terminate(),
  };
};

type Call = (name: string, args?: Record<string, unknown>) => Promise<McpResult>;

/** Every kind of tool, by one way of calling. */
function tools(call: Call): Asker['ask'] {
  const told = async (name: string) =>
    JSON.parse((await call(name)).content[0]!.text) as Required<Omit<Seen, 'mayWrite'>>;
  const opening = async (name: string) => {
    const { content } = await call(name, { operation_type: 'x', operation_id: freshId() });
    const text = content[0]!.text;
    const isRefused = /needs the scope|Status code: 403/.test(text);
    if (!isRefused && !/running|created/.test(text)) throw new Error(`unexpected answer ${text}`);
    return { mayWrite: !isRefused };
  };
  return {
    'tool of the host': () => told('whoami'),
    'tool from an endpoint of the host': () => told('own_whoami_endpoint'),
    'built-in tool': async () => tenantIn(JSON.stringify(await call('get_operation', { operation_id: OWN }))),
    'tool from an own endpoint': async () =>
      tenantIn((await call('own_get_operation', { id: OWN })).content[0]!.text),
    'built-in tool that writes': () => opening('create_operation'),
    'tool from an own endpoint that writes': () => opening('own_create_operation'),
    'tool of a peer': () => told('far_whoami'),
    'tool from a foreign document': () => told('whoami_there'),
  };
}

/** A tool that is refused for the lack of a scope answers with an error of the protocol. */
function resultOf({ result, error }: RpcAnswer): McpResult {
  return error
    ? ({ content: [{ type: 'text', text: error.message }], isError: true } as unknown as McpResult)
    : result;
}

function mcpHttp(modern: boolean): Transport {
  return async (service, { query, headers, subprotocols }) => {
    const client = new McpHttpClient(`${service.http}/mcp${query}`, {
      ...headers,
      ...(subprotocols.length > 0 && { 'sec-websocket-protocol': subprotocols.join(', ') }),
    });
    if (!modern) {
      const { status, text } = await client.initialize();
      if (status !== 200) throw new Refused(status, text, {});
    }
    return {
      ask: tools(async (name, args = {}) => {
        const params = { name, arguments: args };
        const { status, text, answer } = modern
          ? await client.modern('tools/call', params)
          : await client.request('tools/call', params);
        if (status === 401) throw new Refused(status, text, {});
        return resultOf(answer);
      }),
    };
  };
}

const mcpSse: Transport = async (service, { query, headers, subprotocols }) => {
  const all = {
    ...headers,
    ...(subprotocols.length > 0 && { 'sec-websocket-protocol': subprotocols.join(', ') }),
  };
  const client = await McpSseClient.connect(service.http, { path: `/sse${query}`, headers: all }).catch(
    (error: Error) => {
      throw /^\d{3}$/.test(error.message) ? new Refused(Number(error.message), '', {}) : error;
    },
  );
  await client.initialize();
  return {
    ask: tools(async (name, args = {}) =>
      resultOf(await client.request('tools/call', { name, arguments: args })),
    ),
    close: () => client.close(),
  };
};

const mcpSocket: Transport = async (service, { query, headers, subprotocols }) => {
  // The status of a refused upgrade is what JsonSocket tells.
  (await JsonSocket.connect(`${service.ws}/mcp${query}`, { headers, subprotocols })).terminate();
  const client = await McpClient.connect(`${service.ws}/mcp${query}`, { headers, subprotocols });
  await client.initialize();
  // So that the notification that ends the handshake has been counted.
  await client.request('ping');
  return {
    ask: tools(async (name, args = {}) =>
      resultOf(await client.request('tools/call', { name, arguments: args })),
    ),
    close: () => client.terminate(),
  };
};

/** Every way into the service that has a caller. */
export const TRANSPORTS: Readonly<Record<string, Transport>> = {
  REST: rest,
  SSE: sse,
  streams,
  hub: commands('/hub', 'command'),
  "streams over the hub's socket": hubStreams,
  agents: commands('/agents', 'type'),
  "a session's viewer": viewer,
  "a session's agent": sessionAgent,
  'MCP over HTTP, with sessions': mcpHttp(false),
  'MCP over HTTP, 2026-07-28': mcpHttp(true),
  'MCP over HTTP and SSE, 2024-11-05': mcpSse,
  'MCP over WebSocket': mcpSocket,
};
