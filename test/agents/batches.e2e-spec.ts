import { constants, inflateRawSync } from 'node:zlib';
import { anything, array, assert, asyncProperty, constant, oneof } from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import type { JsonSocket } from '../harness/json-socket.js';
import { frame, RawWebSocket } from '../harness/raw-websocket.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';

type Item = Record<string, unknown> & { readonly result?: Record<string, unknown> };

const log = (message: string): object => ({
  type: 'emit',
  operation_id: 'batched',
  event_type: 'log',
  data: { level: 'info', message },
});

describe('agents: batches', () => {
  let service: RunningService;
  let agent: JsonSocket;

  beforeAll(async () => {
    service = await RunningService.start({ JWT_SECRET: SECRET });
    agent = await service.agent();
  });
  afterAll(() => service.stop());

  async function batch(messages: unknown, id: unknown = 'b'): Promise<Item[]> {
    agent.send({ type: 'batch', id, messages });
    for (;;) {
      const answer = await agent.next();
      if (answer.type === 'agent_status_update' || answer.type === 'operation_event') continue;
      expect(answer).toMatchObject({ type: 'batch_response', id, timestamp: expect.any(String) as unknown });
      return answer.responses as Item[];
    }
  }

  it('S4-V06 S4-02 S4-29 S4-30 S4-31: answers every item in its place, with its id', async () => {
    const responses = await batch([
      { id: 'm1', type: 'ping' },
      { id: 'm2', type: 'agent_status', agentId: 'x', status: 'idle' },
      { id: 'm3', type: 'ping' },
    ]);
    expect(responses).toMatchObject([
      { id: 'm1', type: 'response', status: 'success', result: { processed: true, type: 'pong' } },
      {
        id: 'm2',
        type: 'response',
        status: 'success',
        result: { processed: true, type: 'agent_status_ack' },
      },
      { id: 'm3', type: 'response', status: 'success' },
    ]);
    expect(await batch([])).toEqual([]);
  });

  it('S4-V08 S4-32 S4-36: refuses a batch without messages', async () => {
    for (const messages of [undefined, null, {}, 'x', 5]) {
      expect(await agent.ask({ type: 'batch', id: 'b2', messages })).toMatchObject({
        type: 'error',
        message: 'Failed to process message',
        error: 'Invalid batch message format',
      });
    }
  });

  it('C24: carries the items out for real and in order; a bad one fails alone', async () => {
    const responses = await batch([
      { id: 1, type: 'create_operation', operation_type: 'build', operation_id: 'batched' },
      { id: 2, ...log('first') },
      { id: 3, type: 'nonsense' },
      null,
      { id: 5, ...log('second') },
      { id: 6, type: 'emit', operation_id: 'batched', event_type: 'progress', data: { progress: 7 } },
      { id: 7, command: 'get_history', operation_id: 'batched', after_seq: 1 },
      { id: 8, type: 'batch', messages: [] },
      { id: 9, type: 'subscribe', operation_id: 'batched' },
    ]);
    const failed = responses.flatMap(({ status }, index) => (status === 'error' ? [index] : []));
    expect(responses).toHaveLength(9);
    expect(failed).toEqual([2, 3, 5, 7]);
    expect(responses[2]).toEqual({
      id: 3,
      type: 'response',
      status: 'error',
      error: 'Unknown message type: nonsense',
      code: 'invalid_request',
    });
    expect(responses[7]).toMatchObject({ error: 'A batch cannot hold another batch' });
    const { data } = responses[6]!.result as {
      data: { events: { seq: number; data: { message: string } }[] };
    };
    expect(data.events.map((event) => [event.seq, event.data.message])).toEqual([
      [2, 'first'],
      [3, 'second'],
    ]);
  });

  it('any mixture of good and bad items is answered one for one, and every acknowledged append is there once', async () => {
    const item = oneof(
      constant({ type: 'ping' }),
      constant({
        type: 'emit',
        operation_id: 'mixed',
        event_type: 'log',
        data: { level: 'info', message: 'm' },
      }),
      constant({ command: 'get_operation', operation_id: 'mixed' }),
      constant({
        type: 'emit',
        operation_id: 'mixed',
        event_type: 'progress',
        data: { progress: 'half' },
      }),
      anything({ withNullPrototype: false }).map(
        (value) => JSON.parse(JSON.stringify(value) ?? 'null') as unknown,
      ),
    );
    await batch([{ type: 'create_operation', operation_type: 't', operation_id: 'mixed' }]);
    let seq = 1;
    await assert(
      asyncProperty(array(item, { maxLength: 30 }), async (items) => {
        const responses = await batch(items);
        expect(responses).toHaveLength(items.length);
        for (const { status, result } of responses) {
          expect(['success', 'error']).toContain(status);
          if (result?.status === 'recorded') expect(result.seq).toBe(++seq);
        }
      }),
      { numRuns: 60 },
    );
    expect((await service.rest.get(`/api/operations/mixed`)).body.event_count).toBe(seq);
  });

  it('bounds a batch: its length before, its answers while it is carried out', async () => {
    const tooMany = Array.from({ length: 1001 }, () => ({ type: 'ping' }));
    expect(await agent.ask({ type: 'batch', messages: tooMany })).toMatchObject({
      code: 'payload_too_large',
    });

    const operationId = await service.rest.open();
    const message = 'x'.repeat(60_000);
    for (let n = 0; n < 8; n += 1) await service.rest.emit(operationId, 'log', { level: 'info', message });
    const reads = Array.from({ length: 20 }, (_, id) => ({
      id,
      type: 'get_history',
      operation_id: operationId,
    }));
    const emit = {
      id: 'last',
      type: 'emit',
      operation_id: operationId,
      event_type: 'log',
      data: { level: 'info', message: '' },
    };
    const responses = await batch([...reads, emit]);
    expect(responses[0]).toMatchObject({ status: 'success' });
    expect(responses.at(-1)).toMatchObject({ id: 'last', status: 'error', code: 'payload_too_large' });
    expect((await service.rest.get(`/api/operations/${operationId}`)).body.event_count).toBe(9);
  });

  it('S4-17 S4-V17: a long answer arrives compressed, in order with short ones', async () => {
    const pings = Array.from({ length: 200 }, (_, id) => ({ id, type: 'ping' }));
    agent.send({ type: 'ping', id: 'before' });
    agent.send({ type: 'batch', id: 'long', messages: pings });
    agent.send({ type: 'ping', id: 'after' });
    expect((await agent.take(3)).map(({ id }) => id)).toEqual(['before', 'long', 'after']);
  });

  it('S4-17: what is longer than 1 KB leaves compressed, answers and events of any length, and nothing else', async () => {
    const path = `/agents?token=${await sign({ id: 'raw' })}`;
    const raw = await RawWebSocket.open(service.port, path, 'permessage-deflate');
    const operationId = await service.rest.open();
    const ask = (message: object): Promise<void> => raw.write(frame(JSON.stringify(message)));
    const arrived = async (count: number): Promise<RawWebSocket['frames']> => {
      await eventually(`${count} frames`, () => raw.frames.length >= count);
      return raw.frames;
    };
    // The welcome, and an answer that is short.
    await ask({ type: 'subscribe', operation_id: operationId });
    expect((await arrived(2)).map(({ compressed }) => compressed)).toEqual([false, false]);
    const emit = (characters: number): Promise<unknown> =>
      service.rest.emit(operationId, 'log', { level: 'info', message: 'x'.repeat(characters) });
    await emit(700);
    await emit(1100);
    await emit(60_000);
    const [, , short, long, longer] = await arrived(5);
    expect([short, long, longer].map((one) => one!.compressed)).toEqual([false, true, true]);
    for (let n = 0; n < 4; n += 1) await emit(60_000);
    await arrived(9);
    await ask({ type: 'get_history', operation_id: operationId });
    const history = (await arrived(10))[9]!;
    expect(history.compressed).toBe(true);
    const text = inflateRawSync(Buffer.concat([history.payload, Buffer.from([0, 0, 0xff, 0xff])]), {
      finishFlush: constants.Z_SYNC_FLUSH,
    }).toString();
    expect(text.length).toBeGreaterThan(300_000);
    expect(JSON.parse(text)).toMatchObject({ type: 'response' });
    raw.socket.destroy();
  });
});
