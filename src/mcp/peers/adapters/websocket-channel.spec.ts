import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { WebSocketChannel } from './websocket-channel.js';

describe('the WebSocket to a peer that does not answer a close', () => {
  let server: WebSocketServer;

  beforeAll(async () => {
    server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    // Its frames are never read.
    server.on('connection', (socket) => socket.pause());
    await once(server, 'listening');
  });
  afterAll(() => server.close());

  /** How long closing takes. */
  async function closing(closeMs: number, withinMs?: number): Promise<number> {
    const ws = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await once(ws, 'open');
    const rest = { connectMs: 1000, pingIntervalMs: 60_000, pingTimeoutMs: 60_000 };
    const timeouts = { ...rest, requestMs: 1000, requestMaxMs: 1000, closeMs };
    const nobody = { message: () => undefined, closed: () => {}, failed: () => {}, doubtful: () => {} };
    const channel = new WebSocketChannel(ws, { timeouts }, nobody);
    const before = performance.now();
    await channel.close(withinMs);
    expect(ws.readyState).toBe(WebSocket.CLOSED);
    return performance.now() - before;
  }

  it('S3-33: is cut after the close timeout', async () => {
    expect(await closing(300)).toBeGreaterThan(290);
  });

  it('S3-33: is cut sooner where whoever closes it has no more time', async () => {
    expect(await closing(60_000, 20)).toBeLessThan(30_000);
  });
});
