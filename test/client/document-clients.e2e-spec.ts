import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import {
  MCPWebSocketClient,
  MessageBatcher,
  RestClient,
  WebSocketClient,
  type LogEntry,
  type MessageBatch,
} from '../../src/client/index.js';
import { ServiceProcess } from '../harness/service-process.js';
import { CuttableProxy } from '../harness/cuttable-proxy.js';
import { eventually } from '../harness/eventually.js';
import { SECRET, sign } from '../harness/tokens.js';

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
    await eventually('the subscription', () => seen.includes('subscribed'));
    await rest.record(id, [
      { event_type: 'progress', data: { progress: 0.5, message: 'half' } },
      { event_type: 'result', data: { result: 1 } },
    ]);
    await eventually('the end', () => seen.includes('Completed!'));
    expect(seen).toEqual(['subscribed', 'Progress: 50%', 'second callback', 'Completed!']);
    client.disconnect();
    await eventually('the disconnect', async () => (await rest.getStats()).connected_clients === 0);
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

  it('S4-50 S4-53 S4-54 S4-56 connects with its token, queues before, and hands out parsed messages', async () => {
    const { events, logged } = create();
    expect(client!.send({ type: 'ping', id: 1 })).toBe(false);
    expect(client!.getQueueSize()).toBe(1);
    expect(client!.isConnected()).toBe(false);
    client!.connect();
    await eventually('the queued message', () => received.length === 1);
    expect(requests).toEqual(['/agents?token=a.b-c_d']);
    expect(received).toEqual(['{"type":"ping","id":1}']);
    expect(client!.getQueueSize()).toBe(0);
    expect(client!.isConnected()).toBe(true);
    expect(client!.send({ n: 2 })).toBe(true);
    sockets[0]!.send('{"type":"pong"}');
    sockets[0]!.send('no json');
    sockets[0]!.ping();
    await eventually('the events', () => events.length >= 4);
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
    await eventually('the connection', () => sockets.length === 1);
    await eventually('the client to know', () => client!.isConnected());
    sockets[0]!.close(1012, 'restarting');
    await eventually('the loss', () => !client!.isConnected());
    expect(client!.send({ late: true })).toBe(false);
    await eventually('the message', () => received.length === 1);
    expect(events).toEqual([
      ['connected'],
      ['disconnected', { code: 1012, reason: 'restarting' }],
      ['reconnecting', { attempt: 1, delay: 10 }],
      ['connected'],
    ]);
    expect(logged).toContain('websocket_client_scheduling_reconnect');
    sockets[1]!.terminate();
    await eventually('the third connection', () => sockets.length === 3);
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
    await eventually('giving up', () => events.some(([name]) => name === 'reconnect_failed'));
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
    await eventually('the connection', () => client!.isConnected());
    const closed = once(sockets[0]!, 'close');
    client!.close();
    const [code, reason] = (await closed) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([1000, 'Client closed connection']);
    await eventually('the event', () => events.some(([name]) => name === 'disconnected'));
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
    const probe = new WebSocketClient(`${url}?region=eu`, 'a+b');
    probe.connect();
    await eventually('a later connection', () => probe.isConnected());
    // An address with a query keeps it.
    expect(requests.at(-1)).toBe('/agents?region=eu&token=a%2Bb');
    await eventually('only that one', () => sockets.filter((socket) => socket.readyState === 1).length === 1);
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
    await eventually('the connection', () => client!.isConnected());
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
    await eventually('the report', () => logged.includes('websocket_client_max_reconnect_attempts'));
    expect(logged[0]).toBe('websocket_client_connect_error');
  });
});

describe('the classes of document 004 on the agents protocol', () => {
  let service: ServiceProcess;

  beforeAll(async () => {
    service = await ServiceProcess.start({ JWT_SECRET: SECRET });
  });

  afterAll(() => service.stop());

  it('S4-50 S4-59 S4-69 a batcher feeds a client that comes back after a loss', async () => {
    const proxy = await CuttableProxy.inFrontOf(service.port);
    const client = new WebSocketClient(`${proxy.url.replace('http', 'ws')}/agents`, await sign({ id: 'a' }), {
      reconnect: { maxAttempts: Infinity, delay: () => 50 },
    });
    const messages: unknown[] = [];
    client.on('message', (message) => messages.push(message));
    const batcher = new MessageBatcher({ batchSize: 2 });
    const answersTo = (batch: MessageBatch<unknown>): unknown =>
      messages.find((message) => (message as { id?: string }).id === batch.id);
    const send = async (): Promise<MessageBatch<unknown>> => {
      const sent = new Promise<MessageBatch<unknown>>((resolve) => batcher.once('batch', resolve));
      batcher.add({ id: 'm1', type: 'ping' });
      batcher.add({ id: 'm2', type: 'agent_status', agentId: 'x', status: 'idle' });
      const batch = await sent;
      client.send(batch);
      return batch;
    };
    client.connect();
    const first = await send();
    await eventually('the answer', () => answersTo(first) !== undefined);
    expect(messages[0]).toMatchObject({ type: 'connection_established' });
    expect(answersTo(first)).toMatchObject({
      type: 'batch_response',
      responses: [
        { id: 'm1', status: 'success' },
        { id: 'm2', status: 'success' },
      ],
    });
    proxy.refuse(true);
    proxy.cut();
    await eventually('the loss', () => !client.isConnected());
    const second = await send();
    expect(client.getQueueSize()).toBe(1);
    proxy.refuse(false);
    await eventually('the answer after the loss', () => answersTo(second) !== undefined);
    batcher.stop();
    client.close();
    await proxy.close();
  });

  it('S4-51 a token that is refused ends in reconnect_failed', async () => {
    const client = new WebSocketClient(`${service.url.replace('http', 'ws')}/agents`, 'forged', {
      reconnect: { maxAttempts: 2, delay: () => 10 },
    });
    const errors: string[] = [];
    client.on('error', (error) => errors.push(error.message));
    const failed = new Promise<void>((resolve) => client.once('reconnect_failed', resolve));
    client.connect();
    await failed;
    const message = 'Unexpected server response: 401: Unauthorized: Invalid token';
    expect(errors).toEqual([message, message, message]);
  });

  it('S4-50 a function gives the token of each connection, also a new one', async () => {
    const tokens = ['forged', await sign({ id: 'renewed' })];
    const client = new WebSocketClient(
      `${service.url.replace('http', 'ws')}/agents`,
      () => tokens.shift() ?? '',
      {
        reconnect: { maxAttempts: 2, delay: () => 10 },
      },
    );
    const errors: string[] = [];
    client.on('error', (error) => errors.push(error.message));
    const connected = new Promise<void>((resolve) => client.once('connected', resolve));
    client.connect();
    await connected;
    expect(errors).toHaveLength(1);
    client.close();
  });
});
