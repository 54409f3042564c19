import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { HubClient } from '../harness/hub-client.js';
import { NUMBER, UUID } from '../harness/matchers.js';
import { RunningService } from '../harness/running-service.js';

describe('hub: opening operations and recording events', () => {
  let service: RunningService;
  let client: HubClient;

  beforeAll(async () => {
    service = await RunningService.start();
  });
  afterAll(() => service.stop());
  beforeEach(async () => {
    client = await service.hub();
  });

  async function open(): Promise<string> {
    const answer = await client.ask({ command: 'create_operation', operation_type: 'job' });
    expect(answer).toMatchObject({ status: 'created', event_type: 'created' });
    return answer.operation_id;
  }

  function emit(id: string, eventType: string, data: object, more: object = {}) {
    return client.ask({ command: 'emit', operation_id: id, event_type: eventType, data, ...more });
  }

  it('S1-50: create_operation answers the snapshot', async () => {
    const metadata = { user_request: 'Sort a list' };
    const answer = await client.ask({ command: 'create_operation', operation_type: 'job', metadata });
    expect(answer.operation_id).toEqual(UUID);
    expect(answer.operation).toMatchObject({
      operation_type: 'job',
      metadata,
      status: 'running',
      event_count: 1,
    });
    expect(answer.data).toEqual({ operation: answer.operation, created: true });
  });

  it('repeating a creation with the same operation_id gives the same operation; another one is refused', async () => {
    const command = {
      command: 'create_operation',
      operation_id: 'mine',
      operation_type: 'job',
      metadata: { a: 1 },
    };
    expect(await client.ask(command)).toMatchObject({ status: 'created', operation_id: 'mine' });
    await emit('mine', 'log', { message: 'x' });
    expect(await client.ask(command)).toMatchObject({
      status: 'exists',
      operation: { operation_id: 'mine', event_count: 2 },
      data: { created: false },
    });
    expect(await client.ask({ ...command, metadata: { a: 2 } })).toMatchObject({
      event_type: 'command_error',
      operation_id: 'mine',
      data: { code: 'operation_exists' },
    });
  });

  it('emit records every type of event and answers with its seq', async () => {
    const id = await open();
    const events: [string, object][] = [
      ['progress', { progress: 0.5 }],
      ['status', { status: 'thinking' }],
      ['log', { level: 'warning', message: 'hm' }],
      ['result', { result: [1, 2] }],
    ];
    for (const [index, [type, data]] of events.entries()) {
      expect(await emit(id, type, data)).toEqual({
        status: 'recorded',
        operation_id: id,
        seq: index + 2,
        event_type: 'recorded',
        timestamp: NUMBER,
        data: { seq: index + 2, repeated: false },
      });
    }
    const { operation } = await client.ask({ command: 'get_operation', operation_id: id });
    expect(operation).toMatchObject({ status: 'completed', event_count: 6, result: [1, 2] });
  });

  it('a repeated event_id is recorded once and gets its first answer, also after the end', async () => {
    const id = await open();
    const first = () => emit(id, 'log', { message: 'x' }, { event_id: 'e1' });
    expect((await first()).data).toEqual({ seq: 2, repeated: false });
    expect((await first()).data).toEqual({ seq: 2, repeated: true });
    await emit(id, 'error', { error: 'x' });
    expect((await first()).data).toEqual({ seq: 2, repeated: true });
    const history = await client.ask({ command: 'get_history', operation_id: id });
    expect(history.data.events).toHaveLength(3);
  });

  it('an event after the end is refused, and nothing is recorded', async () => {
    const id = await open();
    await emit(id, 'result', { result: 1 });
    expect(await emit(id, 'progress', { progress: 1 })).toMatchObject({
      event_type: 'command_error',
      operation_id: id,
      data: { code: 'operation_ended', state: 'completed' },
    });
    const { operation } = await client.ask({ command: 'get_operation', operation_id: id });
    expect(operation!.event_count).toBe(3);
  });

  it.each(['emit', 'cancel_operation'])('X-13: %s on an unknown operation is an error', async (command) => {
    const answer = await client.ask({
      command,
      operation_id: 'unheard-of',
      event_type: 'result',
      data: { result: 1 },
    });
    expect(answer).toMatchObject({ event_type: 'command_error', data: { code: 'operation_not_found' } });
    const { operation } = await client.ask({ command: 'get_operation', operation_id: 'unheard-of' });
    expect(operation).toBeNull();
  });

  it('completed cannot be emitted: it follows from a result', async () => {
    expect((await emit(await open(), 'completed', {})).data.code).toBe('invalid_event');
  });

  it('an operation can be cancelled once', async () => {
    const id = await open();
    const cancel = { command: 'cancel_operation', operation_id: id, reason: 'enough' };
    expect(await client.ask(cancel)).toMatchObject({
      status: 'cancelled',
      operation_id: id,
      data: { seq: 2 },
    });
    expect((await client.ask(cancel)).data.code).toBe('operation_ended');
  });

  it('commands sent without waiting are carried out and answered in order', async () => {
    const id = await open();
    for (let index = 0; index < 2000; index++) {
      const data = { message: String(index) };
      client.send({ command: 'emit', operation_id: id, event_type: 'log', data, request_id: index });
    }
    client.send({ command: 'get_operation', operation_id: id, request_id: 'after' });
    const answers = await client.take(2001);
    expect(answers.slice(0, 2000).map((answer) => [answer.request_id, answer.seq])).toEqual(
      Array.from({ length: 2000 }, (_, index) => [index, index + 2]),
    );
    expect(answers[2000]).toMatchObject({ request_id: 'after', operation: { event_count: 2001 } });
  });

  const EVERY_COMMAND = [
    { command: 'ping' },
    { command: 'get_stats' },
    { command: 'list_operations' },
    { command: 'subscribe', operation_id: 'x' },
    { command: 'unsubscribe', operation_id: 'x' },
    { command: 'subscribe_all' },
    { command: 'unsubscribe_all' },
    { command: 'get_operation', operation_id: 'x' },
    { command: 'get_history', operation_id: 'x' },
    { command: 'create_operation', operation_type: '' },
    { command: 'emit', operation_id: 'x', event_type: 'log', data: { message: '' } },
    { command: 'cancel_operation', operation_id: 'x' },
    { command: 'subscribe' },
    { command: 'nonsense' },
  ];

  it.each([{ a: 1 }, ['text'], true, 'x'.repeat(201)])(
    'request_id %o is refused, since no answer could carry it',
    async (requestId) => {
      const answer = await client.ask({ command: 'ping', request_id: requestId });
      expect(answer).toMatchObject({ event_type: 'command_error', data: { code: 'invalid_request' } });
      expect(answer.data.error).toContain('request_id must be');
    },
  );

  it('a command without the id that it needs is told which is missing', async () => {
    const answer = await client.ask({ command: 'subscribe' });
    expect(answer).toMatchObject({ event_type: 'command_error', data: { error: 'operation_id is missing' } });
  });

  it.each(['text', 17, 0, 1.5])('request_id %o comes back with every answer', async (requestId) => {
    for (const command of EVERY_COMMAND) {
      const answer = await client.ask({ ...command, request_id: requestId });
      expect(answer.request_id, command.command).toBe(requestId);
    }
  });

  it('C2: every answer has event_type and data, for clients that read them of every message', async () => {
    for (const command of EVERY_COMMAND) {
      expect(await client.ask(command), command.command).toMatchObject({
        event_type: expect.any(String),
        operation_id: expect.any(String),
        timestamp: NUMBER,
        data: expect.any(Object),
      });
    }
  });

  it('answers pipelined commands in their order, refusals and broken frames among them', async () => {
    const id = await open();
    const log = (message: unknown) => ({
      command: 'emit',
      operation_id: id,
      event_type: 'log',
      data: { message },
    });
    const frames = [
      log('one'),
      log(5),
      log('two'),
      'no JSON',
      { ...log('x'), operation_id: 'nobody' },
      { command: 'nonsense' },
      { command: 'emit', operation_id: id, event_type: 'result', data: { result: 1 } },
      log('too late'),
      { command: 'ping' },
      log('too late'),
    ];
    for (const frame of frames) client.send(frame);
    const answers = await client.take(frames.length);
    expect(answers.map(({ status, data, error }) => status ?? data.code ?? error)).toEqual([
      'recorded',
      'invalid_event',
      'recorded',
      'invalid_json',
      'operation_not_found',
      'invalid_request',
      'recorded',
      'operation_ended',
      'pong',
      'operation_ended',
    ]);
  });
});
