import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  OperationProducer,
  RestClient,
  type EventDraft,
  type OperationEvent,
} from '../../src/client/index.js';
import { CuttableProxy } from '../harness/cuttable-proxy.js';
import { ServiceProcess } from '../harness/service-process.js';
import { eventually } from '../harness/eventually.js';

const SOON = { maxAttempts: Infinity, delay: () => 10 };

let service: ServiceProcess;
let rest: RestClient;

beforeAll(async () => {
  service = await ServiceProcess.start();
  rest = new RestClient({ url: service.url });
});

afterAll(() => service.stop());

async function log(operationId: string): Promise<OperationEvent[]> {
  return (await rest.getEvents(operationId, 0, 1000)).events;
}

const messages = (events: readonly OperationEvent[]): string[] =>
  events.flatMap((event) => (event.event_type === 'log' ? [event.data.message] : []));

describe('OperationProducer', () => {
  it('S1-50…54 opens the operation and records in order, many events in one request', async () => {
    let requests = 0;
    const counting = new RestClient({
      url: service.url,
      fetch: (input, init) => {
        requests++;
        return fetch(input, init);
      },
    });
    const job = new OperationProducer(counting, 'import', { metadata: { file: 'a.csv' } });
    expect(job.status('reading')).toBe(true);
    for (let row = 1; row <= 400; row++) job.progress(row / 400, `row ${row}`);
    job.log('info', 'all rows read', { rows: 400 });
    await job.result({ rows: 400 });
    expect(await rest.getOperation(job.operationId)).toMatchObject({
      operation_type: 'import',
      metadata: { file: 'a.csv' },
      status: 'completed',
      result: { rows: 400 },
    });
    const events = await log(job.operationId);
    expect(events.map((event) => event.event_type)).toEqual([
      'status',
      'status',
      ...Array.from({ length: 400 }, () => 'progress'),
      'log',
      'result',
      'completed',
    ]);
    expect(requests).toBeLessThan(5);
    expect(job.bufferedCount).toBe(0);
  });

  it('repeats with the same event ids through cut connections: everything once, in order', async () => {
    const proxy = await CuttableProxy.inFrontOf(service.port);
    const job = new OperationProducer(new RestClient({ url: proxy.url }), 'job', {
      retry: SOON,
      batchSize: 7,
      flushMs: 1,
    });
    let failures = 0;
    job.on('retrying', () => {
      failures++;
      // An answer that is cut off was carried out, a request that is cut off was not: both happen.
      proxy.cutAfter(10 + failures * 61);
    });
    proxy.cutAfter(20);
    const expected = Array.from({ length: 300 }, (_, index) => `line ${index}`);
    for (const message of expected) {
      job.log('info', message);
      if (Math.random() < 0.1) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await job.result(null);
    expect(messages(await log(job.operationId))).toEqual(expected);
    expect(failures).toBeGreaterThan(3);
    await proxy.close();
  });

  it('an end is tried at once, however long the wait for the next attempt', async () => {
    let away = true;
    const flaky = new RestClient({
      url: service.url,
      fetch: (input, init) => (away ? Promise.reject(new TypeError('away')) : fetch(input, init)),
    });
    const retry = { maxAttempts: Infinity, delay: () => 600_000 };
    const job = new OperationProducer(flaky, 'patient', { retry });
    const waiting = new Promise((resolve) => job.on('retrying', resolve));
    job.log('info', 'said while it was away');
    await waiting;
    away = false;
    await job.result('done');
    expect(messages(await log(job.operationId))).toEqual(['said while it was away']);
  });

  it('S1-61 a full buffer refuses events without an error, and the end says how many', async () => {
    const proxy = await CuttableProxy.inFrontOf(service.port);
    proxy.refuse(true);
    const job = new OperationProducer(new RestClient({ url: proxy.url }), 'job', {
      retry: SOON,
      maxBuffered: 10,
    });
    const taken = Array.from({ length: 15 }, (_, index) => job.log('info', `line ${index}`));
    expect(taken.filter(Boolean)).toHaveLength(10);
    expect(job.droppedCount).toBe(5);
    await eventually('the buffer', () => job.bufferedCount === 10);
    proxy.refuse(false);
    await job.result('end');
    expect(messages(await log(job.operationId)).at(-1)).toBe(
      '5 events were dropped while the service could not be reached',
    );
    const small = new OperationProducer(rest, 'job', { maxBufferedCharacters: 200 });
    expect([small.log('info', 'x'.repeat(300)), small.log('info', 'y')]).toEqual([true, false]);
    await small.cancelled();
    await proxy.close();
  });

  it('stops when the operation is ended by somebody else', async () => {
    const job = new OperationProducer(rest, 'job');
    job.log('info', 'before');
    await job.flush();
    await rest.cancelOperation(job.operationId);
    const stopped = new Promise((resolve) => job.once('stopped', resolve));
    job.log('info', 'after');
    await expect(job.flush()).rejects.toMatchObject({ code: 'operation_ended' });
    expect(await stopped).toBe(job.stopped);
    expect(job.log('info', 'much later')).toBe(false);
    await expect(job.result(1)).rejects.toMatchObject({ code: 'operation_ended' });
  });

  it('finds the events that are not valid among many, reports them and records the rest', async () => {
    const job = new OperationProducer(rest, 'job', { flushMs: 50 });
    const rejected: EventDraft[] = [];
    job.on('rejected', ({ event, error }) => {
      expect(error.code).toBe('invalid_event');
      rejected.push(event);
    });
    for (let index = 0; index < 40; index++) {
      job.log('info', `line ${index}`);
      if (index % 13 === 0) job.progress(7, `beyond ${index}`);
    }
    await job.result(true);
    expect(rejected.map((event) => event.event_type)).toEqual([
      'progress',
      'progress',
      'progress',
      'progress',
    ]);
    expect(messages(await log(job.operationId))).toHaveLength(40);
  });

  it('gives up by its policy, and says why', async () => {
    const nobody = new RestClient({ url: 'http://127.0.0.1:9' });
    const job = new OperationProducer(nobody, 'job', { retry: { maxAttempts: 2, delay: () => 1 } });
    await expect(job.result(1)).rejects.toMatchObject({ code: 'unreachable' });
    const closed = new OperationProducer(nobody, 'job');
    const flushed = closed.error('broken', 'Test');
    closed.close();
    await expect(flushed).rejects.toMatchObject({ code: 'closed' });
  });

  it('data that cannot be written as JSON is the caller’s error and disturbs nothing', async () => {
    const job = new OperationProducer(rest, 'job');
    const circular: Record<string, never> = {};
    Object.assign(circular, { circular });
    const refusal = expect.objectContaining({ name: 'OpstreamClientError', code: 'invalid_json' }) as Error;
    expect(() => job.log('info', 'x', circular)).toThrow(refusal);
    await job.result('fine');
    expect((await log(job.operationId)).at(-1)).toMatchObject({ event_type: 'completed' });
  });
});

describe('RestClient', () => {
  it('gives the service’s code, status and words', async () => {
    await expect(rest.getOperation('unknown')).rejects.toMatchObject({
      name: 'OpstreamClientError',
      code: 'operation_not_found',
      status: 404,
      retryable: false,
      message: 'There is no operation unknown',
    });
    await expect(rest.getOperation('../stats')).rejects.toMatchObject({ code: 'invalid_operation_id' });
  });

  it('creating twice with one id is one operation', async () => {
    const options = { operationId: 'twice', metadata: { a: [1, null, 'x'] } };
    const first = await rest.createOperation('job', options);
    expect(await rest.createOperation('job', options)).toEqual(first);
    await expect(rest.createOperation('other', options)).rejects.toMatchObject({ code: 'operation_exists' });
  });

  it('pages through events and operations', async () => {
    const { operation_id: id } = await rest.createOperation('pages');
    await rest.record(
      id,
      Array.from({ length: 9 }, (_, index) => ({
        event_type: 'log' as const,
        data: { message: `${index}` },
      })),
    );
    const page = await rest.getEvents(id, 4, 3);
    expect(page.events.map(({ seq }) => seq)).toEqual([5, 6, 7]);
    expect(page).toMatchObject({ head_seq: 10, has_more: true });
    await rest.createOperation('pages');
    const newest = await rest.listOperations({ type: 'pages', limit: 1 });
    const next = await rest.listOperations({ type: 'pages', limit: 1, cursor: newest.next_cursor! });
    expect(next.operations[0]?.operation_id).toBe(id);
  });

  it('forgets an ended operation only', async () => {
    const { operation_id: id } = await rest.createOperation('job');
    await expect(rest.deleteOperation(id)).rejects.toMatchObject({ code: 'operation_running', status: 409 });
    await rest.cancelOperation(id, 'done with');
    await rest.deleteOperation(id);
    await expect(rest.getOperation(id)).rejects.toMatchObject({ status: 404 });
  });

  it('says who does not answer, in time or like an Opstream service', async () => {
    const nobody = new RestClient({ url: 'ws://127.0.0.1:9/' });
    await expect(nobody.getStats()).rejects.toMatchObject({
      code: 'unreachable',
      retryable: true,
      message: expect.stringMatching(/^Cannot reach http:\/\/127\.0\.0\.1:9: /) as string,
    });
    const slow = new RestClient({ url: service.url, timeoutMs: 100, fetch: stalled });
    await expect(slow.getStats()).rejects.toMatchObject({ code: 'timeout', retryable: true });
    const page = new RestClient({ url: service.url, fetch: () => Promise.resolve(new Response('<html>')) });
    await expect(page.getStats()).rejects.toMatchObject({ code: 'unexpected_answer' });
    expect(() => new RestClient({ url: 'ftp://x' })).toThrow(TypeError);
  });

  it('asks for a fresh token for every request', async () => {
    const seen: (string | null)[] = [];
    let count = 0;
    const asking = new RestClient({
      url: service.url,
      token: () => `token-${++count}`,
      fetch: (_input, init) => {
        seen.push(new Headers(init?.headers).get('authorization'));
        return Promise.resolve(Response.json({ total_operations: 0 }));
      },
    });
    await asking.getStats();
    await asking.getStats();
    expect(seen).toEqual(['Bearer token-1', 'Bearer token-2']);
  });
});

/** A fetch whose answer never comes. */
const stalled: typeof fetch = (_input, init) =>
  new Promise((_resolve, reject) => {
    init?.signal?.addEventListener('abort', () => reject(init.signal?.reason as Error));
  });
