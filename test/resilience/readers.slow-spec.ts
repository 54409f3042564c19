import { createConnection, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { modern } from '../harness/mcp-client.js';
import { McpHttpClient, modernHeaders } from '../harness/mcp-http.js';
import { frame, upgradeRequest } from '../harness/raw-websocket.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';

const HEARTBEAT_MS = 1000;
/**
 * Bytes a second. A receiver tells its sender of room only once there is much of it, up to half a megabyte on loopback:
 * that must come together within two heartbeats, also on a busy machine.
 */
const SLOW = 2_000_000;
/** In all more than the kernel may hold for a reader: up to 36 MB on some machines. */
const LONG = { batches: 12, perBatch: 2000, bytes: 2500 };

interface Begun {
  readonly service: RunningService;
  readonly socket: Socket;
  readonly token: string;
}

interface Transport {
  /** Asks for more than the kernel holds. */
  readonly begin: (begun: Begun) => void | Promise<void>;
  /** It takes one of the places that its user has. */
  readonly hasPlace: boolean;
}

const text = (message: object): Buffer => frame(JSON.stringify(message));
const FOLLOW = { operation_id: 'long', after_seq: 0 };
const WATCH = {
  name: 'watch_operation',
  arguments: { operation_id: 'long' },
  _meta: { progressToken: 'p' },
};

function get(path: string, headers = ''): Transport['begin'] {
  return ({ socket, token }) =>
    void socket.write(
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n${headers}\r\n`,
    );
}

function post(path: string, token: string, body: string, headers: Record<string, string>): string {
  const lines = Object.entries({
    host: 'localhost',
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}

function webSocket(path: string, ...messages: readonly object[]): Transport['begin'] {
  return ({ socket, token }) => {
    const mark = path.includes('?') ? '&' : '?';
    socket.write(upgradeRequest(`${path}${mark}token=${token}`));
    for (const message of messages) socket.write(text(message));
  };
}

const MCP_ACCEPT = { accept: 'application/json, text/event-stream' };
const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } },
};
const CALL = { jsonrpc: '2.0', id: 2, method: 'tools/call', params: WATCH };

const TRANSPORTS: Readonly<Record<string, Transport>> = {
  hub: { begin: webSocket('/hub', { command: 'subscribe', ...FOLLOW }), hasPlace: false },
  'hub, everything': {
    begin: webSocket('/hub', { command: 'subscribe_all', after: '0' }),
    hasPlace: false,
  },
  "streams over the hub's socket": {
    begin: webSocket('/hub', { command: 'subscribe_stream', path: 'long', offset: '-1' }),
    hasPlace: false,
  },
  agents: { begin: webSocket('/agents', { type: 'subscribe', ...FOLLOW }), hasPlace: true },
  "a session's viewer": { begin: webSocket('/sessions/long?after_seq=0'), hasPlace: true },
  "a session's agent": {
    begin: webSocket('/mcp/long', { method: 'subscribe', params: { after_seq: 0 } }),
    hasPlace: true,
  },
  'MCP over WebSocket': {
    begin: webSocket('/mcp', INITIALIZE, { jsonrpc: '2.0', method: 'notifications/initialized' }, CALL),
    hasPlace: false,
  },
  'event stream of one operation': { begin: get('/api/operations/long/stream'), hasPlace: true },
  'event stream of all operations': { begin: get('/api/stream?after=0'), hasPlace: true },
  'event stream of a session': { begin: get('/api/sessions/long/stream'), hasPlace: true },
  'event stream of a stream': { begin: get('/v1/stream/long?offset=-1&live=sse'), hasPlace: true },
  'a log as text': { begin: get('/api/operations/long/log?follow=true'), hasPlace: true },
  'pages of a log, asked for at once': {
    begin: (begun) => {
      for (let page = 0; page < 60; page++) void get('/api/operations/long/events?limit=1000')(begun);
    },
    hasPlace: false,
  },
  'MCP over HTTP, with sessions': {
    async begin({ service, socket, token }) {
      const client = new McpHttpClient(`${service.http}/mcp`, { authorization: `Bearer ${token}` });
      await client.initialize();
      const headers = { ...MCP_ACCEPT, 'mcp-session-id': client.sessionId! };
      socket.write(post('/mcp', token, JSON.stringify(CALL), headers));
    },
    hasPlace: false,
  },
  'MCP over HTTP, 2026-07-28': {
    begin({ socket, token }) {
      const params = modern(WATCH, {}, WATCH._meta);
      const headers = { ...MCP_ACCEPT, ...modernHeaders('tools/call', WATCH) };
      socket.write(post('/mcp', token, JSON.stringify({ ...CALL, params }), headers));
    },
    hasPlace: false,
  },
  'MCP over HTTP and SSE, 2024-11-05': {
    async begin({ service, socket, token }) {
      await get('/sse', 'Accept: text/event-stream\r\n')({ service, socket, token });
      let endpoint: string | undefined;
      await eventually('the endpoint', () => {
        endpoint ??= /data: \.(\/messages\S*)/.exec(String(socket.read() ?? ''))?.[1];
        return endpoint !== undefined;
      });
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
      for (const message of [INITIALIZE, CALL])
        await fetch(service.http + endpoint!, { method: 'POST', headers, body: JSON.stringify(message) });
    },
    hasPlace: false,
  },
};
const NAMES = Object.keys(TRANSPORTS);
/** Those that are served at a time. */
const GROUPS = [NAMES.slice(0, 6), NAMES.slice(6, 11), NAMES.slice(11)];

describe('readers that are slow or deaf', () => {
  let service: RunningService;
  /** The service's ends of connections, by the port of the client. */
  const accepted = new Map<number, Socket>();
  const open: Socket[] = [];

  beforeAll(async () => {
    service = await RunningService.start({
      HEARTBEAT_INTERVAL_MS: String(HEARTBEAT_MS),
      MCP_PING_INTERVAL_MS: String(HEARTBEAT_MS),
      MCP_PING_TIMEOUT_MS: String(HEARTBEAT_MS),
      MCP_LEGACY_SSE: 'true',
      MAX_STREAMS_PER_USER: '1',
      MAX_CONNECTIONS_PER_USER: '1',
      STORE: 'memory',
      JWT_SECRET: SECRET,
    });
    service.app.getHttpServer().on('connection', (socket: Socket) => {
      accepted.set(socket.remotePort!, socket);
      socket.once('close', () => accepted.delete(socket.remotePort!));
    });
    await fill(service);
  }, 60_000);
  afterAll(async () => {
    for (const socket of open) socket.destroy();
    await service.stop();
  });

  async function connect(name: string, user: string): Promise<{ socket: Socket; isThere: () => boolean }> {
    const socket = createConnection(service.port, '127.0.0.1').on('error', () => {});
    open.push(socket);
    await eventually('a connection', () => accepted.has(socket.localPort ?? 0));
    const end = accepted.get(socket.localPort!)!;
    socket.pause();
    await TRANSPORTS[name]!.begin({ service, socket, token: await sign({ sub: user }) });
    return { socket, isThere: () => !end.destroyed };
  }

  /** Whether the user may open this once more. */
  async function isAdmitted(name: string, user: string): Promise<boolean> {
    const { socket } = await connect(name, user);
    let status: string | undefined;
    await eventually('an answer', () => {
      status ??= /^HTTP\/1\.1 (\d+)/.exec(String(socket.read() ?? ''))?.[1];
      return status !== undefined;
    });
    socket.destroy();
    return status !== '429';
  }

  it.each(GROUPS)(
    'who takes nothing is let go after two heartbeats, and its place given back: %s, %s, %s, …',
    async (...names) => {
      const placed = names.filter((name) => TRANSPORTS[name]!.hasPlace);
      const admitted = () =>
        Promise.all(placed.map((name) => isAdmitted(name, `deaf-${NAMES.indexOf(name)}`)));
      const deaf = await Promise.all(
        names.map(async (name) => {
          const user = `deaf-${NAMES.indexOf(name)}`;
          const { isThere } = await connect(name, user);
          if (placed.includes(name)) expect([name, await isAdmitted(name, user)]).toEqual([name, false]);
          expect([name, isThere()]).toEqual([name, true]);
          return { name, isThere };
        }),
      );
      const there = () => deaf.filter(({ isThere }) => isThere()).map(({ name }) => name);
      await expect.poll(there, { timeout: 20 * HEARTBEAT_MS }).toEqual([]);
      await expect.poll(admitted, { timeout: 5000 }).toEqual(placed.map(() => true));
    },
    30_000,
  );

  it.each(GROUPS)(
    'who reads steadily, however slowly, stays: %s, %s, %s, …',
    async (...names) => {
      const outcomes = await Promise.all(
        names.map(async (name) => {
          const { socket, isThere } = await connect(name, `slow-${NAMES.indexOf(name)}`);
          // At once: on a busy machine, connecting the others takes longer than the service waits for a sign of life.
          const taken = await readSlowly(socket, 5 * HEARTBEAT_MS);
          return [name, isThere(), taken > SLOW];
        }),
      );
      expect(outcomes).toEqual(names.map((name) => [name, true, true]));
    },
    30_000,
  );
});

async function readSlowly(socket: Socket, forMs: number): Promise<number> {
  let bytes = 0;
  const began = performance.now();
  for (let elapsed = 0; elapsed < forMs; elapsed = performance.now() - began) {
    // What is due by now, so that a delay of this process does not make the reader slower.
    const turnEnds = performance.now() + 50;
    while (bytes < (elapsed / 1000) * SLOW && performance.now() < turnEnds) {
      const chunk = socket.read() as Buffer | null;
      if (chunk) bytes += chunk.length;
      // What the kernel holds comes with the next turn of the event loop.
      else await new Promise((resolve) => setImmediate(resolve));
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return bytes;
}

/** An operation, a session and a stream named `long`. */
async function fill({ rest, http }: RunningService): Promise<void> {
  await rest.post('/api/operations', { operation_type: 't', operation_id: 'long' });
  const batch = Array.from({ length: LONG.perBatch }, () => ({
    event_type: 'log',
    data: { message: 'm'.repeat(LONG.bytes) },
  }));
  for (let round = 0; round < LONG.batches; round++) await rest.post('/api/operations/long/events', batch);
  const total = LONG.batches * LONG.perBatch * LONG.bytes;
  await rest.post('/api/sessions', { session_id: 'long', purpose: 'p' });
  const content = 'm'.repeat(90_000);
  for (let bytes = 0; bytes < total; bytes += content.length)
    await rest.post('/api/sessions/long/messages', { content });
  const type = { 'content-type': 'text/plain' };
  await fetch(`${http}/v1/stream/long`, { method: 'PUT', headers: type });
  const body = 'm'.repeat(4_000_000);
  for (let bytes = 0; bytes < total; bytes += body.length)
    await fetch(`${http}/v1/stream/long`, { method: 'POST', headers: type, body });
}
