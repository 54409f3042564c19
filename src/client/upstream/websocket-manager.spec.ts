import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { StreamRefusedError } from './upstream-socket.js';
import { WebSocketManager } from './websocket-manager.js';

/** A real server whose sockets the tests can reach. */
class Upstream {
  readonly sockets: { socket: WebSocket; request: IncomingMessage }[] = [];
  refuse: { status: number; contentType: string; body: string } | undefined;
  private readonly http: Server = createServer();
  private readonly wss = new WebSocketServer({ noServer: true });

  async start(port = 0): Promise<this> {
    this.http.on('upgrade', (request, raw, head) => {
      if (this.refuse) {
        const { status, contentType, body } = this.refuse;
        raw.end(
          `HTTP/1.1 ${status} X\r\nContent-Type: ${contentType}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        );
        return;
      }
      this.wss.handleUpgrade(request, raw, head, (socket) => this.sockets.push({ socket, request }));
    });
    await new Promise<void>((resolve) => this.http.listen(port, '127.0.0.1', resolve));
    return this;
  }

  get port(): number {
    return (this.http.address() as AddressInfo).port;
  }

  url(path = '/stream'): string {
    return `ws://127.0.0.1:${this.port}${path}`;
  }

  get open(): number {
    return this.wss.clients.size;
  }

  send(text: string): void {
    for (const client of this.wss.clients) client.send(text);
  }

  drop(): void {
    for (const client of this.wss.clients) client.terminate();
  }

  async stop(): Promise<void> {
    this.drop();
    if (this.http.listening) await new Promise((resolve) => this.http.close(resolve));
  }
}

const until = (check: () => void) => vi.waitFor(check, { timeout: 5000, interval: 5 });

describe('WebSocketManager', () => {
  let upstream: Upstream;
  let manager: WebSocketManager;

  beforeEach(async () => {
    upstream = await new Upstream().start();
    manager = new WebSocketManager({ reconnect: { delay: () => 5 } });
  });

  afterEach(async () => {
    manager.close();
    await upstream.stop();
  });

  it('S0-21, S0-22, S0-25, X-60: gives ids sub_0, sub_1 … and keeps the subscription in a map', async () => {
    const onMessage = vi.fn();
    expect(manager.subscribe(upstream.url(), onMessage)).toBe('sub_0');
    expect(manager.subscribe(upstream.url(), onMessage)).toBe('sub_1');
    expect(manager.subscriptions.get('sub_0')).toMatchObject({
      id: 'sub_0',
      url: upstream.url(),
      onMessage,
      reconnectAttempts: 0,
      maxReconnectAttempts: 5,
      reconnectDelay: 5,
      closed: false,
    });
    await until(() => expect(upstream.sockets).toHaveLength(1));
    expect(upstream.sockets[0]!.request.headers['user-agent']).toBe('Genie-MCP/1.0');
  });

  it('S0-23, S0-26, S0-27, S0-28: shares one socket per URL and closes it with the last subscription', async () => {
    const a = manager.subscribe(upstream.url(), () => {});
    const b = manager.subscribe(upstream.url(), () => {});
    manager.subscribe(upstream.url('/other'), () => {});
    await until(() => expect(upstream.open).toBe(2));
    expect(manager.connectionPool.size).toBe(2);
    manager.unsubscribe(a);
    manager.unsubscribe('sub_99');
    expect(manager.connectionPool.has(upstream.url())).toBe(true);
    manager.unsubscribe(b);
    await until(() => expect(upstream.open).toBe(1));
    expect(manager.connectionPool.has(upstream.url())).toBe(false);
  });

  it('S0-30, S0-31, S0-32: hands over parsed JSON, the raw string when it is none, and nothing once closed', async () => {
    const received: unknown[] = [];
    const id = manager.subscribe(upstream.url(), (data) => void received.push(data));
    const other: unknown[] = [];
    manager.subscribe(upstream.url(), (data) => void other.push(data));
    await until(() => expect(upstream.open).toBe(1));
    upstream.send('{"file":"a"}');
    upstream.send('plain {text');
    await until(() => expect(received).toEqual([{ file: 'a' }, 'plain {text']));
    manager.unsubscribe(id);
    upstream.send('3');
    await until(() => expect(other).toHaveLength(3));
    expect(received).toHaveLength(2);
  });

  it('S0-29, S0-34, S0-38, X-61: a lost socket is replaced once per URL, whatever the number of subscriptions', async () => {
    const received: unknown[][] = [[], [], []];
    const opened = vi.fn();
    const ids = received.map((list) =>
      manager.subscribe(upstream.url(), (data) => void list.push(data), undefined, 5, { onOpen: opened }),
    );
    await until(() => expect(upstream.open).toBe(1));
    for (let round = 1; round <= 3; round++) {
      upstream.drop();
      await until(() => expect(opened).toHaveBeenCalledTimes(3 * (round + 1)));
      expect(upstream.open).toBe(1);
      expect(upstream.sockets).toHaveLength(round + 1);
      upstream.send(`${round}`);
      await until(() => expect(received).toEqual(Array.from({ length: 3 }, () => rounds(round))));
    }
    for (const id of ids) manager.unsubscribe(id);
    await until(() => expect(upstream.open).toBe(0));
  });

  it('X-61: unsubscribing while connecting leaks no socket', async () => {
    const onError = vi.fn();
    for (let i = 0; i < 20; i++) manager.unsubscribe(manager.subscribe(upstream.url(), () => {}, onError));
    await until(() => expect(upstream.open).toBe(0));
    manager.subscribe(upstream.url(), () => {}, onError);
    await until(() => expect(upstream.open).toBe(1));
    expect(onError).not.toHaveBeenCalled();
  });

  it('S0-35, S0-41: waits 1, 2, 4, 8, 16 s, each at most a tenth longer', async () => {
    const waits: number[] = [];
    vi.spyOn(globalThis, 'setTimeout').mockImplementation(((run: () => void, ms: number) => {
      if (ms >= 1000) waits.push(ms);
      return setImmediate(run);
    }) as never);
    const dead = upstream.url();
    await upstream.stop();
    const seed = new WebSocketManager({ handshakeTimeoutMs: 999 });
    const errors: string[] = [];
    seed.subscribe(
      dead,
      () => {},
      (error) => errors.push(error.message),
    );
    await until(() => expect(errors.at(-1)).toBe('Failed to reconnect after 5 attempts'));
    vi.restoreAllMocks();
    expect(waits).toHaveLength(5);
    waits.forEach((wait, index) => {
      expect(wait).toBeGreaterThanOrEqual(1000 * 2 ** index);
      expect(wait).toBeLessThanOrEqual(1100 * 2 ** index);
    });
  });

  it('S0-33, S0-36, S0-37: reports every error, gives up per subscription and then never reconnects', async () => {
    const url = upstream.url();
    const port = upstream.port;
    await upstream.stop();
    const patient: string[] = [];
    const hasty: string[] = [];
    const id = manager.subscribe(
      url,
      () => {},
      (error) => hasty.push(error.message),
      1,
    );
    const subscription = manager.subscriptions.get(id)!;
    manager.subscribe(
      url,
      () => {},
      (error) => patient.push(error.message),
      50,
    );
    await until(() => expect(hasty.at(-1)).toBe('Failed to reconnect after 1 attempts'));
    expect(hasty[0]).toContain('ECONNREFUSED');
    expect(subscription.closed).toBe(true);
    expect(manager.subscriptions.has(id)).toBe(false);
    const seen = hasty.length;
    upstream = await new Upstream().start(port);
    await until(() => expect(upstream.open).toBe(1));
    expect(hasty).toHaveLength(seen);
    expect(patient).not.toContain('Failed to reconnect after 50 attempts');
  });

  it('S0-24, S0-37: close() ends every socket and every pending reconnect', async () => {
    const dead = upstream.url('/dead');
    manager.subscribe(upstream.url(), () => {});
    manager.subscribe(dead, () => {});
    await until(() => expect(upstream.open).toBe(2));
    upstream.drop();
    await until(() => expect(upstream.open).toBe(2));
    const count = upstream.sockets.length;
    upstream.drop();
    manager.close();
    await until(() => expect(upstream.open).toBe(0));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(upstream.sockets).toHaveLength(count);
    expect(manager.subscriptions.size + manager.connectionPool.size).toBe(0);
  });

  it('tells status, content type and body of a refused upgrade', async () => {
    upstream.refuse = { status: 200, contentType: 'text/html; charset=utf-8', body: '<!DOCTYPE html>' };
    const errors: Error[] = [];
    const id = manager.subscribe(
      upstream.url(),
      () => {},
      (error) => {
        errors.push(error);
        manager.unsubscribe(id);
      },
    );
    await until(() => expect(errors).toHaveLength(1));
    expect(errors[0]).toBeInstanceOf(StreamRefusedError);
    expect(errors[0]).toMatchObject({
      status: 200,
      contentType: 'text/html; charset=utf-8',
      body: '<!DOCTYPE html>',
    });
  });

  it('a failing listener reaches its own onError and disturbs nobody', async () => {
    const errors: string[] = [];
    const onError = (error: Error) => void errors.push(error.message);
    manager.subscribe(
      upstream.url(),
      () => {
        throw new Error('sync');
      },
      onError,
    );
    manager.subscribe(
      upstream.url(),
      async () => {
        throw new Error('async');
      },
      onError,
    );
    const received: unknown[] = [];
    manager.subscribe(upstream.url(), (data) => void received.push(data));
    await until(() => expect(upstream.open).toBe(1));
    upstream.send('1');
    await until(() => expect(errors.sort()).toEqual(['async', 'sync']));
    upstream.send('2');
    await until(() => expect(received).toEqual([1, 2]));
  });

  it('reads no further while a listener has many unfinished messages, and loses none', async () => {
    const total = 2000;
    const waiting: (() => void)[] = [];
    let seen = 0;
    manager.subscribe(upstream.url(), () => {
      seen++;
      return new Promise<void>((resolve) => waiting.push(resolve));
    });
    await until(() => expect(upstream.open).toBe(1));
    const line = 'x'.repeat(10_000);
    for (let i = 0; i < total; i++) upstream.send(JSON.stringify(line));
    await until(() => expect(upstream.sockets[0]!.socket.bufferedAmount).toBeGreaterThan(0));
    expect(seen).toBeLessThan(total / 2);
    await until(() => {
      for (const resolve of waiting.splice(0)) resolve();
      expect(seen).toBe(total);
    });
  });

  it('gives up a peer that answers no ping, and reconnects', async () => {
    manager = new WebSocketManager({ reconnect: { delay: () => 5 }, keepAliveMs: 30 });
    manager.subscribe(upstream.url(), () => {});
    await until(() => expect(upstream.open).toBe(1));
    // A half-open peer: the connection stands, but nothing is read from it any more.
    upstream.sockets[0]!.socket.pause();
    await until(() => expect(upstream.sockets).toHaveLength(2));
  });
});

function rounds(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}
