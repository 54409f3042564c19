import { createConnection, type Socket } from 'node:net';
import { readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { frame, upgradeRequest } from '../harness/raw-websocket.js';
import { forgetPeak, peakKilobytes, residentKilobytes } from '../harness/resident-memory.js';
import { ServiceProcess } from '../harness/service-process.js';
import { SECRET, sign } from '../harness/tokens.js';

/**
 * What a client does to make the service's memory grow. Each abuse asks for hundreds of megabytes with little input;
 * the service, a process of its own, must stay within a small multiple of what it may hold for one client.
 */

/** Megabytes above the idle service: several times what one client's bounds add up to, and far below what it asks for. */
const ROOM_MB = 128;

describe('memory under abuse', () => {
  let service: ServiceProcess;
  let token: string;
  const open: Socket[] = [];

  beforeAll(async () => {
    service = await ServiceProcess.start({
      STORE: 'memory',
      JWT_SECRET: SECRET,
      MCP_PING_INTERVAL_MS: '1000',
    });
    token = await sign({ sub: 'eve' });
    // Answers of a hundred kilobytes and more.
    await post('/api/operations', { operation_type: 't', operation_id: 'large' });
    const event = { event_type: 'log', data: { message: 'm'.repeat(60_000) } };
    for (let round = 0; round < 10; round++)
      await post(
        '/api/operations/large/events',
        Array.from({ length: 10 }, () => event),
      );
  });
  afterAll(async () => {
    for (const socket of open) socket.destroy();
    await service.stop();
  });

  async function post(path: string, body: unknown): Promise<Response> {
    const answer = await fetch(service.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    });
    await answer.text();
    return answer;
  }

  /** A connection whose answers nobody reads. */
  async function deaf(...pieces: readonly (string | Buffer)[]): Promise<Socket> {
    const socket = createConnection(service.port, '127.0.0.1').on('error', () => {});
    open.push(socket);
    socket.pause();
    for (const piece of pieces) if (!socket.write(piece)) await Promise.race([drained(socket), delay(100)]);
    return socket;
  }

  const drained = (socket: Socket): Promise<void> =>
    new Promise((resolve) => socket.once('drain', resolve).once('close', resolve));

  /** Megabytes that the service needed at most while this happened, above what it had. */
  async function growthOf(name: string, abuse: () => Promise<unknown>): Promise<number> {
    await eventually('the service is idle', async () => (await fetch(`${service.url}/health/live`)).ok);
    const before = residentKilobytes(service.pid);
    forgetPeak(service.pid);
    await abuse();
    // It answers others meanwhile, and has carried out what was asked.
    for (let look = 0; look < 10; look++) {
      expect((await fetch(`${service.url}/health/live`)).status).toBe(200);
      await delay(50);
    }
    const grown = Math.round((peakKilobytes(service.pid) - before) / 1024);
    console.log(`memory under abuse: ${name}: ${Math.round(before / 1024)} MB, at most ${grown} MB more`);
    for (const socket of open.splice(0)) socket.destroy();
    return grown;
  }

  const repeated = (message: object, times: number): Buffer =>
    Buffer.concat(Array.from({ length: times }, () => frame(JSON.stringify(message))));

  const HISTORY = { operation_id: 'large', limit: 100 };
  it.each<[name: string, path: string, first: readonly object[], message: object]>([
    ['hub', '/hub', [], { command: 'get_history', request_id: 1, ...HISTORY }],
    ['agents', '/agents', [], { type: 'get_history', id: 1, ...HISTORY }],
    [
      'MCP over WebSocket',
      '/mcp',
      [
        {
          jsonrpc: '2.0',
          id: 0,
          method: 'initialize',
          params: {
            protocolVersion: '2025-11-25',
            capabilities: {},
            clientInfo: { name: 't', version: '1' },
          },
        },
      ],
      { jsonrpc: '2.0', id: 1, method: 'tools/list' },
    ],
  ])('unread answers: %s', async (name, path, first, message) => {
    const grown = await growthOf(`unread answers, ${name}`, async () => {
      for (let connection = 0; connection < 3; connection++) {
        const upgrade = upgradeRequest(`${path}?token=${token}`);
        await deaf(upgrade, ...first.map((one) => frame(JSON.stringify(one))), repeated(message, 1000));
      }
      await delay(500);
    });
    expect(grown).toBeLessThan(ROOM_MB);
  });

  it.each([
    ['pages of a log', '/api/operations/large/events?limit=1000'],
    ['the log as text', '/api/operations/large/log'],
    ['the API description', '/api-json'],
    ['a page', '/docs/swagger-ui-bundle.js'],
  ])('unread responses, pipelined: %s', async (name, path) => {
    const request = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`;
    const before = readdirSync(`/proc/${service.pid}/fd`).length;
    let descriptors = 0;
    const grown = await growthOf(`pipelined, ${name}`, async () => {
      for (let connection = 0; connection < 3; connection++) await deaf(request.repeat(500));
      await delay(500);
      descriptors = readdirSync(`/proc/${service.pid}/fd`).length - before;
    });
    expect(grown).toBeLessThan(ROOM_MB);
    expect(descriptors).toBeLessThan(60);
  });

  it('bodies that never end', async () => {
    const grown = await growthOf('bodies under way', async () => {
      const head = `POST /api/operations HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 8000000\r\n\r\n`;
      const piece = Buffer.alloc(7_000_000, '1');
      for (let connection = 0; connection < 40; connection++) await deaf(head, piece);
      await delay(500);
    });
    expect(grown).toBeLessThan(ROOM_MB);
  });

  it('large metadata of running operations', async () => {
    const metadata = Object.fromEntries(Array.from({ length: 4000 }, (_, n) => [`key${n}`, n]));
    const grown = await growthOf('metadata', async () => {
      for (let n = 0; n < 140; n += 20)
        await Promise.all(
          Array.from({ length: 20 }, () => post('/api/operations', { operation_type: 't', metadata })),
        );
    });
    // 9 MB of text, which the memory store keeps; as objects they would take fifteen times as much.
    expect(grown).toBeLessThan(ROOM_MB / 2);
  });

  it('a request that names the same thing a million times', async () => {
    const grown = await growthOf('subscriptions/listen', async () => {
      const uris = Array.from({ length: 1000 }, (_, n) => `operation://${n}-${'x'.repeat(2000)}`);
      const meta = {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientCapabilities': {},
      };
      const params = { notifications: { resourceSubscriptions: uris }, _meta: meta };
      const listen = { jsonrpc: '2.0', method: 'subscriptions/listen', params };
      const frames = Array.from({ length: 20 }, (_, id) => frame(JSON.stringify({ ...listen, id })));
      await deaf(upgradeRequest(`/mcp?token=${token}`), Buffer.concat(frames));
      await delay(500);
    });
    expect(grown).toBeLessThan(ROOM_MB);
  });

  it('many calls that stream what nobody reads', async () => {
    const grown = await growthOf('watch_operation', async () => {
      const call = {
        jsonrpc: '2.0',
        method: 'tools/call',
        params: {
          name: 'watch_operation',
          arguments: { operation_id: 'large' },
          _meta: { progressToken: 1 },
        },
      };
      const frames = Array.from({ length: 500 }, (_, id) => frame(JSON.stringify({ ...call, id: id + 1 })));
      const initialize = {
        jsonrpc: '2.0',
        id: 0,
        method: 'initialize',
        params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } },
      };
      for (let connection = 0; connection < 2; connection++)
        await deaf(
          upgradeRequest(`/mcp?token=${token}`),
          frame(JSON.stringify(initialize)),
          Buffer.concat(frames),
        );
      await delay(1000);
    });
    expect(grown).toBeLessThan(ROOM_MB);
  });

  it('sessions of MCP that are opened and left', async () => {
    const grown = await growthOf('MCP sessions', async () => {
      const initialize = {
        jsonrpc: '2.0',
        id: 0,
        method: 'initialize',
        params: {
          protocolVersion: '2025-11-25',
          capabilities: { experimental: { filler: { text: 'x'.repeat(20_000) } } },
          clientInfo: { name: 't', version: '1' },
        },
      };
      const headers = {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        authorization: `Bearer ${token}`,
      };
      const body = JSON.stringify(initialize);
      for (let n = 0; n < 400; n += 20)
        await Promise.all(
          Array.from({ length: 20 }, async () =>
            (await fetch(`${service.url}/mcp`, { method: 'POST', headers, body })).text(),
          ),
        );
    });
    expect(grown).toBeLessThan(ROOM_MB);
  });
});
