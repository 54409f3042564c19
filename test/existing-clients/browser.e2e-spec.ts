import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { eventually } from '../harness/eventually.js';
import { RunningService } from '../harness/running-service.js';

interface Message {
  readonly event_type: string;
  readonly operation_id: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const parse = ({ data }: { data: unknown }): Message => JSON.parse(String(data)) as Message;

/** Like document 001's class in a page: one list of callbacks per type of event, and no other knowledge. */
class PageClient {
  private readonly callbacks = new Map<string, ((message: Message) => void)[]>();
  private socket: WebSocket | undefined;

  constructor(private readonly address: string) {}

  connect(): Promise<void> {
    const socket = new WebSocket(this.address);
    this.socket = socket;
    return new Promise((resolve, reject) => {
      socket.addEventListener('open', () => resolve());
      socket.addEventListener('error', ({ message }) => reject(new Error(message)));
      socket.addEventListener('message', (frame) => {
        const message = parse(frame);
        for (const callback of this.callbacks.get(message.event_type) ?? []) callback(message);
      });
    });
  }

  subscribe(operationId: string): void {
    this.socket?.send(JSON.stringify({ command: 'subscribe', operation_id: operationId }));
  }

  on(eventType: string, callback: (message: Message) => void): void {
    this.callbacks.set(eventType, [...(this.callbacks.get(eventType) ?? []), callback]);
  }

  disconnect(): void {
    this.socket?.close();
  }
}

describe('browser clients written for the hub of document 001', () => {
  let service: RunningService;
  let address: string;
  let id: string;

  beforeAll(async () => {
    service = await RunningService.start();
    address = `ws://127.0.0.1:${service.port}`;
  });
  afterAll(() => service.stop());
  beforeEach(async () => {
    id = await service.rest.open();
  });

  it('S1-26, S1-28: the quick start subscribes without waiting for the welcome, and reads every message', async () => {
    const seen: [string, object][] = [];
    const socket = new WebSocket(address);
    socket.addEventListener('open', () => {
      socket.send(JSON.stringify({ command: 'subscribe', operation_id: id }));
    });
    socket.addEventListener('message', (frame) => {
      const message = parse(frame);
      seen.push([message.event_type, message.data]);
    });
    await eventually('subscribed', () => seen.length === 2);
    await service.rest.emit(id, 'progress', { progress: 0.5, message: 'half' });
    await service.rest.emit(id, 'result', { result: 'done' });
    await eventually('completed', () => seen.some(([type]) => type === 'completed'));
    socket.close();
    expect(seen.map(([type]) => type)).toEqual([
      'connected',
      'subscribed',
      'progress',
      'result',
      'completed',
    ]);
    for (const [, data] of seen) expect(data).toBeTypeOf('object');
  });

  it('S1-35: several callbacks per type, each called with every event of it', async () => {
    const client = new PageClient(address);
    await client.connect();
    const shown: string[] = [];
    let subscribed = false;
    let over = false;
    client.on('subscribed', () => (subscribed = true));
    client.on('progress', ({ data }) => shown.push(`${Number(data.progress) * 100}%`));
    client.on('progress', ({ operation_id: of }) => shown.push(of));
    client.on('completed', () => (over = true));
    client.subscribe(id);
    await eventually('subscribed', () => subscribed);
    for (const progress of [0.25, 0.75]) await service.rest.emit(id, 'progress', { progress });
    await service.rest.emit(id, 'result', { result: 1 });
    await eventually('the end', () => over);
    expect(shown).toEqual(['25%', id, '75%', id]);
    client.disconnect();
    const clients = async () => (await service.rest.get('/api/stats')).body.connected_clients;
    await expect.poll(clients).toBe(0);
  });

  it('S1-65: a client that reconnects when it is closed finds the service again', async () => {
    const first = await RunningService.start({ STORE: 'memory' });
    let opened = 0;
    const connect = (): void => {
      const socket = new WebSocket(`ws://127.0.0.1:${first.port}`);
      socket.addEventListener('open', () => (opened += 1));
      socket.addEventListener('error', () => {});
      socket.addEventListener('close', () => {
        if (opened < 2) setTimeout(connect, 50);
      });
    };
    connect();
    await eventually('connected', () => opened === 1);
    await first.stop();
    const second = await RunningService.start({ STORE: 'memory', PORT: String(first.port) });
    await eventually('connected again', () => opened === 2);
    await second.stop();
  });
});
