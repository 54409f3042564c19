import { createServer, type ServerResponse } from 'node:http';
import { createConnection, type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { anonymousPrincipal } from '../../src/auth/principal.js';
import { RequestMetrics } from '../../src/mcp/metrics/request.metrics.js';
import { SseResponse } from '../../src/mcp/session/sse-response.js';
import type { Sink } from '../../src/streaming/delivery/sink.js';
import { Connection } from '../../src/streaming/socket/connection.js';
import { SocketMetrics } from '../../src/streaming/socket/socket-metrics.js';
import { SseStream } from '../../src/streaming/sse/sse-stream.js';
import { upgradeRequest } from '../harness/raw-websocket.js';

/** What the contract asks of a sink: to take bytes, and to say when it has given them on. */
type Waiting = Pick<Sink, 'write' | 'onceDrained'>;

/** Every sink that a loop over the log may wait for, over real sockets. */
const SINKS: Record<string, { request: string; open: (socket: WebSocket | ServerResponse) => Waiting }> = {
  'socket of the hub, agents and MCP': {
    request: upgradeRequest('/'),
    open: (socket) =>
      new Connection(socket as WebSocket, {
        principal: anonymousPrincipal,
        address: '',
        metrics: new SocketMetrics(),
      }),
  },
  'event stream': {
    request: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    open: (response) => new SseStream(response as ServerResponse, 60_000, () => {}),
  },
  'MCP stream': {
    request: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    open: (response) => {
      const metrics = { streamOpened: () => {} } as unknown as RequestMetrics;
      const sse = new SseResponse(response as ServerResponse, metrics);
      return {
        write: (bytes) => sse.write(bytes.toString()),
        onceDrained: (resume) => void waitFor(sse.drained() ?? turnLater(), resume),
      };
    },
  },
};

async function waitFor(drained: Promise<void>, resume: () => void): Promise<void> {
  await drained;
  resume();
}

/** Who is not told to wait goes on by itself, which is not the sink's doing. */
const turnLater = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe.each(Object.entries(SINKS))('sink contract: %s', (_name, { request, open }) => {
  const server = createServer();
  const sockets = new WebSocketServer({ noServer: true });
  let reader: Socket;
  let sink: Waiting;

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const opened = new Promise<WebSocket | ServerResponse>((resolve) => {
      server.on('request', (_request, response) => resolve(response));
      server.on('upgrade', (message, socket, head) =>
        sockets.handleUpgrade(message, socket, head, (webSocket) => resolve(webSocket)),
      );
    });
    reader = createConnection((server.address() as AddressInfo).port, '127.0.0.1');
    reader.on('error', () => {}).pause();
    reader.write(request);
    sink = open(await opened);
  });
  afterAll(() => {
    reader.destroy();
    server.close();
  });

  /** Whether the callback came before the event loop went on: in the call itself, in a tick or in a microtask. */
  async function calledInThisTurn(): Promise<{ now: boolean; later: Promise<void> }> {
    let called = false;
    const later = new Promise<void>((resolve) =>
      sink.onceDrained(() => {
        called = true;
        resolve();
      }),
    );
    for (let round = 0; round < 50; round++) {
      await Promise.resolve();
      await new Promise<void>((resolve) => process.nextTick(resolve));
    }
    return { now: called, later };
  }

  it('calls back in a later turn when nothing waits', async () => {
    const { now, later } = await calledInThisTurn();
    expect(now).toBe(false);
    await later;
  });

  it.each([1, 1000, 100_000])(
    'calls back in a later turn when the kernel takes %i bytes at once',
    async (bytes) => {
      sink.write(Buffer.alloc(bytes, 'x'));
      const { now, later } = await calledInThisTurn();
      expect(now).toBe(false);
      reader.resume();
      await later;
      reader.pause();
    },
  );

  it('calls back in a later turn when the reader goes', async () => {
    for (let written = 0; written < 200; written++) sink.write(Buffer.alloc(100_000, 'x'));
    const { now, later } = await calledInThisTurn();
    expect(now).toBe(false);
    reader.destroy();
    await later;
    const closed = await calledInThisTurn();
    expect(closed.now).toBe(false);
    await closed.later;
  });
});
