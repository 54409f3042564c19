import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { MCPWebSocketClient, RestClient, WebSocketClient, type LogEntry } from '../../src/client/index.js';
import { ServiceProcess } from '../harness/service-process.js';
import { until } from '../harness/until.js';

describe('MCPWebSocketClient (document 001)', () => {
  let service: ServiceProcess;

  beforeAll(async () => {
    service = await ServiceProcess.start();
  });

  afterAll(() => service.stop());

  it('S1-35 runs the document’s usage: connect, on, subscribe, disconnect', async () => {
    const rest = new RestClient({ url: service.url });
    const { operation_id: id } = await rest.createOperation('job');
    const client = new MCPWebSocketClient(service.url.replace('http', 'ws'));
    const seen: string[] = [];
    client.on('subscribed', () => seen.push('subscribed'));
    client.on('progress', (event) => seen.push(`Progress: ${event.data.progress * 100}%`));
    client.on('progress', () => seen.push('second callback'));
    client.on('completed', () => seen.push('Completed!'));
    await client.connect();
    client.subscribe(id);
    await until(() => seen.includes('subscribed'), 'the subscription');
    await rest.record(id, [
      { event_type: 'progress', data: { progress: 0.5, message: 'half' } },
      { event_type: 'result', data: { result: 1 } },
    ]);
    await until(() => seen.includes('Completed!'), 'the end');
    expect(seen).toEqual(['subscribed', 'Progress: 50%', 'second callback', 'Completed!']);
    client.disconnect();
    await until(async () => (await rest.getStats()).connected_clients === 0, 'the disconnect');
  });

  it('S1-35 a subscription asked for before connecting is sent then', async () => {
    const client = new MCPWebSocketClient(service.url.replace('http', 'ws'));
    const subscribed = new Promise((resolve) => client.on('subscribed', resolve));
    client.subscribe('early-operation');
    await client.connect();
    expect(await subscribed).toMatchObject({ operation_id: 'early-operation' });
    client.disconnect();
  });

  it('S1-26 connect rejects when nobody is there or the protocol is wrong', async () => {
    await expect(new MCPWebSocketClient('ws://127.0.0.1:9').connect()).rejects.toThrow('Cannot connect');
    await expect(new MCPWebSocketClient('ftp://127.0.0.1').connect()).rejects.toThrow();
    expect(new MCPWebSocketClient().url).toBe('ws://localhost:8765');
  });
});

describe('WebSocketClient (document 004)', () => {
  let server: WebSocketServer;
  let url: string;
  let sockets: WebSocket[];
  let requests: string[];
  let received: string[];
  let client: WebSocketClient | undefined;

  beforeEach(async () => {
    await listen(0);
  });

  afterEach(async () => {
    client?.close();
    await shut();
  });

  async function listen(port: number): Promise<void> {
    sockets = [];
    requests = [];
    received = [];
    server = new WebSocketServer({ host: '127.0.0.1', port });
    server.on('connection', (socket, request) => {
      sockets.push(socket);
      requests.push(request.url ?? '');
      socket.on('message', (data: Buffer) => received.push(data.toString()));
    });
    await once(server, 'listening');
    url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/agents`;
  }

  async function shut(): Promise<void> {
    for (const socket of sockets) socket.terminate();
    await new Promise((resolve) => server.close(resolve));
  }

  /** Records its events, and what it logs. */
  function create(options: { maxAttempts?: number; maxQueueSize?: number } = {}): {
    events: [string, unknown?][];
    logged: string[];
  } {
    const events: [string, unknown?][] = [];
    const logged: string[] = [];
    const logger = (entry: LogEntry): void => void logged.push(entry.event);
    client = new WebSocketClient(url, 'a.b-c_d', {
      reconnect: { maxAttempts: options.maxAttempts ?? 10, delay: () => 10 },
      maxQueueSize: options.maxQueueSize,
      logger: { debug: logger, info: logger, error: logger },
    });
    client.on('connected', () => events.push(['connected']));
    client.on('message', (message) => events.push(['message', message]));
    client.on('error', (error) => events.push(['error', error.message]));
    client.on('disconnected', (how) => events.push(['disconnected', how]));
    client.on('reconnecting', (when) => events.push(['reconnecting', when]));
    client.on('reconnect_failed', () => events.push(['reconnect_failed']));
    client.on('ping', () => events.push(['ping']));
    client.on('pong', () => events.push(['pong']));
    return { events, logged };
  }

  it('S4-50 S4-53 S4-54 connects with its token, queues before, and hands out parsed messages', async () => {
    const { events, logged } = create();
    expect(client!.send({ type: 'ping', id: 1 })).toBe(false);
    expect(client!.getQueueSize()).toBe(1);
    expect(client!.isConnected()).toBe(false);
    client!.connect();
    await until(() => received.length === 1, 'the queued message');
    expect(requests).toEqual(['/agents?token=a.b-c_d']);
    expect(received).toEqual(['{"type":"ping","id":1}']);
    expect(client!.getQueueSize()).toBe(0);
    expect(client!.isConnected()).toBe(true);
    expect(client!.send({ n: 2 })).toBe(true);
    sockets[0]!.send('{"type":"pong"}');
    sockets[0]!.send('no json');
    sockets[0]!.ping();
    await until(() => events.length >= 4, 'the events');
    expect(events.slice(0, 2)).toEqual([['connected'], ['message', { type: 'pong' }]]);
    expect(events[2]![0]).toBe('error');
    expect(events[3]).toEqual(['ping']);
    expect(logged).toEqual([
      'websocket_client_connected',
      'websocket_client_flushing_queue',
      'websocket_client_message_parse_error',
    ]);
  });

  it('S4-53 S4-57 reconnects after a loss and sends what was queued meanwhile', async () => {
    const { events, logged } = create();
    client!.connect();
    await until(() => sockets.length === 1, 'the connection');
    await until(() => client!.isConnected(), 'the client to know');
    sockets[0]!.close(1012, 'restarting');
    await until(() => !client!.isConnected(), 'the loss');
    expect(client!.send({ late: true })).toBe(false);
    await until(() => received.length === 1, 'the message');
    expect(events).toEqual([
      ['connected'],
      ['disconnected', { code: 1012, reason: 'restarting' }],
      ['reconnecting', { attempt: 1, delay: 10 }],
      ['connected'],
    ]);
    expect(logged).toContain('websocket_client_scheduling_reconnect');
    sockets[1]!.terminate();
    await until(() => sockets.length === 3, 'the third connection');
    // The count began anew with the successful connection.
    expect(events.filter(([name]) => name === 'reconnecting')).toEqual([
      ['reconnecting', { attempt: 1, delay: 10 }],
      ['reconnecting', { attempt: 1, delay: 10 }],
    ]);
  });

  it('S4-51 S4-52 gives up after its tries', async () => {
    await shut();
    const { events, logged } = create({ maxAttempts: 3 });
    client!.connect();
    await until(() => events.some(([name]) => name === 'reconnect_failed'), 'giving up');
    const attempts = events.flatMap(([name, when]) =>
      name === 'reconnecting' ? [(when as { attempt: number }).attempt] : [],
    );
    expect(attempts).toEqual([1, 2, 3]);
    expect(logged.at(-1)).toBe('websocket_client_max_reconnect_attempts');
    expect(logged).toContain('websocket_client_error');
    await listen(0);
  });

  it('S4-55 close is for good: 1000, its reason, no reconnect', async () => {
    const { events, logged } = create();
    client!.connect();
    await until(() => client!.isConnected(), 'the connection');
    const closed = once(sockets[0]!, 'close');
    client!.close();
    const [code, reason] = (await closed) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([1000, 'Client closed connection']);
    await until(() => events.some(([name]) => name === 'disconnected'), 'the event');
    client!.connect();
    expect(client!.isConnected()).toBe(false);
    expect(logged).toContain('websocket_client_closed');
    expect(events.some(([name]) => name === 'reconnecting')).toBe(false);
    expect(sockets).toHaveLength(1);
  });

  it('S4-55 close while connecting leaves no connection behind', async () => {
    create();
    client!.connect();
    client!.close();
    const probe = new WebSocketClient(url, 'probe');
    probe.connect();
    await until(() => probe.isConnected(), 'a later connection');
    await until(() => sockets.filter((socket) => socket.readyState === 1).length === 1, 'only that one');
    probe.close();
  });

  it('S4-54 the queue is bounded, and says so', () => {
    const { events } = create({ maxQueueSize: 2 });
    for (let index = 0; index < 3; index++) client!.send({ index });
    expect(client!.getQueueSize()).toBe(2);
    expect(events).toEqual([['error', 'More than 2 messages wait']]);
  });

  it('S4-58 a message that cannot be written as JSON is an error event', async () => {
    const { events, logged } = create();
    client!.connect();
    await until(() => client!.isConnected(), 'the connection');
    const circular: { self?: unknown } = {};
    circular.self = circular;
    expect(client!.send(circular)).toBe(false);
    expect(events.at(-1)![0]).toBe('error');
    expect(logged.at(-1)).toBe('websocket_client_send_error');
  });

  it('S4-58 an address that is none is reported and tried again', async () => {
    const logged: string[] = [];
    const logger = (entry: LogEntry): void => void logged.push(entry.event);
    client = new WebSocketClient('not a url', 't', {
      reconnect: 'never',
      logger: { debug: logger, info: logger, error: logger },
    });
    client.connect();
    await until(() => logged.includes('websocket_client_max_reconnect_attempts'), 'the report');
    expect(logged[0]).toBe('websocket_client_connect_error');
  });
});
