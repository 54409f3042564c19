import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { RunningService } from '../harness/running-service.js';
import { SseClient, type SseMessage } from '../harness/sse-client.js';

const seqs = (messages: readonly SseMessage[]): number[] => messages.map(({ data }) => data.seq);

describe('server-sent events', () => {
  let service: RunningService;
  const open: SseClient[] = [];

  beforeAll(async () => {
    service = await RunningService.start({ MAX_EVENTS_PER_OPERATION: '50', HEARTBEAT_INTERVAL_MS: '200' });
  });
  afterAll(() => service.stop());
  afterEach(() => {
    for (const client of open.splice(0)) client.close();
  });

  async function follow(path: string, headers?: Record<string, string>): Promise<SseClient> {
    const client = await SseClient.open(`${service.http}/api/${path}`, headers);
    open.push(client);
    return client;
  }

  it('a user has so many streams at a time, and gets the places back', async () => {
    const limited = await RunningService.start({ MAX_STREAMS_PER_USER: '2' });
    try {
      const url = `${limited.http}/api/stream`;
      const [first, second] = [await SseClient.open(url), await SseClient.open(url)];
      const refused = await fetch(url);
      expect(refused.status).toBe(429);
      expect(await refused.json()).toMatchObject({ code: 'too_many_connections', connections: 2, limit: 2 });
      first.close();
      await eventually('there is a place again', async () => {
        const third = await fetch(url);
        await third.body?.cancel();
        return third.status === 200;
      });
      second.close();
    } finally {
      await limited.stop();
    }
  });

  it('one operation: its whole log, then live, ending with the final event', async () => {
    const id = await service.rest.open('job', { a: 1 });
    await service.rest.emit(id, 'progress', { progress: 0.5, message: 'half' });
    const stream = await follow(`operations/${id}/stream`);
    expect(stream.response.status).toBe(200);
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(stream.response.headers.get('cache-control')).toContain('no-cache');
    const [first, second] = await stream.take(2);
    expect(first).toMatchObject({
      id: expect.stringMatching(/^1@/),
      event: 'status',
      data: { data: { status: 'started' } },
    });
    expect(second).toMatchObject({
      id: expect.stringMatching(/^2@/),
      event: 'progress',
      data: { event_type: 'progress', operation_id: id, seq: 2, data: { progress: 0.5, message: 'half' } },
    });
    await service.rest.emit(id, 'result', { result: 'done' });
    expect((await stream.take(2)).map(({ event }) => event)).toEqual(['result', 'completed']);
    await stream.end();
    expect(stream.messages).toEqual([]);
  });

  it('shows exactly the events that the hub and the history show', async () => {
    const id = await service.rest.open();
    const hub = await service.hub();
    await hub.subscribe(id, { replay: true });
    const stream = await follow(`operations/${id}/stream`);
    await service.rest.emit(id, 'log', { message: 'Zeile 1\nZeile 2\r\nid: 7\n\ndata: {}' });
    await service.rest.emit(id, 'error', { error: 'over' });
    const events = (await stream.take(3)).map(({ data }) => data);
    expect(events).toEqual(await hub.take(3));
    await hub.close();
    const { body } = await service.rest.get(`/api/operations/${id}/events`);
    expect(body.events).toEqual(events);
  });

  it.each(['Last-Event-ID', 'last-event-id'])('resumes after %s', async (header) => {
    const id = await service.rest.open();
    for (const message of ['a', 'b', 'c']) await service.rest.emit(id, 'log', { message });
    const stream = await follow(`operations/${id}/stream`, { [header]: '3' });
    await service.rest.emit(id, 'log', { message: 'd' });
    expect(seqs(await stream.take(2))).toEqual([4, 5]);
  });

  it('begins after after_seq; Last-Event-ID goes before it, as a reconnecting browser keeps the address', async () => {
    const id = await service.rest.open();
    for (const message of ['a', 'b', 'c']) await service.rest.emit(id, 'log', { message });
    expect(seqs(await (await follow(`operations/${id}/stream?after_seq=2`)).take(2))).toEqual([3, 4]);
    const resumed = await follow(`operations/${id}/stream?after_seq=1`, { 'Last-Event-ID': '3' });
    expect(seqs(await resumed.take(1))).toEqual([4]);
  });

  it('a reader that has read an ended operation to its end is answered 204: nothing to reconnect for', async () => {
    const id = await service.rest.open();
    await service.rest.emit(id, 'result', { result: 1 });
    expect((await follow(`operations/${id}/stream`, { 'Last-Event-ID': '3' })).response.status).toBe(204);
    const rest = await follow(`operations/${id}/stream`, { 'Last-Event-ID': '2' });
    expect(seqs(await rest.take(1))).toEqual([3]);
    await rest.end();
  });

  it('tells a reader whose place was trimmed', async () => {
    const id = await service.rest.open();
    const batch = Array.from({ length: 100 }, () => ({ event_type: 'log', data: { message: 'x' } }));
    await service.rest.post(`/api/operations/${id}/events`, batch);
    const stream = await follow(`operations/${id}/stream`, { 'Last-Event-ID': '1' });
    const [notice, next] = await stream.take(2);
    expect(notice).toMatchObject({ id: undefined, event: 'history_trimmed', data: { after_seq: 1 } });
    expect(next!.data.seq).toBe(notice!.data.first_seq);
  });

  it('coalesce leaves superseded progress out', async () => {
    const id = await service.rest.open();
    for (let step = 1; step <= 9; step++) await service.rest.emit(id, 'progress', { progress: step / 10 });
    await service.rest.emit(id, 'result', { result: 1 });
    const stream = await follow(`operations/${id}/stream?coalesce=true`);
    await stream.end();
    expect(stream.messages.map(({ event }) => event)).toEqual(['status', 'progress', 'result', 'completed']);
  });

  it('all operations: from now on, with positions as ids to resume from', async () => {
    await service.rest.open('before');
    const stream = await follow('stream');
    const one = await service.rest.open('one');
    const two = await service.rest.open('two');
    const [first, second] = await stream.take(2);
    expect([first!.data.operation_id, second!.data.operation_id]).toEqual([one, two]);
    expect(first!.id).toMatch(new RegExp(`^${first!.data.position}@`));
    stream.close();
    await service.rest.emit(one, 'log', { message: 'missed' });
    const resumed = await follow('stream', { 'Last-Event-ID': first!.id! });
    const missed = await resumed.take(2);
    expect(missed.map(({ data }) => `${data.operation_id}/${data.seq}`)).toEqual([`${two}/1`, `${one}/2`]);
    expect(seqs(await (await follow(`stream?after=${second!.id}`)).take(1))).toEqual([2]);
  });

  it('comments keep a quiet stream alive', async () => {
    const stream = await follow('stream');
    await eventually('two comments', () => stream.comments.length >= 2);
    expect(stream.messages).toEqual([]);
  });

  it('a reader that leaves gives its subscription back', async () => {
    const subscriptions = async () => (await service.rest.get('/api/stats')).body.subscriptions as number;
    await expect.poll(subscriptions).toBe(0);
    const id = await service.rest.open();
    const streams = [await follow('stream'), await follow(`operations/${id}/stream`)];
    expect(await subscriptions()).toBe(2);
    for (const stream of streams) stream.close();
    await expect.poll(subscriptions).toBe(0);
  });

  it.each([
    ['operations/nobody/stream', {}, 404, 'operation_not_found'],
    ['operations/no%20id/stream', {}, 400, 'invalid_operation_id'],
    ['operations/ID/stream?after_seq=-1', {}, 400, 'invalid_request'],
    ['operations/ID/stream?coalesce=perhaps', {}, 400, 'invalid_request'],
    ['operations/ID/stream', { 'Last-Event-ID': 'x' }, 400, 'invalid_request'],
    ['stream', { 'Last-Event-ID': 'x' }, 400, 'invalid_cursor'],
    ['stream?after=x', {}, 400, 'invalid_cursor'],
  ])('%s with %o is answered %i %s', async (path, headers, status, code) => {
    const id = await service.rest.open();
    const answer = await service.rest.request('GET', `/api/${path.replace('ID', id)}`, { headers });
    expect(answer.status).toBe(status);
    expect(answer.body.code).toBe(code);
  });

  it('a reader that reads nothing does not hold up the stop for long', async () => {
    const other = await RunningService.start();
    const id = await other.rest.open();
    const data = { message: 'x'.repeat(60_000) };
    for (let count = 0; count < 40; count++) {
      const batch = Array.from({ length: 8 }, () => ({ event_type: 'log', data }));
      await other.rest.post(`/api/operations/${id}/events`, batch);
    }
    const socket = connect(other.port, '127.0.0.1').pause();
    await once(socket, 'connect');
    socket.write(`GET /api/operations/${id}/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
    await expect.poll(async () => (await other.rest.get('/api/stats')).body.subscriptions).toBe(1);
    const before = Date.now();
    await other.stop();
    expect(Date.now() - before).toBeLessThan(8000);
    socket.destroy();
  });

  it('open streams are ended when the service stops, so that it stops at once', async () => {
    const other = await RunningService.start();
    const id = await other.rest.open();
    const streams = [
      await SseClient.open(`${other.http}/api/stream`),
      await SseClient.open(`${other.http}/api/operations/${id}/stream`),
    ];
    await streams[1]!.take(1);
    const before = Date.now();
    await other.stop();
    expect(Date.now() - before).toBeLessThan(5000);
    for (const stream of streams) await stream.end();
  });
});
