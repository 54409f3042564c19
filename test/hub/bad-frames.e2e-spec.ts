import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { HubClient } from '../harness/hub-client.js';
import { RunningService } from '../harness/running-service.js';

describe('hub: frames that are no valid command', () => {
  let service: RunningService;
  let client: HubClient;
  let id: string;

  beforeAll(async () => {
    service = await RunningService.start();
  });
  afterAll(() => service.stop());
  beforeEach(async () => {
    client = await service.hub('/');
    id = await service.rest.open();
  });

  it.each(['not json', '', '{"command":', '{"command":"ping"} trailing', '\u0000', 'NaN'])(
    'X-07: %o is answered Invalid JSON, and the connection stays',
    async (frame) => {
      const answer = await client.ask(frame);
      expect(answer).toMatchObject({ error: 'Invalid JSON', event_type: 'command_error' });
      expect(answer.data.code).toBe('invalid_json');
      expect((await client.ask({ command: 'get_stats' })).stats).toBeDefined();
    },
  );

  it.each(['[]', '"ping"', '1', 'null', 'true', '[{"command":"ping"}]'])(
    'X-08: %s is answered with an error',
    async (frame) => {
      const answer = await client.ask(frame);
      expect(answer).toMatchObject({ error: expect.any(String), event_type: 'command_error' });
      await client.expectNothing();
    },
  );

  it.each([
    [{ command: 'frobnicate' }, 'Unknown command: frobnicate'],
    [{}, 'Unknown command: None'],
    [{ command: null }, 'Unknown command: None'],
    [{ command: 7 }, 'Unknown command: 7'],
    [{ command: { a: 1 } }, 'Unknown command: {"a":1}'],
    [{ command: 'constructor' }, 'Unknown command: constructor'],
    [{ command: '__proto__' }, 'Unknown command: __proto__'],
  ])('X-06: %o is answered %s', async (command, error) => {
    expect(await client.ask(command)).toMatchObject({ error });
  });

  it('X-06: a very long command name is cut', async () => {
    expect((await client.ask({ command: 'x'.repeat(10_000) })).error!.length).toBeLessThan(200);
  });

  it.each(['subscribe', 'unsubscribe', 'get_history', 'emit', 'cancel_operation'])(
    'X-04: %s without operation_id is answered with an error',
    async (command) => {
      expect(await client.ask({ command })).toMatchObject({
        error: expect.any(String),
        data: { code: 'invalid_operation_id' },
      });
    },
  );

  it.each(['', 7, null, {}, [], 'a/b', 'a b', '../../etc', 'ü', '\n', '-dash', 'x'.repeat(129), '*'])(
    '%o is no operation id',
    async (operationId) => {
      const answer = await client.ask({ command: 'subscribe', operation_id: operationId });
      expect(answer.data.code).toBe('invalid_operation_id');
    },
  );

  it.each([
    ['progress', { progress: 1.01 }],
    ['progress', { progress: -0.01 }],
    ['progress', { progress: '0.5' }],
    ['progress', { progress: null }],
    ['progress', {}],
    ['progress', { progress: 0.5, message: 7 }],
    ['progress', { progress: 0.5, details: [] }],
    ['progress', { progress: 0.5, surprise: true }],
    ['status', {}],
    ['status', { status: '' }],
    ['status', { status: 'x'.repeat(201) }],
    ['log', { level: 'info' }],
    ['log', { level: 3, message: 'x' }],
    ['result', {}],
    ['error', { error: 7 }],
    ['error', {}],
    ['started', {}],
    ['toString', {}],
    ['log', 'text'],
    ['log', null],
    ['log', undefined],
    [undefined, {}],
  ])('%o with data %o is refused, and nothing is recorded', async (eventType, data) => {
    const command = { command: 'emit', operation_id: id, event_type: eventType, data };
    expect(await client.ask(command)).toMatchObject({
      event_type: 'command_error',
      operation_id: id,
      data: { code: 'invalid_event' },
    });
    const { operation } = await client.ask({ command: 'get_operation', operation_id: id });
    expect(operation!.event_count).toBe(1);
  });

  it.each([
    ['NaN', 'Invalid JSON'],
    ['Infinity', 'Invalid JSON'],
    ['1e999', '1e999 is beyond the range of numbers; send it as a string'],
  ])('a progress of %s is refused', async (number, error) => {
    const frame = `{"command":"emit","operation_id":"${id}","event_type":"progress","data":{"progress":${number}}}`;
    expect((await client.ask(frame)).error).toBe(error);
  });

  it.each([
    { after_seq: -1 },
    { after_seq: 1.5 },
    { after_seq: 'x' },
    { after_seq: {} },
    { replay: 'yes' },
    { replay: 1 },
    { coalesce: 'maybe' },
  ])('subscribe with %o is refused', async (options) => {
    const answer = await client.ask({ command: 'subscribe', operation_id: id, ...options });
    expect(answer.data.code).toBe('invalid_request');
    await service.rest.emit(id, 'log', { message: 'not for this client' });
    await client.expectNothing();
  });

  it.each([
    { limit: 0.5 },
    { limit: 0 },
    { limit: -1 },
    { limit: 1_000_000 },
    { cursor: 'made up' },
    { status: {} },
  ])('list_operations with %o is refused', async (query) => {
    const answer = await client.ask({ command: 'list_operations', ...query });
    expect(['invalid_request', 'invalid_cursor']).toContain(answer.data.code);
  });

  it.each([
    { operation_type: undefined },
    { operation_type: '' },
    { operation_type: 7 },
    { operation_type: 'x'.repeat(201) },
    { operation_type: 'a\u0007b' },
    { operation_type: 'ok', metadata: 'text' },
    { operation_type: 'ok', metadata: [] },
    { operation_type: 'ok', operation_id: 'not an id' },
  ])('create_operation with %o is refused', async (command) => {
    const answer = await client.ask({ command: 'create_operation', ...command });
    expect(answer.event_type).toBe('command_error');
    expect(['invalid_request', 'invalid_operation_id']).toContain(answer.data.code);
  });

  it('metadata above 64 KB is refused', async () => {
    const metadata = { text: 'x'.repeat(64 * 1024) };
    const answer = await client.ask({ command: 'create_operation', operation_type: 'job', metadata });
    expect(answer.data.code).toBe('payload_too_large');
  });

  it('nesting deeper than 64 levels is refused', async () => {
    const deep = `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`;
    const frame = `{"command":"emit","operation_id":"${id}","event_type":"result","data":{"result":${deep}}}`;
    expect((await client.ask(frame)).data).toMatchObject({
      code: 'invalid_request',
      error: expect.stringContaining('64 levels'),
    });
  });

  function result(length: number): object {
    const data = { result: 'x'.repeat(length) };
    return { command: 'emit', operation_id: id, event_type: 'result', data };
  }

  it('a frame of just under 1 MB is taken; one above it closes this connection alone, with 1009', async () => {
    const bystander = await service.hub();
    expect((await client.ask(result(1024 * 1024 - 500))).status).toBe('recorded');
    client.send(result(1024 * 1024));
    expect((await client.closed).code).toBe(1009);
    await bystander.expectNothing();
  });

  it('a binary frame with JSON is read like a text frame', async () => {
    client.socket.send(Buffer.from('{"command":"ping"}'), { binary: true });
    expect((await client.next()).status).toBe('pong');
  });

  it('text that is not UTF-8 closes this connection alone, with 1007', async () => {
    client.socket.send(Buffer.from([0xff, 0xfe, 0xfd]), { binary: false });
    expect((await client.closed).code).toBe(1007);
    await (await service.hub()).expectNothing();
  });

  it('an upgrade on a path of no protocol is answered 400', async () => {
    await expect(service.hub('/nowhere')).rejects.toThrow('400');
  });
});
