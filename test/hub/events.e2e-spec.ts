import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { HubClient } from '../harness/hub-client.js';
import { nowInSeconds, NUMBER, UUID } from '../harness/matchers.js';
import { RunningService } from '../harness/running-service.js';

describe('hub: the events of an operation', () => {
  let service: RunningService;
  let client: HubClient;
  let id: string;

  beforeAll(async () => {
    service = await RunningService.start();
  });
  afterAll(() => service.stop());
  beforeEach(async () => {
    client = await service.hub('/');
    id = await service.rest.open('code_generation', { user_request: 'Create a sorting function' });
    await client.subscribe(id);
  });

  it('S1-08: ids are UUIDs and differ', async () => {
    expect(id).toEqual(UUID);
    expect(await service.rest.open()).not.toBe(id);
  });

  it('S1-37, S1-40, S1-51: progress has the envelope, and is stored', async () => {
    const details = { step: 'code_generation', lines_generated: 42 };
    await service.rest.emit(id, 'progress', { progress: 0.5, message: 'Generating code...', details });
    const event = await client.next();
    expect(event).toEqual({
      event_type: 'progress',
      operation_id: id,
      seq: 2,
      position: expect.any(String),
      timestamp: NUMBER,
      data: { progress: 0.5, message: 'Generating code...', details },
    });
    nowInSeconds(event.timestamp);
    expect(await operation()).toMatchObject({ progress: 0.5, status: 'running', event_count: 2 });
  });

  it('S1-40: progress without details carries an empty object', async () => {
    await service.rest.emit(id, 'progress', { progress: 0.1, message: 'Starting' });
    expect((await client.next()).data).toEqual({ progress: 0.1, message: 'Starting', details: {} });
  });

  it('S1-60: details on progress carry any context', async () => {
    const details = { lines_validated: 250, issues_found: 0, time_taken: 2.3 };
    await service.rest.emit(id, 'progress', { progress: 0.75, message: 'validated', details });
    expect((await client.next()).data.details).toEqual(details);
  });

  it('S1-04, S1-41, S1-52: status is sent and stored', async () => {
    const data = {
      status: 'processing',
      message: 'Processing search results',
      details: { results_found: 5 },
    };
    await service.rest.emit(id, 'status', data);
    expect(await client.next()).toMatchObject({ event_type: 'status', operation_id: id, data });
    expect((await operation())!.status).toBe('processing');
  });

  it('a status event that names a final state neither ends the operation nor changes its status', async () => {
    await service.rest.emit(id, 'status', { status: 'completed', message: 'so they say' });
    expect((await client.next()).data.status).toBe('completed');
    expect(await operation()).toMatchObject({ status: 'running', ended_at: null });
    await service.rest.emit(id, 'log', { message: 'still going' });
  });

  it.each(['info', 'warning', 'error'])('S1-05, S1-42, S1-53: log of level %s', async (level) => {
    const data = { level, message: 'Successfully validated code' };
    await service.rest.emit(id, 'log', data);
    expect(await client.next()).toMatchObject({ event_type: 'log', operation_id: id, data });
  });

  it('S1-06, S1-43, S1-44, S1-54: result, then completed with the duration in seconds', async () => {
    const result = { code: "def hello():\n    print('Hello, World!')", validation_passed: true };
    await service.rest.emit(id, 'result', { result });
    const [first, second] = await client.take(2);
    expect(first).toMatchObject({ event_type: 'result', operation_id: id, data: { result } });
    expect(second).toMatchObject({
      event_type: 'completed',
      operation_id: id,
      data: { status: 'completed', duration: NUMBER },
    });
    expect(second!.data.duration).toBeLessThan(60);
    expect(await operation()).toMatchObject({ status: 'completed', progress: 1, result });
  });

  it('S1-07, S1-45, S1-55, X-14: an error ends the operation, and no completed follows', async () => {
    const data = { error: 'Code validation failed', error_type: 'ValidationError' };
    await service.rest.emit(id, 'error', data);
    expect(await client.next()).toMatchObject({ event_type: 'error', operation_id: id, data });
    await client.expectNothing();
    expect(await operation()).toMatchObject({ status: 'error', ...data });
  });

  it('S1-63, X-14: without error_type it is UnknownError', async () => {
    await service.rest.emit(id, 'error', { error: 'no idea' });
    expect((await client.next()).data).toEqual({ error: 'no idea', error_type: 'UnknownError' });
  });

  it('cancelling ends it with a cancelled event that carries the reason', async () => {
    await client
      .ask({ command: 'cancel_operation', operation_id: id, reason: 'changed my mind' })
      .then((event) =>
        expect(event).toMatchObject({ event_type: 'cancelled', data: { reason: 'changed my mind' } }),
      );
    expect(await client.next()).toMatchObject({
      status: 'cancelled',
      operation_id: id,
      event_type: 'recorded',
    });
    expect((await operation())!.status).toBe('cancelled');
  });

  it('S1-57: five steps and a result, in order, each once', async () => {
    const steps = ['Initialize', 'Process', 'Validate', 'Generate output', 'Cleanup'];
    for (const [index, step] of steps.entries()) {
      await service.rest.emit(id, 'progress', { progress: (index + 1) / 5, message: step });
    }
    await service.rest.emit(id, 'result', { result: { ok: true } });
    const events = await client.take(7);
    expect(events.slice(0, 5).map(({ data }) => [data.progress, data.message])).toEqual(
      steps.map((step, index) => [(index + 1) / 5, step]),
    );
    expect(events.map(({ seq }) => seq)).toEqual([2, 3, 4, 5, 6, 7, 8]);
    expect(events.slice(5).map(({ event_type: type }) => type)).toEqual(['result', 'completed']);
  });

  it('text of any script arrives as it was sent', async () => {
    const message = 'Grüße, 世界 🌍 \u2028 "quoted" \\ \n \0';
    await service.rest.emit(id, 'log', { message });
    expect((await client.next()).data.message).toBe(message);
  });

  async function operation() {
    return (await client.ask({ command: 'get_operation', operation_id: id })).operation;
  }
});
