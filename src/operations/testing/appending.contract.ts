import { beforeEach, describe, expect, it } from 'vitest';
import {
  clock,
  code,
  finish,
  line,
  messages,
  opening,
  recording,
  TENANT,
  type StoreDriver,
  type StoreFixture,
} from './store-fixture.contract.js';
import { foldLog } from './fold-log.contract.js';

const logAt = (level: string): [string, object] => ['log', { level, message: 'x' }];

/** Appending: sequence numbers, snapshots, refusals, duplicates. */
export function describeAppending(fixture: () => StoreFixture): void {
  let store: StoreDriver;

  describe('opening', () => {
    beforeEach(async () => void (store = await fixture().open()));

    it('records the started event first and leaves the status at running (X-02)', async () => {
      const [opened] = await store.done(opening('a', 'build', { deep: { list: [1, 'two', null] } }));
      expect(opened!.operation).toMatchObject({
        tenant: TENANT,
        operationId: 'a',
        operationType: 'build',
        metadata: { deep: { list: [1, 'two', null] } },
        state: 'running',
        status: 'running',
        progress: 0,
        eventCount: 1,
        firstSeq: 1,
        logCounts: { debug: 0, info: 0, warning: 0, error: 0 },
        endedAt: null,
      });
      expect(opened!.receipts).toEqual([{ seq: 1, timestamp: clock.now, repeated: false }]);
      const { events, first, head } = await store.log('a');
      expect({ first, head }).toEqual({ first: 1, head: 1 });
      expect(events).toHaveLength(1);
      expect(events[0]).toMatchObject({ seq: 1, type: 'status', operationId: 'a', tenant: TENANT });
      expect(JSON.parse(events[0]!.data)).toEqual({
        status: 'started',
        operation_type: 'build',
        metadata: { deep: { list: [1, 'two', null] } },
      });
      expect(await store.port.get({ tenant: TENANT, operationId: 'a' })).toEqual(opened!.operation);
    });

    it('gives the stored operation to a repeated opening, also after the end and in one batch', async () => {
      const [first, second] = await store.done(
        opening('a', 'build', { k: 1 }),
        opening('a', 'build', { k: 1 }),
      );
      expect(second!.events).toEqual([]);
      expect(second!.receipts).toEqual([{ ...first!.receipts[0]!, repeated: true }]);
      await store.done(finish('a'));
      const [third] = await store.done(opening('a', 'build', { k: 1 }));
      expect(third!.events).toEqual([]);
      expect(third!.operation).toMatchObject({ state: 'completed', startedAt: first!.operation.startedAt });
      expect((await store.log('a')).head).toBe(3);
    });

    it('refuses an id that is taken by another type or other metadata', async () => {
      await store.done(opening('a', 'build', { k: 1 }));
      const outcomes = await store.run(opening('a', 'test', { k: 1 }), opening('a', 'build', { k: 2 }));
      expect(outcomes.map(code)).toEqual(['operation_exists', 'operation_exists']);
      expect((await store.log('a')).head).toBe(1);
    });
  });

  describe('recording', () => {
    beforeEach(async () => void (store = await fixture().open()));

    it('numbers events per operation without gaps and positions in the order of the commands', async () => {
      const outcomes = await store.done(
        opening('a'),
        opening('b'),
        recording('a', [line('a2')]),
        recording('b', [line('b2'), line('b3')]),
        recording('a', [line('a3')]),
      );
      const recorded = outcomes.flatMap(({ events }) => events);
      expect(recorded.map(({ operationId, seq }) => `${operationId}${seq}`)).toEqual([
        'a1',
        'b1',
        'a2',
        'b2',
        'b3',
        'a3',
      ]);
      const positions = recorded.map(({ position }) => position);
      expect(positions).toEqual([...new Set(positions)].sort((x, y) => x - y));
      const read = await store.whole();
      expect(read.events.map(({ json }) => json)).toEqual(recorded.map(({ json }) => json));
      expect(read).toMatchObject({ first: 1, head: positions.at(-1) });
    });

    it('folds every kind of event into the snapshot, and the log folds to the same (S1-40…45)', async () => {
      await store.done(opening('a', 'build', { k: [1] }), opening('b'), opening('c'));
      const outcomes = await store.done(
        recording('a', [
          ['progress', { progress: 0.25, message: 'quarter', details: { step: 1 } }],
          ['status', { status: 'processing', message: 'working' }],
          ['status', { status: 'completed', message: 'only a word' }],
          ['log', { level: 'warning', message: 'careful' }],
          ['result', { result: { lines: [1, 2, 3] } }],
        ]),
        recording('b', [['error', { error: 'broken', error_type: 'ValidationError' }]]),
        recording('c', [['cancelled', { reason: 'enough' }]]),
      );
      expect(outcomes.map(({ operation }) => operation)).toMatchObject([
        {
          state: 'completed',
          status: 'completed',
          progress: 1,
          result: { lines: [1, 2, 3] },
          eventCount: 7,
          logCounts: { debug: 0, info: 0, warning: 1, error: 0 },
        },
        { state: 'error', status: 'error', error: 'broken', errorType: 'ValidationError', eventCount: 2 },
        { state: 'cancelled', status: 'cancelled', message: 'enough', eventCount: 2 },
      ]);
      for (const id of ['a', 'b', 'c']) {
        const stored = await store.port.get({ tenant: TENANT, operationId: id });
        expect(stored).toEqual(outcomes.find(({ operation }) => operation.operationId === id)!.operation);
        expect(foldLog((await store.log(id)).events, stored!.number)).toEqual(stored);
      }
      const events = (await store.log('a')).events;
      expect(events.at(-1)!.type).toBe('completed');
      expect(JSON.parse(events.at(-1)!.data)).toEqual({ status: 'completed', duration: 0.003 });
    });

    it('counts log events by level, whatever a logger calls it, also those that are trimmed', async () => {
      await store.done(opening('a'), opening('b'));
      const names = [
        'WARN',
        'warning',
        'trace',
        'debug',
        'Fatal',
        'error',
        'err',
        'notice',
        'info',
        'éclair',
      ];
      await store.done(...names.map((level) => recording('a', [logAt(level)])));
      await store.done(recording('a', [logAt('error'), ['progress', { progress: 0.5 }]]));
      const counts = { debug: 2, info: 3, warning: 2, error: 4 };
      expect(await store.port.get({ tenant: TENANT, operationId: 'a' })).toMatchObject({ logCounts: counts });
      const { operations } = await store.port.list(TENANT, { limit: 10 });
      expect(operations.map(({ logCounts }) => logCounts)).toEqual([
        { debug: 0, info: 0, warning: 0, error: 0 },
        counts,
      ]);
      await store.done(recording('a', [['error', { error: 'broken' }]]));
      expect(await store.port.get({ tenant: TENANT, operationId: 'a' })).toMatchObject({
        state: 'error',
        logCounts: counts,
      });
    });

    it('keeps text exactly: every script, control characters, quotes and large values', async () => {
      const text = 'grüße 日本語 \u{1F600} " \\ \u0000 \u2028 end';
      await store.done(
        opening('a', 'build', { text, ['__proto__x']: 1 }),
        recording('a', [line(text), ['status', { status: 'ok', message: text }]]),
        recording('a', [['log', { message: 'big', details: { blob: 'x'.repeat(700_000) } }]]),
      );
      const { events } = await store.log('a');
      expect(messages(events)[1]).toBe(text);
      expect(events[3]!.data).toHaveLength(
        700_000 + '{"level":"info","message":"big","details":{"blob":""}}'.length,
      );
      expect(await store.port.get({ tenant: TENANT, operationId: 'a' })).toMatchObject({
        message: text,
        metadata: { text },
      });
    });

    it('records all events of a command or none of them', async () => {
      await store.done(opening('a'), recording('a', [line('kept')]));
      const outcomes = await store.run(
        recording('a', [line('lost'), ['result', { result: 1 }], line('too late')]),
      );
      expect(outcomes.map(code)).toEqual(['operation_ended']);
      expect(messages((await store.log('a')).events)).toEqual(['status', 'kept']);
      expect(await store.port.get({ tenant: TENANT, operationId: 'a' })).toMatchObject({
        state: 'running',
        eventCount: 2,
      });
      expect((await store.whole()).events).toHaveLength(2);
    });

    it('lets a refused command leave its neighbours in the batch alone', async () => {
      const outcomes = await store.run(
        recording('nobody', [line('x')]),
        opening('a'),
        recording('a', [['error', { error: 'broken' }]]),
        recording('a', [line('late')]),
        opening('b'),
        opening('a', 'other'),
        recording('b', [line('fine')]),
      );
      expect(outcomes.map(code)).toEqual([
        'operation_not_found',
        'recorded',
        'recorded',
        'operation_ended',
        'recorded',
        'operation_exists',
        'recorded',
      ]);
      expect(messages((await store.whole()).events)).toEqual(['status', 'error', 'status', 'fine']);
      expect(await store.port.get({ tenant: TENANT, operationId: 'nobody' })).toBeNull();
    });

    it('records a repeated event_id once and answers the first receipt, also after the end', async () => {
      await store.done(opening('a'));
      const [first] = await store.done(recording('a', [line('one', 'id-1'), line('two', 'id-2')]));
      const [again] = await store.done(
        recording('a', [line('two', 'id-2'), line('three', 'id-3'), line('other', 'id-1')]),
      );
      expect(again!.receipts.map(({ seq, repeated }) => [seq, repeated])).toEqual([
        [3, true],
        [4, false],
        [2, true],
      ]);
      expect(again!.receipts[0]!.timestamp).toBe(first!.receipts[1]!.timestamp);
      await store.done(recording('a', [['result', { result: 'end' }, 'id-end']]));
      const [ended] = await store.done(
        recording('a', [['result', { result: 'end' }, 'id-end'], line('one', 'id-1')]),
      );
      expect(ended!.events).toEqual([]);
      expect(ended!.receipts.map(({ seq, repeated }) => [seq, repeated])).toEqual([
        [5, true],
        [2, true],
      ]);
      expect((await store.run(recording('a', [line('new', 'id-4')]))).map(code)).toEqual(['operation_ended']);
      expect(messages((await store.log('a')).events)).toEqual([
        'status',
        'one',
        'two',
        'three',
        'result',
        'completed',
      ]);
    });

    it('knows an event_id that comes twice within one command and one batch', async () => {
      const outcomes = await store.done(
        opening('a'),
        recording('a', [line('one', 'x'), line('one', 'x')]),
        recording('a', [line('one', 'x')]),
      );
      expect(outcomes.slice(1).flatMap(({ receipts }) => receipts.map(({ seq }) => seq))).toEqual([2, 2, 2]);
      expect((await store.log('a')).head).toBe(2);
    });

    it('keeps the event_ids of different operations apart', async () => {
      await store.done(opening('a'), opening('b'));
      const outcomes = await store.done(recording('a', [line('a', 'x')]), recording('b', [line('b', 'x')]));
      expect(outcomes.map(({ receipts }) => receipts[0]!.repeated)).toEqual([false, false]);
    });

    it('takes appends that overlap in time: nothing lost, order per producer kept', async () => {
      await store.done(...['a', 'b', 'c'].map((id) => opening(id)));
      await Promise.all(
        ['a', 'b', 'c'].flatMap((id) =>
          Array.from({ length: 50 }, (_, n) => store.port.append([recording(id, [line(`${id}-${n}`)])])),
        ),
      );
      for (const id of ['a', 'b', 'c']) {
        const expected = Array.from({ length: 50 }, (_, n) => `${id}-${n}`);
        expect(messages((await store.log(id)).events)).toEqual(['status', ...expected]);
      }
      const seen = (await store.whole()).events.map(({ position }) => position);
      expect(seen).toEqual([...new Set(seen)].sort((x, y) => x - y));
      expect(seen).toHaveLength(153);
    });
  });
}
