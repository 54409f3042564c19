import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { HubClient, HubMessage } from '../harness/hub-client.js';
import { nowInSeconds, NUMBER } from '../harness/matchers.js';
import { RunningService } from '../harness/running-service.js';

const idsOf = ({ operations }: HubMessage['data']): string[] =>
  operations!.map((operation) => operation.operation_id);

describe('hub: looking at operations', () => {
  let service: RunningService;
  let client: HubClient;

  beforeAll(async () => {
    service = await RunningService.start({ MAX_EVENTS_PER_OPERATION: '50' });
  });
  afterAll(() => service.stop());
  beforeEach(async () => {
    client = await service.hub('/');
  });

  it('S1-47, S1-49, S1-50, X-02: get_operation of a fresh operation', async () => {
    const id = await service.rest.open('orchestration', {});
    const answer = await client.ask({ command: 'get_operation', operation_id: id });
    expect(answer.operation).toEqual({
      operation_id: id,
      operation_type: 'orchestration',
      started_at: NUMBER,
      status: 'running',
      progress: 0,
      metadata: {},
      event_count: 1,
      message: '',
      updated_at: NUMBER,
      ended_at: null,
      duration: null,
      first_seq: 1,
      log_counts: { debug: 0, info: 0, warning: 0, error: 0 },
      log: expect.stringMatching(/^\w+\.\d+\.\d+$/),
    });
    nowInSeconds(answer.operation!.started_at);
    expect(answer).toMatchObject({ event_type: 'operation', operation_id: id });
    expect(answer.data.operation).toEqual(answer.operation);
  });

  it.each(['no-such-operation', '', 'no id at all / ü', 7, null, undefined])(
    'X-05: get_operation of %o answers null',
    async (id) => {
      expect(await client.ask({ command: 'get_operation', operation_id: id })).toMatchObject({
        operation: null,
      });
    },
  );

  it('S1-11: get_history answers pages of the log', async () => {
    const id = await service.rest.open();
    for (const message of ['a', 'b', 'c']) await service.rest.emit(id, 'log', { message });
    const first = await client.ask({ command: 'get_history', operation_id: id, limit: 3 });
    expect(first).toMatchObject({
      status: 'history',
      event_type: 'history',
      operation_id: id,
      data: { first_seq: 1, head_seq: 4, has_more: true, history_trimmed: false },
    });
    expect(first.data.events!.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    const rest = await client.ask({ command: 'get_history', operation_id: id, after_seq: 3 });
    expect(rest.data.events).toMatchObject([{ seq: 4, event_type: 'log', data: { message: 'c' } }]);
    expect(rest.data.has_more).toBe(false);
  });

  it('get_history shows events exactly as subscribers received them', async () => {
    const id = await service.rest.open();
    await client.subscribe(id);
    await service.rest.emit(id, 'status', { status: 'thinking', details: { at: [1, { two: null }] } });
    await service.rest.emit(id, 'error', { error: 'x' });
    const live = await client.take(2);
    const { data } = await client.ask({ command: 'get_history', operation_id: id, after_seq: 1 });
    expect(data.events).toEqual(live);
  });

  it('get_history of an unknown operation says so', async () => {
    const command = { command: 'get_history', operation_id: 'nobody', request_id: 'h' };
    expect(await client.ask(command)).toMatchObject({
      event_type: 'command_error',
      operation_id: 'nobody',
      request_id: 'h',
      data: { code: 'operation_not_found' },
    });
  });

  it('history_trimmed: a subscriber whose place is gone is told, and gets what is left', async () => {
    const id = await service.rest.open();
    const batch = Array.from({ length: 200 }, (_, index) => ({
      event_type: 'log',
      data: { message: String(index) },
    }));
    expect((await service.rest.post(`/api/operations/${id}/events`, batch)).status).toBe(201);
    const page = await client.ask({ command: 'get_history', operation_id: id });
    const first = page.data.first_seq as number;
    expect(first).toBeGreaterThan(6);
    expect(page.data).toMatchObject({ history_trimmed: true, head_seq: 201 });
    expect(page.data.events![0]!.seq).toBe(first);

    client.send({ command: 'subscribe', operation_id: id, after_seq: 5 });
    expect((await client.next()).status).toBe('subscribed');
    expect(await client.next()).toMatchObject({
      event_type: 'history_trimmed',
      operation_id: id,
      data: { after_seq: 5, first_seq: first },
    });
    const left = await client.take(201 - first + 1);
    expect(left.map(({ seq }) => seq)).toEqual(left.map((_, index) => first + index));
    await client.expectNothing();
  });

  it('a place in a log that was removed since is answered history_trimmed, and the new log follows', async () => {
    await service.rest.post('/api/operations', { operation_type: 'a', operation_id: 'again' });
    await service.rest.emit('again', 'result', { result: 1 });
    await service.rest.request('DELETE', '/api/operations/again');
    client.send({ command: 'subscribe', operation_id: 'again', after_seq: 3 });
    expect((await client.next()).status).toBe('subscribed');
    expect(await client.next()).toMatchObject({
      event_type: 'history_trimmed',
      data: { after_seq: 3, first_seq: null },
    });
    await service.rest.post('/api/operations', { operation_type: 'b', operation_id: 'again' });
    expect(await client.next()).toMatchObject({ seq: 1, data: { operation_type: 'b' } });
  });

  async function list(query: object): Promise<HubMessage['data']> {
    const answer = await client.ask({ command: 'list_operations', type: 'listed', ...query });
    expect(answer).toMatchObject({ status: 'listed', event_type: 'operations' });
    return answer.data;
  }

  it('list_operations pages through what there is, newest first, by status and type', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 5; index++) ids.unshift(await service.rest.open('listed'));
    await service.rest.emit(ids[0]!, 'result', { result: 'left out of lists' });
    const first = await list({ limit: 2 });
    expect(idsOf(first)).toEqual(ids.slice(0, 2));
    expect(first.operations![0]).not.toHaveProperty('result');
    const second = await list({ cursor: first.next_cursor });
    expect(idsOf(second)).toEqual(ids.slice(2));
    expect(second.next_cursor).toBeNull();
    expect(idsOf(await list({ status: 'active' }))).toEqual(ids.slice(1));
    expect(idsOf(await list({ status: 'completed' }))).toEqual(ids.slice(0, 1));
  });
});
