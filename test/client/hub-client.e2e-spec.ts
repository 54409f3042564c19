import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  HubClient,
  RestClient,
  type FollowedEvent,
  type HubClientOptions,
  type OperationEvent,
} from '../../src/client/index.js';
import { CuttableProxy } from '../harness/cuttable-proxy.js';
import { ServiceProcess } from '../harness/service-process.js';
import { eventually } from '../harness/eventually.js';

/** Tries again at once, so that tests do not wait for backoffs. */
const SOON = { maxAttempts: Infinity, delay: () => 20 };

let service: ServiceProcess;
let rest: RestClient;
const toClose: { close(): unknown }[] = [];

beforeAll(async () => {
  service = await ServiceProcess.start({ MAX_EVENTS_PER_OPERATION: '2000' });
  rest = new RestClient({ url: service.url });
});

afterEach(async () => {
  for (const closable of toClose.splice(0).toReversed()) await closable.close();
});

afterAll(() => service.stop());

function connect(options: HubClientOptions = {}): HubClient {
  const hub = new HubClient({ url: service.url, reconnect: SOON, ...options });
  toClose.push(hub);
  return hub;
}

async function proxied(): Promise<CuttableProxy> {
  const proxy = await CuttableProxy.inFrontOf(service.port);
  toClose.push(proxy);
  return proxy;
}

/** Reads a loop in the background. */
function collect(events: AsyncIterable<FollowedEvent>): {
  events: FollowedEvent[];
  done: Promise<FollowedEvent[]>;
} {
  const collected: FollowedEvent[] = [];
  const done = (async () => {
    for await (const event of events) collected.push(event);
    return collected;
  })();
  // A failure is seen where `done` is awaited; it must not end the test run before.
  done.catch(() => {});
  return { events: collected, done };
}

async function log(operationId: string): Promise<OperationEvent[]> {
  return (await rest.getEvents(operationId, 0, 1000)).events;
}

async function openWithSteps(steps: number): Promise<string> {
  const { operation_id: id } = await rest.createOperation('job');
  await recordSteps(id, 1, steps, steps);
  return id;
}

async function recordSteps(id: string, first: number, last: number, of: number): Promise<void> {
  for (let step = first; step <= last; step++) {
    const data = { progress: step / of, message: `step ${step}` };
    await rest.record(id, [{ event_type: 'progress', data }]);
  }
}

const seqs = (events: readonly FollowedEvent[]): (number | string)[] =>
  events.map((event) => {
    if (event.event_type === 'history_trimmed') return 'trimmed';
    return event.event_type === 'history_lost' ? 'lost' : event.seq;
  });

describe('HubClient', () => {
  it('S1-46 S1-11 follows an operation from its beginning to its end', async () => {
    const id = await openWithSteps(3);
    const hub = connect();
    const followed = collect(hub.follow(id, { afterSeq: 0 }));
    await rest.record(id, [{ event_type: 'result', data: { result: { ok: true } } }]);
    expect(await followed.done).toEqual(await log(id));
    expect(followed.events.at(-1)).toMatchObject({ event_type: 'completed', seq: 6 });
  });

  it('X-09 without afterSeq begins now', async () => {
    const id = await openWithSteps(3);
    const hub = connect();
    const followed = collect(hub.follow(id));
    await eventually('the subscription', async () => (await hub.getStats()).subscriptions > 0);
    await rest.record(id, [{ event_type: 'error', data: { error: 'no' } }]);
    expect(seqs(await followed.done)).toEqual([5]);
  });

  it('X-03 waits for an operation that is opened later', async () => {
    const hub = connect();
    const id = `later-${process.pid}`;
    const followed = collect(hub.follow(id, { afterSeq: 0 }));
    await eventually('the subscription', async () => (await hub.getStats()).subscriptions > 0);
    await rest.createOperation('job', { operationId: id });
    await rest.cancelOperation(id, 'enough');
    expect(await followed.done).toEqual(await log(id));
  });

  it('ends at once when the operation has ended and everything is known', async () => {
    const id = await openWithSteps(1);
    await rest.cancelOperation(id);
    expect(await collect(connect().follow(id, { afterSeq: 3 })).done).toEqual([]);
    expect(await collect(connect().follow(id)).done).toEqual([]);
  });

  it('several loops on one connection each get what they asked for', async () => {
    const id = await openWithSteps(5);
    const hub = connect();
    const late = collect(hub.follow(id, { afterSeq: 4 }));
    await eventually('the late loop', () => late.events.length === 2);
    const early = collect(hub.follow(id, { afterSeq: 0 }));
    const live = collect(hub.follow(id));
    await eventually('the early loop', () => early.events.length === 6);
    await rest.cancelOperation(id);
    expect(seqs(await early.done)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(seqs(await late.done)).toEqual([5, 6, 7]);
    expect(seqs(await live.done)).toEqual([7]);
    // The last loop to leave ends the subscription.
    await eventually('unsubscribing', async () => (await hub.getStats()).subscriptions === 0);
  });

  it('resumes without gap or duplicate after connections cut at any byte', async () => {
    const proxy = await proxied();
    const { operation_id: id } = await rest.createOperation('job');
    const hub = connect({ url: proxy.url });
    let losses = 0;
    hub.on('disconnected', () => losses++);
    const followed = collect(hub.follow(id, { afterSeq: 0 }));
    for (let round = 0; round < 20; round++) {
      await eventually('the connection', () => hub.isConnected);
      proxy.cutAfter(50 + round * 97);
      await recordSteps(id, round * 10 + 1, round * 10 + 10, 200);
    }
    await rest.record(id, [{ event_type: 'result', data: { result: 1 } }]);
    expect(await followed.done).toEqual(await log(id));
    expect(losses).toBeGreaterThan(5);
  });

  it('resumes after the service was killed and started again', async () => {
    const { operation_id: id } = await rest.createOperation('job');
    const hub = connect();
    const followed = collect(hub.follow(id, { afterSeq: 0 }));
    const all = collect(hub.followAll());
    await eventually('the subscriptions', async () => (await hub.getStats()).subscriptions === 2);
    await recordSteps(id, 1, 5, 10);
    await service.kill();
    await service.restart();
    await recordSteps(id, 6, 10, 10);
    await rest.record(id, [{ event_type: 'result', data: { result: null } }]);
    const recorded = await log(id);
    expect(await followed.done).toEqual(recorded);
    await eventually('the firehose', () => all.events.length >= recorded.length - 1);
    expect(all.events.filter((event) => event.operation_id === id)).toEqual(recorded.slice(1));
  });

  it('the firehose continues behind its position, also when it was cut before its first event', async () => {
    const proxy = await proxied();
    const hub = connect({ url: proxy.url });
    const all = collect(hub.followAll());
    await eventually('the answer to subscribe_all', () => proxy.carried.includes('"position":"'));
    await hub.ping();
    proxy.refuse(true);
    proxy.cut();
    const id = await openWithSteps(3);
    proxy.refuse(false);
    await eventually('the events that were missed', () => all.events.length >= 4);
    proxy.cut();
    await rest.cancelOperation(id);
    await eventually('the end', () => all.events.length >= 5);
    expect(all.events).toEqual(await log(id));
    hub.close();
    await all.done;
  });

  it('a reader slower than the service loses nothing and holds a bounded number of events', async () => {
    const { operation_id: id } = await rest.createOperation('job');
    const hub = connect({ maxBuffered: 10 });
    const loop = hub.follow(id, { afterSeq: 0 });
    const first = await loop.next();
    expect(first.value).toMatchObject({ seq: 1 });
    const batch = Array.from({ length: 500 }, (_, index) => ({
      event_type: 'log' as const,
      data: { message: `line ${index}` },
    }));
    await rest.record(id, batch);
    // The buffer is full by now, and the service was told to stop sending.
    await eventually('the pause', async () => (await hub.getStats()).subscriptions === 0);
    await rest.cancelOperation(id);
    const others: FollowedEvent[] = [];
    for await (const event of loop) others.push(event);
    expect(seqs(others)).toEqual(Array.from({ length: 501 }, (_, index) => index + 2));
  });

  it('a slow firehose loses nothing either', async () => {
    const hub = connect({ maxBuffered: 5 });
    const loop = hub.followAll();
    await eventually('the subscription', async () => (await hub.getStats()).subscriptions === 1);
    const id = await openWithSteps(30);
    await eventually('the pause', async () => (await hub.getStats()).subscriptions === 0);
    const seen: FollowedEvent[] = [];
    while (seen.length < 31) {
      const { value } = await loop.next();
      if (value) seen.push(value);
    }
    await loop.return?.();
    expect(seen).toEqual(await log(id));
  });

  it('notices a peer that fell silent and connects again', async () => {
    const proxy = await proxied();
    const hub = connect({ url: proxy.url, idleMs: 100 });
    await hub.connect();
    const { operation_id: id } = await rest.createOperation('job');
    const followed = collect(hub.follow(id, { afterSeq: 0 }));
    await eventually('the first event', () => followed.events.length === 1);
    proxy.fallSilent();
    await rest.cancelOperation(id);
    expect(seqs(await followed.done)).toEqual([1, 2]);
  });

  it('a quiet but living connection is kept', async () => {
    const proxy = await proxied();
    const hub = connect({ url: proxy.url, idleMs: 50 });
    await hub.connect();
    await eventually('three answers to its questions', () => proxy.carried.split('"pong"').length > 3);
    expect(proxy.accepted).toBe(1);
    expect(hub.isConnected).toBe(true);
  });

  it('S1-11 says where events are missing because they were trimmed', async () => {
    const { operation_id: id } = await rest.createOperation('job');
    const batch = Array.from({ length: 2500 }, (_, index) => ({
      event_type: 'log' as const,
      data: { message: String(index) },
    }));
    await rest.record(id, batch);
    await rest.cancelOperation(id);
    const { first_seq: first } = await rest.getOperation(id);
    expect(first).toBeGreaterThan(1);
    const events = await collect(connect().follow(id, { afterSeq: 0 })).done;
    expect(events[0]).toMatchObject({ event_type: 'history_trimmed', data: { first_seq: first } });
    expect(seqs(events.slice(1))).toEqual(
      Array.from({ length: 2502 - first + 1 }, (_, index) => first + index),
    );
  });

  it('throws in the loop when the operation was removed while the connection was away', async () => {
    const proxy = await proxied();
    const hub = connect({ url: proxy.url });
    const id = await openWithSteps(1);
    const followed = collect(hub.follow(id, { afterSeq: 0 }));
    await eventually('the first events', () => followed.events.length === 2);
    proxy.refuse(true);
    proxy.cut();
    await rest.cancelOperation(id);
    await rest.deleteOperation(id);
    proxy.refuse(false);
    await expect(followed.done).rejects.toMatchObject({ code: 'operation_not_found' });
  });

  it('throws in the loop when the service refuses to subscribe', async () => {
    await expect(collect(connect().follow('not an id', { afterSeq: 0 })).done).rejects.toMatchObject({
      code: 'invalid_operation_id',
    });
  });

  it('a signal or a break ends the loop and the subscription', async () => {
    const id = await openWithSteps(3);
    const hub = connect();
    const stop = new AbortController();
    const followed = collect(hub.follow(id, { afterSeq: 0, signal: stop.signal }));
    await eventually('the events', () => followed.events.length === 4);
    stop.abort();
    await followed.done;
    for await (const event of hub.follow(id, { afterSeq: 0 })) {
      if (event.event_type === 'progress') break;
    }
    await eventually('unsubscribing', async () => (await hub.getStats()).subscriptions === 0);
    expect(await collect(hub.follow(id, { afterSeq: 0, signal: AbortSignal.abort() })).done).toEqual([]);
  });

  it('commands wait in order for a connection, and are carried out once', async () => {
    const proxy = await proxied();
    proxy.refuse(true);
    const hub = connect({ url: proxy.url });
    const id = `queued-${process.pid}`;
    const created = hub.createOperation('job', { operationId: id, metadata: { a: 1 } });
    const receipts = Array.from({ length: 50 }, (_, index) =>
      hub.record(id, 'log', { message: `line ${index}` }),
    );
    const ended = hub.record(id, 'result', { result: 'done' });
    expect(hub.pendingCount).toBe(52);
    proxy.refuse(false);
    await created;
    expect((await Promise.all(receipts)).map(({ seq }) => seq)).toEqual(
      Array.from({ length: 50 }, (_, index) => index + 2),
    );
    await ended;
    expect((await hub.getOperation(id))?.status).toBe('completed');
    expect((await log(id)).map((event) => event.event_type)).toEqual([
      'status',
      ...Array.from({ length: 50 }, () => 'log'),
      'result',
      'completed',
    ]);
  });

  it('emits repeated after cut connections are recorded once', async () => {
    const proxy = await proxied();
    const hub = connect({ url: proxy.url });
    const id = await hub.createOperation('job');
    for (let round = 0; round < 10; round++) {
      await eventually('the connection', () => hub.isConnected);
      proxy.cutAfter(200 + round * 151);
      await Promise.all(
        Array.from({ length: 20 }, (_, index) => hub.record(id, 'log', { message: `${round}.${index}` })),
      );
    }
    const messages = (await log(id)).flatMap((event) =>
      event.event_type === 'log' ? [event.data.message] : [],
    );
    expect(new Set(messages).size).toBe(200);
    expect(messages).toHaveLength(200);
  });

  it('refuses more commands than may wait', async () => {
    const proxy = await proxied();
    proxy.refuse(true);
    const hub = connect({ url: proxy.url, maxPending: 2 });
    const waiting = [hub.getStats(), hub.getStats()];
    await expect(hub.getStats()).rejects.toMatchObject({ code: 'queue_full' });
    proxy.refuse(false);
    await Promise.all(waiting);
  });

  it('commands reject with the code of the service', async () => {
    const hub = connect();
    await expect(hub.record('unknown-operation', 'log', { message: 'x' })).rejects.toMatchObject({
      code: 'operation_not_found',
    });
    const id = await hub.createOperation('job');
    await hub.cancelOperation(id, 'why not');
    await expect(hub.record(id, 'log', { message: 'x' })).rejects.toMatchObject({ code: 'operation_ended' });
    await expect(hub.createOperation('')).rejects.toMatchObject({ code: 'invalid_request' });
    expect(await hub.getOperation('unknown-operation')).toBeNull();
  });

  it('S1-47 S1-48 asks for snapshots, lists, history, statistics and the round trip', async () => {
    const hub = connect();
    const id = await openWithSteps(4);
    expect(await hub.getOperation(id)).toMatchObject({ operation_id: id, status: 'running', event_count: 5 });
    expect((await hub.listOperations({ type: 'job', limit: 1 })).operations).toHaveLength(1);
    const page = await hub.getHistory(id, 2, 2);
    expect(page).toMatchObject({ first_seq: 1, head_seq: 5, has_more: true, history_trimmed: false });
    expect(seqs(page.events)).toEqual([3, 4]);
    expect(await hub.getStats()).toMatchObject({ connected_clients: 1, subscriptions: 0 });
    expect(await hub.ping()).toBeGreaterThan(0);
  });

  it('connect tells that nobody is there; a client that was given up says so in every loop', async () => {
    const closed = await proxied();
    closed.refuse(true);
    await expect(connect({ url: closed.url }).connect()).rejects.toMatchObject({ code: 'unreachable' });
    const hub = connect({ url: closed.url, reconnect: { maxAttempts: 2, delay: () => 1 } });
    await expect(collect(hub.follow('some-operation', { afterSeq: 0 })).done).rejects.toMatchObject({
      code: 'unreachable',
    });
    expect(() => hub.follow('some-operation')).toThrow('closed');
    await expect(hub.getStats()).rejects.toMatchObject({ code: 'closed' });
  });

  it('an address without a hub is named as such and not tried for ever', async () => {
    const hub = connect({ url: `${service.url}/elsewhere` });
    await expect(hub.connect()).rejects.toMatchObject({ code: 'unexpected_answer' });
  });

  it('close ends loops quietly and refuses what is unanswered', async () => {
    const id = await openWithSteps(1);
    const proxy = await proxied();
    const hub = connect({ url: proxy.url });
    const followed = collect(hub.follow(id, { afterSeq: 0 }));
    const all = collect(hub.followAll());
    await eventually('the events', () => followed.events.length === 2);
    proxy.fallSilent();
    const unanswered = hub.getStats();
    hub.close();
    await expect(unanswered).rejects.toMatchObject({ code: 'closed' });
    await followed.done;
    await all.done;
  });
});
