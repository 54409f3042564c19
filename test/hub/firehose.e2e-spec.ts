import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HubMessage } from '../harness/hub-client.js';
import { RunningService } from '../harness/running-service.js';

const places = (events: readonly HubMessage[]): string[] =>
  events.map(({ operation_id: id, seq }) => `${id}/${seq}`);

describe('hub: following all operations', () => {
  let service: RunningService;

  beforeAll(async () => {
    service = await RunningService.start({ HUB_AUTO_MONITOR_MS: '150' });
  });
  afterAll(() => service.stop());

  it('S1-31: subscribe_all sends the events of every operation, from their opening on', async () => {
    const client = await service.hub();
    expect(await client.ask({ command: 'subscribe_all' })).toMatchObject({
      status: 'subscribed',
      event_type: 'subscribed',
      data: { all: true },
    });
    const one = await service.rest.open('code_generation');
    const two = await service.rest.open('web_search');
    await service.rest.emit(one, 'result', { result: 1 });
    const events = await client.take(4);
    expect(places(events)).toEqual([`${one}/1`, `${two}/1`, `${one}/2`, `${one}/3`]);
    expect(events[0]).toMatchObject({
      event_type: 'status',
      data: { status: 'started', operation_type: 'code_generation' },
    });
  });

  it('resumes after the position of the last event it had, without a gap or a repeated event', async () => {
    const first = await service.hub();
    await first.ask({ command: 'subscribe_all' });
    const one = await service.rest.open();
    const { position } = await first.next();
    first.terminate();
    const two = await service.rest.open();
    await service.rest.emit(one, 'log', { message: 'missed' });
    const second = await service.hub();
    await second.ask({ command: 'subscribe_all', after: position });
    expect(places(await second.take(2))).toEqual([`${two}/1`, `${one}/2`]);
    await service.rest.emit(two, 'log', { message: 'live' });
    expect(places([await second.next()])).toEqual([`${two}/2`]);
    await second.expectNothing();
  });

  it('the whole log can be read from position 0, in order and each event once', async () => {
    const client = await service.hub();
    await client.ask({ command: 'subscribe_all', after: '0' });
    const id = await service.rest.open();
    await service.rest.emit(id, 'error', { error: 'the last event of all' });
    const events: HubMessage[] = [];
    while (events.at(-1)?.operation_id !== id) events.push(...(await client.through('error')));
    const positions = events.map(({ position }) => Number(position));
    expect(positions).toEqual([...new Set(positions)].toSorted((a, b) => a - b));
    expect(places(events)).toEqual([...new Set(places(events))]);
    expect(events.length).toBeGreaterThan(5);
  });

  it.each(['nonsense', -1, { at: 3 }, '1e3'])('after: %o is refused', async (after) => {
    const client = await service.hub();
    const answer = await client.ask({ command: 'subscribe_all', after });
    expect(answer).toMatchObject({ event_type: 'command_error', data: { code: 'invalid_cursor' } });
  });

  it('coalesce that is neither true nor false is refused', async () => {
    const client = await service.hub();
    const answer = await client.ask({ command: 'subscribe_all', coalesce: 'perhaps' });
    expect(answer).toMatchObject({ event_type: 'command_error', data: { code: 'invalid_request' } });
    await service.rest.open();
    await client.expectNothing();
  });

  it('an event arrives once, also when its operation is subscribed to as well', async () => {
    const client = await service.hub();
    const id = await service.rest.open();
    await client.subscribe(id);
    await client.ask({ command: 'subscribe_all' });
    await service.rest.emit(id, 'log', { message: 'once' });
    expect((await client.next()).seq).toBe(2);
    await client.expectNothing();
  });

  it('unsubscribe_all leaves the subscriptions to single operations as they were', async () => {
    const client = await service.hub();
    const [kept, other] = [await service.rest.open(), await service.rest.open()];
    await client.subscribe(kept);
    await client.ask({ command: 'subscribe_all' });
    expect(await client.ask({ command: 'unsubscribe_all' })).toMatchObject({ status: 'unsubscribed' });
    await service.rest.emit(other, 'log', { message: 'not mine' });
    await service.rest.emit(kept, 'log', { message: 'mine' });
    expect(places([await client.next()])).toEqual([`${kept}/2`]);
    await client.expectNothing();
  });

  describe("S1-31, C3: a client of the hub's own port that sends nothing", () => {
    it('becomes a monitor of all operations', async () => {
      const client = await service.hub('/');
      await monitored(client.inbox);
      const id = await service.rest.open();
      await service.rest.emit(id, 'progress', { progress: 0.5, message: 'half' });
      expect((await client.through('progress')).at(-1)).toMatchObject({
        operation_id: id,
        data: { message: 'half' },
      });
    });

    it('stops being one with its first command', async () => {
      const client = await service.hub('/');
      await monitored(client.inbox);
      await client.request({ command: 'ping' });
      client.inbox.length = 0;
      await service.rest.open();
      await client.expectNothing();
    });

    it('a client that has spoken, and one on /hub, never become one', async () => {
      const spoken = await service.hub('/');
      await spoken.ask({ command: 'ping' });
      const ofToday = await service.hub('/hub');
      // Connected last, so its silence has lasted the shortest when it is told of something.
      const silent = await service.hub('/');
      await monitored(silent.inbox);
      await spoken.expectNothing();
      await ofToday.expectNothing();
    });
  });

  it('C3: HUB_AUTO_MONITOR_MS=0 turns it off', async () => {
    const quiet = await RunningService.start({ HUB_AUTO_MONITOR_MS: '0' });
    try {
      const client = await quiet.hub('/');
      const silent = await service.hub('/');
      await monitored(silent.inbox);
      await quiet.rest.open();
      expect((await quiet.rest.get('/api/stats')).body.subscriptions).toBe(0);
      await client.expectNothing();
    } finally {
      await quiet.stop();
    }
  });

  /** Opens operations until the client is told of one. */
  async function monitored(inbox: readonly HubMessage[]): Promise<void> {
    await expect
      .poll(
        async () => {
          await service.rest.open('probe');
          return inbox.length;
        },
        { timeout: 10_000 },
      )
      .toBeGreaterThan(0);
  }
});
