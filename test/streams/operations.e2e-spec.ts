import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';
import { sseEvents } from '../harness/stream-events.js';

interface Event {
  readonly seq: number;
  readonly event_type: string;
}

describe('operations as Durable Streams', () => {
  let service: RunningService;
  let directory: string;
  let token: string;
  let stranger: string;
  let blind: string;

  const start = () =>
    RunningService.start({
      JWT_SECRET: SECRET,
      ALLOW_ANONYMOUS: 'false',
      MAX_EVENTS_PER_OPERATION: '20',
      DATA_DIR: directory,
      STORE: 'sqlite',
    });

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'opstream-'));
    token = await sign({ sub: 'w' });
    stranger = await sign({ sub: 's', tenant: 'other' });
    blind = await sign({ sub: 'b', scope: 'streams:read streams:write' });
    service = await start();
  });
  afterAll(async () => {
    await service.stop();
    await rm(directory, { recursive: true });
  });

  const read = (path: string, as = token, method = 'GET') =>
    fetch(`${service.http}/v1/stream/${path}`, { method, headers: { authorization: `Bearer ${as}` } });
  const post = (path: string, body: unknown) =>
    fetch(`${service.http}/api/operations${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const open = (id: string) => post('', { operation_type: 'build', operation_id: id });
  const log = (id: string, message: string) => post(`/${id}/log`, { message });
  const seqs = (events: unknown) => (events as Event[]).map(({ seq }) => seq);

  it('one event is one message, and its end is the last one', async () => {
    await open('one');
    await log('one', 'working');
    const first = await read('operations/one');
    expect(first.headers.get('content-type')).toBe('application/json');
    expect(first.headers.get('stream-closed')).toBeNull();
    expect(first.headers.get('stream-up-to-date')).toBe('true');
    expect(await first.json()).toEqual([
      expect.objectContaining({ seq: 1, event_type: 'status', operation_id: 'one' }),
      expect.objectContaining({ seq: 2, event_type: 'log', data: { level: 'info', message: 'working' } }),
    ]);
    await post('/one/result', { result: 42 });
    const rest = await read(`operations/one?offset=${first.headers.get('stream-next-offset')}`);
    expect(rest.headers.get('stream-closed')).toBe('true');
    const events = (await rest.json()) as Event[];
    expect(events.map(({ event_type }) => event_type)).toEqual(['result', 'completed']);
    const head = await read('operations/one', token, 'HEAD');
    expect(head.headers.get('stream-closed')).toBe('true');
    expect(head.headers.get('opstream-operation')).toBe('one');
    expect(head.headers.get('stream-next-offset')).toBe(rest.headers.get('stream-next-offset'));
  });

  it('live readers get each event once, resume, and end with the operation', async () => {
    await open('live');
    const whole = sseEvents(await read('operations/live?offset=-1&live=sse'));
    await eventually('the beginning', () => whole.data.length === 1);
    const cut = new AbortController();
    const early = sseEvents(
      await fetch(`${service.http}/v1/stream/operations/live?offset=now&live=sse`, {
        headers: { authorization: `Bearer ${token}` },
        signal: cut.signal,
      }),
    );
    await eventually('the place', () => early.controls.length === 1);
    expect(early.controls[0]).toMatchObject({ upToDate: true });
    await log('live', '2');
    await eventually('the second event', () => early.data.length === 1);
    cut.abort();
    const offset = early.controls.at(-1)!.streamNextOffset;
    const waiting = read(`operations/live?offset=${offset}&live=long-poll`);
    await log('live', '3');
    const answer = await waiting;
    expect(seqs(await answer.json())).toEqual([3]);
    await post('/live/cancel', { reason: 'enough' });
    await whole.ended;
    expect(seqs(whole.data)).toEqual([1, 2, 3, 4]);
    expect(whole.controls.at(-1)).toMatchObject({ streamClosed: true });
    const offsets = whole.controls.map(({ streamNextOffset }) => streamNextOffset);
    expect(offsets).toEqual([...offsets].sort());
    const over = await read(
      `operations/live?offset=${whole.controls.at(-1)!.streamNextOffset}&live=long-poll`,
    );
    expect([over.status, over.headers.get('stream-closed')]).toEqual([204, 'true']);
  });

  it.each(['PUT', 'POST', 'DELETE'])('%s is not allowed, wherever the namespace begins', async (method) => {
    await open('read-only');
    for (const path of ['operations/read-only', 'operations/new', 'operations', 'sessions/x']) {
      const answer = await read(path, token, method);
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
      expect(await answer.json()).toMatchObject({ code: 'method_not_allowed' });
    }
  });

  it('nobody reads another tenant’s operations, or any without the scope to', async () => {
    await open('mine');
    expect((await read('operations/mine', stranger)).status).toBe(404);
    expect((await read('operations/mine', blind)).status).toBe(403);
    expect((await read('operations/none')).status).toBe(404);
    expect((await read('operations/bad%20id')).status).toBe(404);
  });

  it('an offset before what is left, or of a log that is gone, is told as the protocol says', async () => {
    await open('trimmed');
    const early = (await read('operations/trimmed')).headers.get('stream-next-offset')!;
    for (let index = 0; index < 40; index++) await log('trimmed', String(index));
    expect((await read(`operations/trimmed?offset=${early}`)).status).toBe(410);
    const left = await read('operations/trimmed?offset=-1');
    expect(seqs(await left.json()).at(-1)).toBe(41);
    const followed = sseEvents(await read('operations/trimmed?offset=-1&live=sse'));
    await eventually('what is left', () => followed.data.length > 0 && seqs(followed.data).at(-1) === 41);
    const latest = followed.controls.at(-1)!.streamNextOffset;
    await post('/trimmed/result', { result: null });
    await followed.ended;
    await fetch(`${service.http}/api/operations/trimmed`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${token}` },
    });
    expect((await read(`operations/trimmed?offset=${latest}`)).status).toBe(404);
    await open('trimmed');
    expect((await read(`operations/trimmed?offset=${latest}`)).status).toBe(410);
    expect((await read('operations/trimmed?offset=17')).status).toBe(400);
  });

  it('a restart changes nothing for a reader that resumes, and offsets go on sorting', async () => {
    await open('restart');
    const before = (await read('operations/restart')).headers.get('stream-next-offset')!;
    await service.stop();
    service = await start();
    await log('restart', 'after');
    const answer = await read(`operations/restart?offset=${before}`);
    expect(seqs(await answer.json())).toEqual([2]);
    expect(answer.headers.get('stream-next-offset')! > before).toBe(true);
  });

  it('a repeated read is answered with 304, until the operation ends', async () => {
    await open('cached');
    const etag = (await read('operations/cached')).headers.get('etag')!;
    const again = () =>
      fetch(`${service.http}/v1/stream/operations/cached`, {
        headers: { authorization: `Bearer ${token}`, 'if-none-match': etag },
      });
    expect((await again()).status).toBe(304);
    await post('/cached/cancel', {});
    expect((await again()).status).toBe(200);
  });
});
