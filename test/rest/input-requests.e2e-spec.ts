import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HubClient, OperationProducer, RestClient } from '../../src/client/index.js';
import { OperationsService } from '../../src/library.js';
import { eventually } from '../harness/eventually.js';
import { freePort } from '../harness/free-port.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';

const SCHEMA = {
  type: 'object',
  properties: { confirm: { type: 'boolean' } },
  required: ['confirm'],
  additionalProperties: false,
};

let service: RunningService;
let dataDir: string;
let port: number;
let rest: RestClient;

async function start(): Promise<void> {
  service = await RunningService.start({ DATA_DIR: dataDir, PORT: String(port) });
  rest = new RestClient({ url: service.http });
}

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'opstream-input-'));
  port = await freePort();
  await start();
});
afterAll(async () => {
  await service.stop();
  await rm(dataDir, { recursive: true, force: true });
});

const answer = (id: string, key: string, body: object) =>
  service.rest.post(`/api/operations/${id}/input/${key}`, body);
const snapshot = async (id: string) => (await service.rest.get(`/api/operations/${id}`)).body;

async function asked(body: object = {}): Promise<string> {
  const id = await service.rest.open('deploy');
  const made = await service.rest.post(`/api/operations/${id}/input`, {
    key: 'go',
    message: 'Deploy?',
    schema: SCHEMA,
    ...body,
  });
  expect(made).toMatchObject({ status: 201, body: { key: 'go', seq: 2, repeated: false } });
  return id;
}

/** Resolves with the id of the only operation of a type that waits for input. */
async function waiting(type: string): Promise<string> {
  let found: string | undefined;
  await eventually(`${type} asks`, async () => {
    const { operations } = await rest.listOperations({ type, status: 'input_required' });
    found = operations[0]?.operation_id;
    return found !== undefined;
  });
  return found!;
}

describe('Input requests over REST', () => {
  it('are in the snapshot and the log, and an answer closes them', async () => {
    const id = await asked({ timeout: 60 });
    expect(await snapshot(id)).toMatchObject({
      status: 'input_required',
      message: 'Deploy?',
      input_requests: [
        { key: 'go', message: 'Deploy?', schema: SCHEMA, seq: 2, expires_at: expect.any(Number) },
      ],
    });
    expect(await answer(id, 'go', { answer: { confirm: true } })).toMatchObject({
      status: 200,
      body: { seq: 3 },
    });
    const after = await snapshot(id);
    expect(after.status).toBe('running');
    expect(after).not.toHaveProperty('input_requests');
    const { events } = await rest.getEvents(id, 1);
    expect(events.map(({ event_type, data }) => [event_type, data])).toMatchObject([
      ['status', { status: 'input_required', input: { state: 'requested', key: 'go', schema: SCHEMA } }],
      [
        'status',
        { status: 'running', input: { state: 'answered', by: 'anonymous', answer: { confirm: true } } },
      ],
    ]);
  });

  it('an answer that does not match the schema is refused, and the request stays open', async () => {
    const id = await asked();
    for (const wrong of [{ confirm: 'yes' }, {}, 5, { confirm: true, more: 1 }]) {
      expect(await answer(id, 'go', { answer: wrong })).toMatchObject({
        status: 422,
        body: { code: 'input_rejected' },
      });
    }
    expect((await snapshot(id)).status).toBe('input_required');
    expect((await answer(id, 'go', { answer: { confirm: false } })).status).toBe(200);
  });

  it('of two answers at once exactly one wins, and the other is told', async () => {
    const id = await asked();
    const both = await Promise.all([true, false].map((confirm) => answer(id, 'go', { answer: { confirm } })));
    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
    expect(both.find(({ status }) => status === 409)!.body).toMatchObject({
      code: 'input_closed',
      outcome: 'answered',
      by: 'anonymous',
    });
  });

  it('declining, withdrawing, a time-out and the end close them; what comes later is refused', async () => {
    const declined = await asked();
    expect((await answer(declined, 'go', { declined: true })).status).toBe(200);
    const withdrawn = await asked();
    expect((await service.rest.request('DELETE', `/api/operations/${withdrawn}/input/go`)).status).toBe(204);
    const expired = await asked({ timeout: 0.05 });
    await eventually('it expires', async () => (await snapshot(expired)).status === 'running');
    const late = { answer: { confirm: true } };
    for (const [id, outcome] of [
      [declined, 'declined'],
      [withdrawn, 'withdrawn'],
      [expired, 'expired'],
    ] as const) {
      expect(await answer(id, 'go', late)).toMatchObject({
        status: 409,
        body: { code: 'input_closed', outcome },
      });
    }
    const ended = await asked();
    await service.rest.post(`/api/operations/${ended}/cancel`);
    expect(await answer(ended, 'go', late)).toMatchObject({ status: 409, body: { code: 'operation_ended' } });
    expect(await snapshot(ended)).not.toHaveProperty('input_requests');
    expect(await answer(await service.rest.open(), 'go', late)).toMatchObject({
      status: 404,
      body: { code: 'input_not_found' },
    });
  });

  it('requests that are not valid are refused', async () => {
    const id = await asked();
    const post = (body: object) => service.rest.post(`/api/operations/${id}/input`, body);
    const valid = { key: 'k', message: 'm' };
    for (const wrong of [
      { ...valid, key: '' },
      { ...valid, message: 5 },
      { ...valid, schema: 'string' },
      { ...valid, schema: { type: 'no such type' } },
      { ...valid, timeout: 0 },
      { ...valid, more: 1 },
    ]) {
      expect(await post(wrong)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    }
    expect(await post({ ...valid, key: 'go' })).toMatchObject({
      status: 409,
      body: { code: 'input_exists' },
    });
    expect(await answer(id, 'go', {})).toMatchObject({ status: 400 });
    expect(await answer(id, 'go', { answer: 1, declined: true })).toMatchObject({ status: 400 });
    for (let n = 0; n < 7; n++) expect((await post({ ...valid, key: `k${n}` })).status).toBe(201);
    expect(await post({ ...valid, key: 'k8' })).toMatchObject({
      status: 429,
      body: { code: 'too_many_inputs' },
    });
  });

  it('answering needs operations:write, in the same tenant', async () => {
    const guarded = await RunningService.start({ JWT_SECRET: SECRET, STORE: 'memory' });
    try {
      const as = async (claims: object) => ({ authorization: `Bearer ${await sign({ ...claims })}` });
      const ann = await as({ sub: 'ann' });
      const opened = await guarded.rest.post('/api/operations', { operation_type: 'x' }, ann);
      const path = `/api/operations/${opened.body.operation_id as string}/input`;
      await guarded.rest.post(path, { key: 'go', message: 'Go?' }, ann);
      const reader = await as({ sub: 'bob', scopes: ['operations:read'] });
      expect((await guarded.rest.post(`${path}/go`, { answer: 1 }, reader)).status).toBe(403);
      const other = await as({ sub: 'eve', tenant: 'elsewhere' });
      expect((await guarded.rest.post(`${path}/go`, { answer: 1 }, other)).status).toBe(404);
      const carl = await as({ sub: 'carl' });
      expect((await guarded.rest.post(`${path}/go`, { answer: 1 }, carl)).status).toBe(200);
      expect((await guarded.rest.post(`${path}/go`, { answer: 1 }, ann)).body).toMatchObject({ by: 'carl' });
    } finally {
      await guarded.stop();
    }
  });
});

describe('Input requests of work in the service', () => {
  it('ask resolves with the answer, given over the hub', async () => {
    const operations = service.get(OperationsService);
    const running = operations.run('ask.hub', {}, async (operation) => ({
      said: await operation.ask('Deploy?', SCHEMA, { timeout: 60 }),
    }));
    const id = await waiting('ask.hub');
    const [request] = (await rest.getOperation(id)).input_requests!;
    const hub = new HubClient({ url: service.http });
    await hub.answerInput(id, request!.key, { confirm: true });
    hub.close();
    expect(await running).toEqual({ said: { confirm: true } });
    expect(await rest.getOperation(id)).toMatchObject({ result: { said: { confirm: true } } });
  });

  it('ask rejects when it is declined, when time is over and when the operation is cancelled', async () => {
    const operations = service.get(OperationsService);
    await expect(
      operations.run('ask.expired', {}, (operation) => operation.ask('Go?', null, { timeout: 0.05 })),
    ).rejects.toMatchObject({ name: 'InputClosedError', outcome: 'expired' });
    const declined = expect(
      operations.run('ask.declines', {}, (operation) => operation.ask('Go?', null, { key: 'go' })),
    ).rejects.toMatchObject({ outcome: 'declined' });
    await rest.declineInput(await waiting('ask.declines'), 'go');
    await declined;
    const cancelled = expect(
      operations.run('ask.cancelled', {}, (operation) => operation.ask('Go?')),
    ).rejects.toMatchObject({ name: 'AbortError' });
    await rest.cancelOperation(await waiting('ask.cancelled'));
    await cancelled;
  });
});

describe('Input requests of another process', () => {
  it('a producer keeps waiting while the service restarts, and gets the answer', async () => {
    const retry = { maxAttempts: Infinity, delay: () => 20 };
    const job = new OperationProducer(rest, 'ask.remote', { retry });
    const asking = job.ask('Deploy?', SCHEMA, { key: 'go' });
    const id = await waiting('ask.remote');
    await service.stop();
    await start();
    expect(await rest.getOperation(id)).toMatchObject({ status: 'input_required' });
    await rest.answerInput(id, 'go', { confirm: true });
    expect(await asking).toEqual({ confirm: true });
    await job.result('deployed');
    const second = new OperationProducer(rest, 'ask.ended', { retry });
    const ended = expect(second.ask('Go?')).rejects.toMatchObject({ code: 'operation_ended' });
    await rest.cancelOperation(await waiting('ask.ended'));
    await ended;
    second.close();
  });

  it('a request still expires after a restart', async () => {
    const id = await asked({ timeout: 0.5 });
    await service.stop();
    await start();
    await eventually('it expires', async () => (await snapshot(id)).status === 'running');
  });
});
