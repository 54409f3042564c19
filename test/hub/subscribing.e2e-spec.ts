import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { HubClient, HubMessage } from '../harness/hub-client.js';
import { NUMBER } from '../harness/matchers.js';
import { RunningService } from '../harness/running-service.js';

const seqs = (events: readonly HubMessage[]): (number | undefined)[] => events.map(({ seq }) => seq);

describe('hub: subscribing to operations', () => {
  let service: RunningService;
  let client: HubClient;

  beforeAll(async () => {
    service = await RunningService.start();
  });
  afterAll(() => service.stop());
  beforeEach(async () => {
    client = await service.hub('/');
  });

  it('S1-46, C2: subscribe is confirmed in the form of the document and in the form of an event', async () => {
    const id = await service.rest.open();
    expect(await client.ask({ command: 'subscribe', operation_id: id })).toEqual({
      status: 'subscribed',
      operation_id: id,
      event_type: 'subscribed',
      timestamp: NUMBER,
      data: { operation_id: id, log: expect.stringMatching(/^\w+\.\d+\.\d+$/) },
    });
  });

  it('X-03: an operation can be subscribed to before it exists', async () => {
    await client.subscribe('not-opened-yet');
    await service.rest.post('/api/operations', { operation_type: 'late', operation_id: 'not-opened-yet' });
    expect(await client.next()).toMatchObject({
      event_type: 'status',
      operation_id: 'not-opened-yet',
      seq: 1,
      data: { status: 'started', operation_type: 'late', metadata: {} },
    });
  });

  it('X-03: …also with replay, without a gap or a repeated event', async () => {
    await client.subscribe('to-be-replayed', { replay: true });
    await service.rest.post('/api/operations', { operation_type: 'late', operation_id: 'to-be-replayed' });
    await service.rest.emit('to-be-replayed', 'result', { result: 1 });
    expect(seqs(await client.take(3))).toEqual([1, 2, 3]);
    await client.expectNothing();
  });

  it('S1-09, S1-10: several clients follow one operation; a client of another gets nothing', async () => {
    const [followed, other] = [await service.rest.open(), await service.rest.open()];
    const [second, elsewhere] = [await service.hub('/'), await service.hub('/')];
    await client.subscribe(followed);
    await second.subscribe(followed);
    await elsewhere.subscribe(other);
    await service.rest.emit(followed, 'progress', { progress: 0.2, message: 'm' });
    const received = await client.next();
    expect(received).toMatchObject({
      event_type: 'progress',
      operation_id: followed,
      data: { progress: 0.2 },
    });
    expect(await second.next()).toEqual(received);
    await elsewhere.expectNothing();
  });

  it('one client follows several operations at once', async () => {
    const ids = [await service.rest.open(), await service.rest.open()];
    for (const id of ids) await client.subscribe(id);
    for (const id of ids) await service.rest.emit(id, 'log', { message: id });
    expect((await client.take(2)).map((event) => event.operation_id)).toEqual(ids);
  });

  it('X-09: subscribing does not replay by default', async () => {
    const id = await service.rest.open();
    await service.rest.emit(id, 'progress', { progress: 0.3, message: 'early' });
    await client.subscribe(id);
    await client.expectNothing();
    await service.rest.emit(id, 'log', { message: 'live' });
    expect((await client.next()).seq).toBe(3);
  });

  it.each([{ replay: true }, { after_seq: 0 }])(
    'S1-11: %o replays everything, then goes on live',
    async (how) => {
      const id = await service.rest.open();
      await service.rest.emit(id, 'progress', { progress: 0.3, message: 'early' });
      await client.subscribe(id, how);
      expect(seqs(await client.take(2))).toEqual([1, 2]);
      await service.rest.emit(id, 'log', { message: 'live' });
      expect((await client.next()).seq).toBe(3);
      await client.expectNothing();
    },
  );

  it('S1-11: after_seq resumes after what the client has', async () => {
    const id = await service.rest.open();
    for (const message of ['a', 'b', 'c']) await service.rest.emit(id, 'log', { message });
    await client.subscribe(id, { after_seq: 2 });
    expect(seqs(await client.take(2))).toEqual([3, 4]);
    await client.expectNothing();
  });

  it('an ended operation is replayed to its end', async () => {
    const id = await service.rest.open();
    await service.rest.emit(id, 'result', { result: 'done' });
    await client.subscribe(id, { replay: true });
    expect((await client.take(3)).map((event) => event.event_type)).toEqual([
      'status',
      'result',
      'completed',
    ]);
    await client.expectNothing();
  });

  it('subscribing again changes nothing; asking for history again replays it', async () => {
    const id = await service.rest.open();
    await client.subscribe(id);
    await client.subscribe(id);
    await service.rest.emit(id, 'log', { message: 'once' });
    expect((await client.next()).seq).toBe(2);
    await client.expectNothing();
    await client.subscribe(id, { after_seq: 0 });
    expect(seqs(await client.take(2))).toEqual([1, 2]);
    await client.expectNothing();
  });

  it('coalesce leaves out progress that a later one supersedes, and nothing else', async () => {
    const id = await service.rest.open();
    for (let step = 1; step <= 20; step++) await service.rest.emit(id, 'progress', { progress: step / 20 });
    await service.rest.emit(id, 'log', { message: 'kept' });
    await service.rest.emit(id, 'result', { result: null });
    await client.subscribe(id, { after_seq: 0, coalesce: true });
    const events = await client.through('completed');
    expect(events.map(({ event_type: type }) => type)).toEqual([
      'status',
      'progress',
      'log',
      'result',
      'completed',
    ]);
    expect(events[1]!.data.progress).toBe(1);
  });

  it('S1-69: unsubscribe stops the events', async () => {
    const id = await service.rest.open();
    await client.subscribe(id);
    expect(await client.ask({ command: 'unsubscribe', operation_id: id })).toMatchObject({
      status: 'unsubscribed',
      operation_id: id,
      event_type: 'unsubscribed',
    });
    await service.rest.emit(id, 'progress', { progress: 0.5 });
    await client.expectNothing();
  });

  it('S1-69: unsubscribing from what was never subscribed is confirmed too', async () => {
    const answer = await client.ask({ command: 'unsubscribe', operation_id: 'never' });
    expect(answer).toMatchObject({ status: 'unsubscribed', operation_id: 'never' });
  });

  it('a connection may have 1000 subscriptions', async () => {
    for (let index = 0; index < 1000; index++) {
      client.send({ command: 'subscribe', operation_id: `many-${index}` });
    }
    await client.take(1000);
    expect(await client.ask({ command: 'subscribe', operation_id: 'one-too-many' })).toMatchObject({
      event_type: 'command_error',
      operation_id: 'one-too-many',
      data: { code: 'too_many_subscriptions' },
    });
    await client.ask({ command: 'unsubscribe', operation_id: 'many-7' });
    await client.subscribe('one-too-many');
  });
});
