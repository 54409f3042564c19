import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { nowInSeconds, NUMBER } from '../harness/matchers.js';
import { RunningService } from '../harness/running-service.js';

interface Page {
  readonly events: readonly { readonly event_type: string; readonly seq: number; readonly data: object }[];
}

const NDJSON = { 'content-type': 'application/x-ndjson' };

describe('REST: recording events', () => {
  let service: RunningService;
  let id: string;

  beforeAll(async () => {
    service = await RunningService.start();
  });
  afterAll(() => service.stop());
  beforeEach(async () => {
    id = await service.rest.open();
  });

  async function log(): Promise<Page['events']> {
    return (await service.rest.get<Page>(`/api/operations/${id}/events?after_seq=1&limit=1000`)).body.events;
  }

  it.each<[kind: string, body: object, recorded?: object]>([
    ['progress', { progress: 0.5, message: 'half', details: { n: 1 } }],
    ['progress', { progress: 1 }, { progress: 1, message: '', details: {} }],
    ['status', { status: 'processing', message: 'm', details: {} }],
    ['status', { status: 'processing' }, { status: 'processing', message: '', details: {} }],
    ['log', { level: 'debug', message: 'm' }],
    ['log', { message: 'm' }, { level: 'info', message: 'm' }],
    ['result', { result: null }],
    ['error', { error: 'e', error_type: 'T' }],
    ['error', { error: 'e' }, { error: 'e', error_type: 'UnknownError' }],
    ['progress', { progress: 1, message: null, details: null }, { progress: 1, message: '', details: {} }],
    ['log', { message: 'm', level: null, details: null }, { level: 'info', message: 'm' }],
    ['error', { error: 'e', error_type: null, details: null }, { error: 'e', error_type: 'UnknownError' }],
  ])('S1-51…55: %s %o is answered with its receipt and recorded', async (kind, body, recorded = body) => {
    const answer = await service.rest.post(`/api/operations/${id}/${kind}`, body);
    expect(answer.status).toBe(201);
    expect(answer.body).toEqual({ operation_id: id, seq: 2, timestamp: NUMBER, repeated: false });
    nowInSeconds(answer.body.timestamp as number);
    expect((await log())[0]).toMatchObject({ event_type: kind, seq: 2 });
    expect((await log())[0]!.data).toEqual(recorded);
  });

  it('the operation_id of the path may be repeated in the body', async () => {
    await service.rest.emit(id, 'progress', { operation_id: id, progress: 0.1, message: 'Starting' });
    expect((await log())[0]!.data).toEqual({ progress: 0.1, message: 'Starting', details: {} });
  });

  it('cancel takes null for a body that is left out, as generated clients send it', async () => {
    const cancelled = await fetch(`${service.http}/api/operations/${id}/cancel`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: 'null',
    });
    expect([cancelled.status, await cancelled.json()]).toMatchObject([200, { status: 'cancelled' }]);
  });

  it('cancel answers the snapshot, with or without a reason', async () => {
    const answer = await service.rest.post(`/api/operations/${id}/cancel`, { reason: 'enough' });
    expect(answer).toMatchObject({ status: 200, body: { status: 'cancelled', message: 'enough' } });
    expect((await log())[0]!.data).toEqual({ status: 'cancelled', reason: 'enough' });
    const other = await service.rest.open();
    expect(await service.rest.post(`/api/operations/${other}/cancel`)).toMatchObject({ status: 200 });
    const again = await service.rest.post(`/api/operations/${other}/cancel`);
    expect(again).toMatchObject({ status: 409, body: { code: 'operation_ended' } });
  });

  it('a repeated event_id is recorded once and gets its first answer, also after the end', async () => {
    const send = () => service.rest.post(`/api/operations/${id}/result`, { result: 1, event_id: 'r1' });
    const first = await send();
    expect(first.body).toMatchObject({ seq: 2, repeated: false });
    const second = await send();
    expect([second.status, second.body]).toEqual([201, { ...first.body, repeated: true }]);
    expect(await log()).toHaveLength(2);
  });

  it('many requests at once are all recorded, each once, in one order', async () => {
    const messages = Array.from({ length: 200 }, (_, index) => `m${index}`);
    const receipts = await Promise.all(messages.map((message) => service.rest.emit(id, 'log', { message })));
    const bySeq = receipts.map(({ body }, index) => [body.seq as number, messages[index]] as const);
    const events = await log();
    expect(events.map(({ seq, data }) => [seq, (data as { message: string }).message])).toEqual(
      bySeq.toSorted(([a], [b]) => a - b),
    );
    expect(events.map(({ seq }) => seq)).toEqual(messages.map((_, index) => index + 2));
  });

  describe('batches', () => {
    const batch = [
      { event_type: 'progress', data: { progress: 0.5 } },
      { event_type: 'log', data: { message: 'x' }, event_id: 'b1' },
      { event_type: 'result', data: { result: 'done' } },
    ];

    it('an array is recorded in order, in one transaction', async () => {
      const answer = await service.rest.post(`/api/operations/${id}/events`, batch);
      expect(answer.status).toBe(201);
      expect(answer.body).toMatchObject({
        operation: { status: 'completed', event_count: 5 },
        receipts: [{ seq: 2 }, { seq: 3 }, { seq: 4 }],
      });
      expect((await log()).map((event) => event.event_type)).toEqual([
        'progress',
        'log',
        'result',
        'completed',
      ]);
    });

    it.each(['\n', '\r\n'])(
      'NDJSON is one event per line (%o); empty lines do not count',
      async (newline) => {
        const lines = `${batch.map((event) => JSON.stringify(event)).join(newline)}${newline}${newline}`;
        const answer = await service.rest.post(`/api/operations/${id}/events`, lines, NDJSON);
        expect(answer).toMatchObject({
          status: 201,
          body: { receipts: [{ seq: 2 }, { seq: 3 }, { seq: 4 }] },
        });
      },
    );

    it('a repeated batch is recorded once for the events that have an event_id', async () => {
      const known = [{ event_type: 'log', data: { message: 'x' }, event_id: 'k' }];
      await service.rest.post(`/api/operations/${id}/events`, known);
      const again = await service.rest.post(`/api/operations/${id}/events`, known);
      expect(again.body).toMatchObject({ receipts: [{ seq: 2, repeated: true }] });
      expect(await log()).toHaveLength(1);
    });

    it('one event that is not valid refuses the whole batch and is named', async () => {
      const bad = [...batch.slice(0, 2), { event_type: 'progress', data: { progress: 2 } }];
      const answer = await service.rest.post(`/api/operations/${id}/events`, bad);
      expect(answer).toMatchObject({
        status: 400,
        body: { code: 'invalid_event', index: 2, detail: expect.stringContaining('Event 2') },
      });
      expect(await log()).toEqual([]);
    });

    it('a line that is no JSON is named by its place in the body', async () => {
      const lines = `${JSON.stringify(batch[0])}\n\n{no`;
      const answer = await service.rest.post(`/api/operations/${id}/events`, lines, NDJSON);
      expect(answer).toMatchObject({
        status: 400,
        body: { code: 'invalid_json', index: 1, detail: 'Line 3 is not JSON; send one event per line' },
      });
      expect(await log()).toEqual([]);
    });

    it('an event after the end of the batch refuses all of it', async () => {
      const bad = [{ event_type: 'error', data: { error: 'x' } }, batch[0]];
      const answer = await service.rest.post(`/api/operations/${id}/events`, bad);
      expect(answer).toMatchObject({ status: 409, body: { code: 'operation_ended' } });
      expect(await log()).toEqual([]);
    });

    it.each([
      ['', 400, 'invalid_request'],
      ['\n\n', 400, 'invalid_request'],
      ['{"event_type":"log","data":{"message":"x"}}\n{oops', 400, 'invalid_json'],
      ['7', 400, 'invalid_event'],
      ['[]', 400, 'invalid_event'],
    ])('NDJSON %o is refused with %i %s', async (text, status, code) => {
      const answer = await service.rest.post(`/api/operations/${id}/events`, text, NDJSON);
      expect(answer).toMatchObject({ status, body: { code } });
      expect(await log()).toEqual([]);
    });

    it.each([[{}], [null], [7], ['text'], [[null]], [[[]]]])('%o is no batch', async (body) => {
      const answer = await service.rest.post(`/api/operations/${id}/events`, JSON.stringify(body));
      expect(answer.status).toBe(400);
      expect(await log()).toEqual([]);
    });

    it('a batch has at most 10,000 events', async () => {
      const line = '{"event_type":"log","data":{"message":"x"}}\n';
      const path = `/api/operations/${id}/events`;
      const answer = await service.rest.post(path, line.repeat(10_001), NDJSON);
      expect(answer).toMatchObject({ status: 413, body: { code: 'payload_too_large' } });
      expect((await service.rest.post(path, line.repeat(10_000), NDJSON)).status).toBe(201);
    });
  });
});
