import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OperationPage, OperationSnapshot } from '../../src/client/protocol/operation-events.js';
import { HubClient, RestClient } from '../../src/client/index.js';
import { OperationsService } from '../../src/library.js';
import { RunningService } from '../harness/running-service.js';
import { inSeconds, SECRET, sign } from '../harness/tokens.js';

const tokenOf = (sub: string, tenant?: string) =>
  sign({ sub, exp: inSeconds(600), ...(tenant !== undefined && { tenant }) });

describe('relations and people', () => {
  let service: RunningService;
  let headers: Record<string, string>;
  let url: string;

  beforeAll(async () => {
    service = await RunningService.start({ JWT_SECRET: SECRET });
    headers = { authorization: `Bearer ${await tokenOf('ann')}` };
    url = service.http;
  });
  afterAll(() => service.stop());

  const open = async (body: object, as = headers) => {
    const answer = await service.rest.post<OperationSnapshot>(
      '/api/operations',
      { operation_type: 'job', ...body },
      as,
    );
    expect(answer.status).toBe(201);
    return answer.body.operation_id;
  };
  const snapshot = async (id: string) =>
    (await service.rest.get<OperationSnapshot>(`/api/operations/${id}`)).body;
  const ids = async (query: string) =>
    (await service.rest.get<OperationPage>(`/api/operations?${query}`)).body.operations.map(
      ({ operation_id: id }) => id,
    );

  it('names creator, canceller and parent, and nobody for callers without a token', async () => {
    const root = await open({}, {});
    const part = await open({ parent_operation_id: root });
    expect(await snapshot(root)).not.toHaveProperty('created_by');
    expect(await snapshot(part)).toMatchObject({ parent_operation_id: root, created_by: 'ann' });
    const bob = { authorization: `Bearer ${await tokenOf('bob')}` };
    await service.rest.post(`/api/operations/${part}/cancel`, { reason: 'enough' }, bob);
    expect(await snapshot(part)).toMatchObject({ status: 'cancelled', cancelled_by: 'bob' });
    await service.rest.post(`/api/operations/${root}/cancel`);
    expect(await snapshot(root)).not.toHaveProperty('cancelled_by');
    expect(await ids(`parent_operation_id=${root}`)).toEqual([part]);
    expect(await ids(`created_by=ann&parent_operation_id=${root}`)).toEqual([part]);
    expect(await ids(`created_by=bob&parent_operation_id=${root}`)).toEqual([]);
    const events = await service.rest.get<{ events: { data: object }[] }>(`/api/operations/${part}/events`);
    expect(events.body.events[0]!.data).toMatchObject({ parent_operation_id: root, created_by: 'ann' });
    expect(events.body.events[1]!.data).toEqual({
      status: 'cancelled',
      reason: 'enough',
      cancelled_by: 'bob',
    });
  });

  it.each([
    ['itself', { operation_id: 'own', parent_operation_id: 'own' }],
    ['no id', { parent_operation_id: 'a b' }],
    ['a number', { parent_operation_id: 7 }],
  ])('refuses %s as the parent', async (_what, body) => {
    const answer = await service.rest.post('/api/operations', { operation_type: 'job', ...body });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_operation_id' } });
  });

  it('does not let a producer say who cancelled', async () => {
    const id = await open({});
    const answer = await service.rest.post(`/api/operations/${id}/cancel`, { cancelled_by: 'eve' });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_event' } });
  });

  it('cancels what runs below, over REST, the hub and the SDK, and repeats safely', async () => {
    const [top, left, right] = ['top', 'left', 'right'];
    await open({ operation_id: top });
    await open({ operation_id: left, parent_operation_id: top });
    await open({ operation_id: right, parent_operation_id: top });
    await open({ operation_id: 'below-left', parent_operation_id: left });
    await open({ operation_id: 'elsewhere', parent_operation_id: 'nobody' });
    // An ended part may have running ones.
    await service.rest.post(`/api/operations/${left}/result`, { result: 1 });
    const rest = new RestClient({ url });
    expect(await rest.cancelOperation(top, 'all', { children: true })).toMatchObject({
      status: 'cancelled',
      children_cancelled: 2,
    });
    expect(await snapshot('below-left')).toMatchObject({ status: 'cancelled', message: 'all' });
    expect(await snapshot('elsewhere')).toMatchObject({ status: 'running' });
    await open({ operation_id: 'late', parent_operation_id: right });
    const hub = new HubClient({ url });
    expect(await hub.cancelOperation(top, undefined, { children: true })).toMatchObject({
      repeated: true,
      children_cancelled: 1,
    });
    hub.close();
    expect(await rest.cancelOperation('elsewhere')).not.toHaveProperty('children_cancelled');
  });

  it('ends although operations belong to each other in a circle', async () => {
    await open({ operation_id: 'hen', parent_operation_id: 'egg' });
    await open({ operation_id: 'egg', parent_operation_id: 'hen' });
    const answer = await service.rest.post('/api/operations/hen/cancel', { children: true });
    expect(answer).toMatchObject({ status: 200, body: { children_cancelled: 1 } });
  });

  it('gives what running work opens to that work, within the tenant', async () => {
    const operations = service.get(OperationsService);
    const opened = await operations.run('outer', {}, async ({ operationId }) => {
      const inner = await operations.run('inner', {}, (scope) => scope.operationId);
      const direct = await operations.create('default', { operationType: 'direct' });
      const foreign = await operations.create('other', { operationType: 'direct' });
      const loose = await operations.create('default', { operationType: 'x', parentOperationId: null });
      return { outer: operationId, inner, direct, foreign, loose };
    });
    expect(await snapshot(opened.inner!)).toMatchObject({ parent_operation_id: opened.outer });
    expect(opened.direct.operation.parentOperationId).toBe(opened.outer);
    expect(opened.foreign.operation).not.toHaveProperty('parentOperationId');
    expect(opened.loose.operation).not.toHaveProperty('parentOperationId');
    expect(await snapshot(opened.outer!)).not.toHaveProperty('parent_operation_id');
  });

  it('takes the parent of the SDK from the environment of opstream run', async () => {
    process.env.OPSTREAM_OPERATION_ID = 'the-run';
    const hub = new HubClient({ url });
    try {
      const rest = new RestClient({ url });
      expect(await rest.createOperation('child')).toMatchObject({ parent_operation_id: 'the-run' });
      const id = await hub.createOperation('child');
      expect(await hub.getOperation(id)).toMatchObject({ parent_operation_id: 'the-run' });
      const own = await rest.createOperation('run', { operationId: 'the-run' });
      expect(own).not.toHaveProperty('parent_operation_id');
      const loose = await rest.createOperation('child', { parentOperationId: null });
      expect(loose).not.toHaveProperty('parent_operation_id');
    } finally {
      delete process.env.OPSTREAM_OPERATION_ID;
      hub.close();
    }
  });

  it('filters, sorts and counts on REST and the hub, and refuses what is no filter', async () => {
    const first = await open({ operation_type: 'list.a', metadata: { note: 'Plums' } });
    const second = await open({ operation_type: 'list.b' });
    await service.rest.emit(first, 'log', { level: 'error', message: 'odd' });
    await service.rest.post(`/api/operations/${second}/result`, { result: 1 });
    const query = 'type=list.*';
    expect(await ids(query)).toEqual([second, first]);
    expect(await ids(`${query}&q=plums`)).toEqual([first]);
    expect(await ids(`${query}&has_errors=true`)).toEqual([first]);
    expect(await ids(`${query}&has_errors=false`)).toEqual([second]);
    expect(await ids(`${query}&sort=duration&min_duration=0`)).toEqual([second]);
    expect(await ids(`${query}&started_after=2020-01-01T00:00:00Z`)).toEqual([second, first]);
    expect(await ids(`${query}&started_before=1000`)).toEqual([]);
    const page = await service.rest.get<OperationPage>(`/api/operations?${query}&counts=true&status=running`);
    expect(page.body.operations).toHaveLength(1);
    expect(page.body.counts).toEqual({ running: 1, completed: 1, error: 0, cancelled: 0 });
    const hub = new HubClient({ url });
    const listed = await hub.listOperations({ type: 'list.*', sort: 'duration', limit: 1, counts: true });
    expect(listed.operations[0]!.operation_id).toBe(second);
    const next = await hub.listOperations({ type: 'list.*', sort: 'duration', cursor: listed.next_cursor! });
    expect(next.operations[0]!.operation_id).toBe(first);
    hub.close();
    for (const wrong of ['sort=size', 'min_duration=-1', 'has_errors=perhaps', 'started_after=soon']) {
      expect((await service.rest.get(`/api/operations?${wrong}`)).status).toBe(400);
    }
  });
});
