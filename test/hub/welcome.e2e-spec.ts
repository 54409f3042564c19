import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nowInSeconds, NUMBER } from '../harness/matchers.js';
import { RunningService } from '../harness/running-service.js';

describe('hub: connecting', () => {
  let service: RunningService;

  beforeAll(async () => {
    service = await RunningService.start();
  });
  afterAll(() => service.stop());

  it.each(['/', '/hub'])(
    'S1-38, S1-39: greets on %s before anything is sent, and then waits',
    async (path) => {
      const { welcome, ...client } = await connect(path);
      expect(welcome).toEqual({
        event_type: 'connected',
        operation_id: 'system',
        timestamp: NUMBER,
        data: {
          message: 'Connected to MCP Hub WebSocket server',
          client_id: NUMBER,
          log: expect.stringMatching(/^\w+\.\d+$/),
          timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?$/),
        },
      });
      expect(Number.isInteger(welcome.data.client_id)).toBe(true);
      nowInSeconds(welcome.timestamp);
      await client.expectNothing();
    },
  );

  it('S1-14: every client has an id of its own, and leaves the count when it goes', async () => {
    const before = await connected();
    const [one, two] = [await service.hub(), await service.hub('/')];
    expect(one.welcome.data.client_id).not.toBe(two.welcome.data.client_id);
    expect(await connected()).toBe(before + 2);
    await one.close();
    two.terminate();
    await expect.poll(connected).toBe(before);
  });

  it('S1-15, S1-48: get_stats has the four counters', async () => {
    const client = await service.hub();
    const id = await service.rest.open();
    await client.subscribe(id);
    const { stats } = await client.ask({ command: 'get_stats' });
    expect(Object.keys(stats!).sort()).toEqual([
      'active_operations',
      'connected_clients',
      'subscriptions',
      'total_operations',
    ]);
    expect(stats!.connected_clients).toBeGreaterThanOrEqual(1);
    expect(stats!.subscriptions).toBeGreaterThanOrEqual(1);
    expect(stats!.active_operations).toBe(1);
    expect(stats!.total_operations).toBe(1);
  });

  it('X-11: an operation with a free-text status still counts as active', async () => {
    const client = await service.hub();
    const active = async () => (await client.ask({ command: 'get_stats' })).stats!.active_operations;
    const before = await active();
    const id = await service.rest.open();
    await service.rest.emit(id, 'status', { status: 'processing' });
    expect(await active()).toBe(before + 1);
    await service.rest.emit(id, 'result', { result: null });
    expect(await active()).toBe(before);
  });

  it('X-12: subscriptions are given back when a client disconnects', async () => {
    const client = await service.hub();
    const count = async () => (await service.rest.get('/api/stats')).body.subscriptions as number;
    const before = await count();
    for (const id of ['one', 'two', 'three']) await client.subscribe(id);
    expect(await count()).toBe(before + 3);
    await client.close();
    await expect.poll(count).toBe(before);
  });

  it('S1-66: a protocol ping is answered', async () => {
    const client = await service.hub();
    const pong = new Promise<string>((resolve) =>
      client.socket.once('pong', (payload: Buffer) => resolve(payload.toString())),
    );
    client.socket.ping('still there?');
    expect(await pong).toBe('still there?');
  });

  it('S1-32: the first message after the welcome is the answer, also while other operations are busy', async () => {
    const id = await service.rest.open();
    const client = await service.hub('/');
    client.send({ command: 'get_stats' });
    await service.rest.emit(id, 'progress', { progress: 0.5, message: 'noise' });
    expect((await client.next()).stats).toBeDefined();
    await client.expectNothing();
  });

  async function connected(): Promise<number> {
    return (await service.rest.get('/api/stats')).body.connected_clients as number;
  }

  async function connect(path: string) {
    const client = await service.hub(path);
    return { welcome: client.welcome, expectNothing: () => client.expectNothing() };
  }
});
