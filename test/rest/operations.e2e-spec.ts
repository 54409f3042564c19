import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OperationSnapshot } from '../../src/client/protocol/operation-events.js';
import { nowInSeconds, NUMBER, UUID } from '../harness/matchers.js';
import { RunningService } from '../harness/running-service.js';

interface List {
  readonly operations: readonly OperationSnapshot[];
  readonly next_cursor: string | null;
}

describe('REST: operations', () => {
  let service: RunningService;

  beforeAll(async () => {
    service = await RunningService.start();
  });
  afterAll(() => service.stop());

  it('S1-50, D-06: opening one answers 201 with the snapshot', async () => {
    const metadata = { user_request: 'Create a sorting function' };
    const { rest } = service;
    const answer = await rest.post<OperationSnapshot>('/api/operations', { operation_type: 'job', metadata });
    expect(answer.status).toBe(201);
    expect(answer.type).toContain('application/json');
    expect(answer.body).toEqual({
      operation_id: UUID,
      operation_type: 'job',
      started_at: NUMBER,
      status: 'running',
      progress: 0,
      metadata,
      event_count: 1,
      message: '',
      updated_at: NUMBER,
      ended_at: null,
      duration: null,
      first_seq: 1,
      log_counts: { debug: 0, info: 0, warning: 0, error: 0 },
      log: expect.stringMatching(/^\w+\.\d+\.\d+$/),
    });
    nowInSeconds(answer.body.started_at);
    const read = await rest.get(`/api/operations/${answer.body.operation_id}`);
    expect(read).toMatchObject({ status: 200, body: answer.body });
  });

  it('with an operation_id of the caller, a repeat is answered 200, and another opening 409', async () => {
    const open = (metadata: object) =>
      service.rest.post('/api/operations', { operation_type: 'job', operation_id: 'build-42', metadata });
    expect((await open({ a: 1, b: 2 })).status).toBe(201);
    expect(await open({ b: 2, a: 1 })).toMatchObject({ status: 200, body: { operation_id: 'build-42' } });
    expect(await open({ a: 2 })).toMatchObject({ status: 409, body: { code: 'operation_exists' } });
  });

  it.each(['a', 'A-b_c.d:e@f', '0', 'x'.repeat(128)])('%s is an operation id', async (id) => {
    await service.rest.post('/api/operations', { operation_type: 'job', operation_id: id });
    const answer = await service.rest.get(`/api/operations/${encodeURIComponent(id)}`);
    expect(answer).toMatchObject({ status: 200, body: { operation_id: id } });
  });

  it('an ended operation tells its result or error, and how long it took', async () => {
    const done = await service.rest.open();
    await service.rest.emit(done, 'result', { result: { output: [1, null, 'x'] } });
    expect((await service.rest.get(`/api/operations/${done}`)).body).toMatchObject({
      status: 'completed',
      progress: 1,
      result: { output: [1, null, 'x'] },
      ended_at: NUMBER,
      duration: NUMBER,
    });
    const failed = await service.rest.open();
    await service.rest.emit(failed, 'progress', { progress: 0.4 });
    await service.rest.emit(failed, 'error', { error: 'no', error_type: 'ValidationError' });
    const { body } = await service.rest.get(`/api/operations/${failed}`);
    expect(body).toMatchObject({
      status: 'error',
      progress: 0.4,
      error: 'no',
      error_type: 'ValidationError',
    });
  });

  it('C5: lists by status, active, type and page, newest first, without results', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 7; index++) ids.unshift(await service.rest.open('paged'));
    await service.rest.emit(ids[1]!, 'result', { result: 'x' });
    await service.rest.emit(ids[2]!, 'status', { status: 'thinking' });
    const list = async (query: string) =>
      (await service.rest.get<List>(`/api/operations?type=paged&${query}`)).body;
    const idsOf = (page: List) => page.operations.map((operation) => operation.operation_id);

    const pages: string[] = [];
    let cursor: string | null = null;
    do {
      const page: List = await list(`limit=3${cursor === null ? '' : `&cursor=${cursor}`}`);
      expect(page.operations.length).toBeLessThanOrEqual(3);
      pages.push(...idsOf(page));
      cursor = page.next_cursor;
    } while (cursor !== null);
    expect(pages).toEqual(ids);
    expect(idsOf(await list('status=thinking'))).toEqual([ids[2]]);
    expect(idsOf(await list('status=completed'))).toEqual([ids[1]]);
    expect(idsOf(await list('status=active'))).toEqual(ids.filter((id) => id !== ids[1]));
    expect((await list('status=completed')).operations[0]).not.toHaveProperty('result');
    expect(await list('status=nothing-has-this')).toEqual({ operations: [], next_cursor: null });
  });

  it('S1-11: the log is read in pages', async () => {
    const id = await service.rest.open();
    for (const message of ['a', 'b', 'c']) await service.rest.emit(id, 'log', { message });
    const page = await service.rest.get(`/api/operations/${id}/events?after_seq=1&limit=2`);
    expect(page.body).toEqual({
      events: [2, 3].map((seq) => ({
        event_type: 'log',
        operation_id: id,
        seq,
        position: expect.any(String),
        timestamp: NUMBER,
        data: { level: 'info', message: seq === 2 ? 'a' : 'b' },
      })),
      first_seq: 1,
      head_seq: 4,
      has_more: true,
      history_trimmed: false,
      log: expect.any(String),
    });
    const end = await service.rest.get(`/api/operations/${id}/events?after_seq=4`);
    expect(end.body).toMatchObject({ events: [], head_seq: 4, has_more: false });
  });

  it('S1-68: an ended operation is removed with its log; a running one is not', async () => {
    const id = await service.rest.open();
    const path = `/api/operations/${id}`;
    expect(await service.rest.request('DELETE', path)).toMatchObject({
      status: 409,
      body: { code: 'operation_running' },
    });
    await service.rest.post(`${path}/cancel`);
    const removed = await service.rest.request('DELETE', path);
    expect([removed.status, removed.text]).toEqual([204, '']);
    for (const answer of [
      await service.rest.get(path),
      await service.rest.get(`${path}/events`),
      await service.rest.request('DELETE', path),
    ]) {
      expect(answer).toMatchObject({ status: 404, body: { code: 'operation_not_found' } });
    }
  });
});
