import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { parseDraft } from '../operation-draft.js';
import type { RecordedEvent } from '../operation-event.js';
import type {
  ListQuery,
  OperationStore,
  Recorded,
  RemovedOperation,
  Retention,
  StoreCommand,
} from '../operation-store.js';
import { foldLog } from '../fold-log.contract.js';

/** How a specification opens the engine it tests. */
export interface StoreHarness {
  /** Opens a store on an engine that keeps what earlier stores of this test wrote, if the engine is durable. */
  open(retention: Retention): Promise<OperationStore>;
  /** Whether a store that is opened again finds what was written before. */
  readonly durable: boolean;
  /** Frees what the test used; the stores are closed by the suite. */
  cleanUp(): Promise<void>;
}

const TENANT = 'default';
const UNBOUNDED = { limit: 100_000, maxBytes: Number.MAX_SAFE_INTEGER };
const RETENTION: Retention = {
  maxOperations: 1000,
  maxToolOperations: 1000,
  maxEventsPerOperation: 100_000,
  maxAge: 0,
};

/** What every adapter of the port must do, whatever its engine (S1-11, S1-46…69, X-02). */
export function describeOperationStore(name: string, createHarness: () => Promise<StoreHarness>): void {
  describe(`OperationStore contract: ${name}`, () => {
    let harness: StoreHarness;
    let stores: OperationStore[];
    let store: OperationStore;
    let clock: number;

    const openStore = async (retention: Partial<Retention> = {}): Promise<OperationStore> => {
      const opened = await harness.open({ ...RETENTION, ...retention });
      stores.push(opened);
      return opened;
    };
    const reopen = async (retention: Partial<Retention> = {}): Promise<OperationStore> => {
      await stores.pop()!.close();
      return openStore(retention);
    };

    beforeEach(async () => {
      harness = await createHarness();
      stores = [];
      clock = 1_700_000_000;
    });

    afterEach(async () => {
      for (const opened of stores) await opened.close();
      await harness.cleanUp();
    });

    const opening = (operationId: string, type = 'build', metadata = {}, tenant = TENANT): StoreCommand => ({
      kind: 'open',
      operation: { tenant, operationId, operationType: type, metadata },
      at: (clock += 0.001),
    });
    const recording = (
      operationId: string,
      events: readonly [type: string, data: object, eventId?: string][],
      tenant = TENANT,
    ): StoreCommand => ({
      kind: 'record',
      tenant,
      operationId,
      drafts: events.map(([type, data, eventId]) => parseDraft(type, data, eventId)),
      at: (clock += 0.001),
    });
    const line = (message: string, eventId?: string): [string, object, string?] => [
      'log',
      { message },
      eventId,
    ];
    const run = async (...commands: StoreCommand[]) => store.append(commands);
    const done = async (...commands: StoreCommand[]): Promise<Recorded[]> => {
      const outcomes = await store.append(commands);
      return outcomes.map((outcome) => {
        if (outcome instanceof OpstreamError) throw outcome;
        return outcome;
      });
    };
    const finish = (operationId: string, tenant = TENANT) =>
      recording(operationId, [['result', { result: operationId }]], tenant);
    const log = async (operationId: string, afterSeq = 0, tenant = TENANT) =>
      (await store.readOperation(tenant, operationId, afterSeq, UNBOUNDED))!;
    const whole = (afterPosition = 0, tenant = TENANT) => store.readTenant(tenant, afterPosition, UNBOUNDED);
    const ids = async (query: Partial<ListQuery> = {}, tenant = TENANT) =>
      (await store.list(tenant, { limit: 1000, ...query })).operations.map(({ operationId }) => operationId);
    const messages = (events: readonly RecordedEvent[]) =>
      events.map(({ type, data }) =>
        type === 'log' ? (JSON.parse(data) as { message: string }).message : type,
      );
    const code = (outcome: unknown) => (outcome instanceof OpstreamError ? outcome.code : 'recorded');
    const watchRemovals = (watched: OperationStore) => {
      const removed: RemovedOperation[] = [];
      watched.onRemoved = (batch) => removed.push(...batch);
      return removed;
    };

    describe('opening', () => {
      beforeEach(async () => void (store = await openStore()));

      it('records the started event first and leaves the status at running (X-02)', async () => {
        const [opened] = await done(opening('a', 'build', { deep: { list: [1, 'two', null] } }));
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
          endedAt: null,
        });
        expect(opened!.receipts).toEqual([{ seq: 1, timestamp: clock, repeated: false }]);
        const { events, first, head } = await log('a');
        expect({ first, head }).toEqual({ first: 1, head: 1 });
        expect(events).toHaveLength(1);
        expect(events[0]).toMatchObject({ seq: 1, type: 'status', operationId: 'a', tenant: TENANT });
        expect(JSON.parse(events[0]!.data)).toEqual({
          status: 'started',
          operation_type: 'build',
          metadata: { deep: { list: [1, 'two', null] } },
        });
        expect(await store.get(TENANT, 'a')).toEqual(opened!.operation);
      });

      it('gives the stored operation to a repeated opening, also after the end and in one batch', async () => {
        const [first, second] = await done(opening('a', 'build', { k: 1 }), opening('a', 'build', { k: 1 }));
        expect(second!.events).toEqual([]);
        expect(second!.receipts).toEqual([{ ...first!.receipts[0]!, repeated: true }]);
        await done(finish('a'));
        const [third] = await done(opening('a', 'build', { k: 1 }));
        expect(third!.events).toEqual([]);
        expect(third!.operation).toMatchObject({ state: 'completed', startedAt: first!.operation.startedAt });
        expect((await log('a')).head).toBe(3);
      });

      it('refuses an id that is taken by another type or other metadata', async () => {
        await done(opening('a', 'build', { k: 1 }));
        const outcomes = await run(opening('a', 'test', { k: 1 }), opening('a', 'build', { k: 2 }));
        expect(outcomes.map(code)).toEqual(['operation_exists', 'operation_exists']);
        expect((await log('a')).head).toBe(1);
      });
    });

    describe('recording', () => {
      beforeEach(async () => void (store = await openStore()));

      it('numbers events per operation without gaps and positions in the order of the commands', async () => {
        const outcomes = await done(
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
        const read = await whole();
        expect(read.events.map(({ json }) => json)).toEqual(recorded.map(({ json }) => json));
        expect(read).toMatchObject({ first: 1, head: positions.at(-1) });
      });

      it('folds every kind of event into the snapshot, and the log folds to the same (S1-40…45)', async () => {
        await done(opening('a', 'build', { k: [1] }), opening('b'), opening('c'));
        const outcomes = await done(
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
          },
          { state: 'error', status: 'error', error: 'broken', errorType: 'ValidationError', eventCount: 2 },
          { state: 'cancelled', status: 'cancelled', message: 'enough', eventCount: 2 },
        ]);
        for (const id of ['a', 'b', 'c']) {
          const stored = await store.get(TENANT, id);
          expect(stored).toEqual(outcomes.find(({ operation }) => operation.operationId === id)!.operation);
          expect(foldLog((await log(id)).events)).toEqual(stored);
        }
        const events = (await log('a')).events;
        expect(events.at(-1)!.type).toBe('completed');
        expect(JSON.parse(events.at(-1)!.data)).toEqual({ status: 'completed', duration: 0.003 });
      });

      it('keeps text exactly: every script, control characters, quotes and large values', async () => {
        const text = 'grüße 日本語 \u{1F600} " \\ \u0000 \u2028 end';
        await done(
          opening('a', 'build', { text, ['__proto__x']: 1 }),
          recording('a', [line(text), ['status', { status: 'ok', message: text }]]),
          recording('a', [['log', { message: 'big', details: { blob: 'x'.repeat(700_000) } }]]),
        );
        const { events } = await log('a');
        expect(messages(events)[1]).toBe(text);
        expect(events[3]!.data).toHaveLength(
          700_000 + '{"level":"info","message":"big","details":{"blob":""}}'.length,
        );
        expect(await store.get(TENANT, 'a')).toMatchObject({ message: text, metadata: { text } });
      });

      it('records all events of a command or none of them', async () => {
        await done(opening('a'), recording('a', [line('kept')]));
        const outcomes = await run(
          recording('a', [line('lost'), ['result', { result: 1 }], line('too late')]),
        );
        expect(outcomes.map(code)).toEqual(['operation_ended']);
        expect(messages((await log('a')).events)).toEqual(['status', 'kept']);
        expect(await store.get(TENANT, 'a')).toMatchObject({ state: 'running', eventCount: 2 });
        expect((await whole()).events).toHaveLength(2);
      });

      it('lets a refused command leave its neighbours in the batch alone', async () => {
        const outcomes = await run(
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
        expect(messages((await whole()).events)).toEqual(
          ['status', 'error', 'status', 'log'].with(3, 'fine'),
        );
        expect(await store.get(TENANT, 'nobody')).toBeNull();
      });

      it('records a repeated event_id once and answers the first receipt, also after the end', async () => {
        await done(opening('a'));
        const [first] = await done(recording('a', [line('one', 'id-1'), line('two', 'id-2')]));
        const [again] = await done(
          recording('a', [line('two', 'id-2'), line('three', 'id-3'), line('other', 'id-1')]),
        );
        expect(again!.receipts.map(({ seq, repeated }) => [seq, repeated])).toEqual([
          [3, true],
          [4, false],
          [2, true],
        ]);
        expect(again!.receipts[0]!.timestamp).toBe(first!.receipts[1]!.timestamp);
        await done(recording('a', [['result', { result: 'end' }, 'id-end']]));
        const [ended] = await done(
          recording('a', [['result', { result: 'end' }, 'id-end'], line('one', 'id-1')]),
        );
        expect(ended!.events).toEqual([]);
        expect(ended!.receipts.map(({ seq, repeated }) => [seq, repeated])).toEqual([
          [5, true],
          [2, true],
        ]);
        expect((await run(recording('a', [line('new', 'id-4')]))).map(code)).toEqual(['operation_ended']);
        expect(messages((await log('a')).events)).toEqual([
          'status',
          'one',
          'two',
          'three',
          'result',
          'completed',
        ]);
      });

      it('knows an event_id that comes twice within one command and one batch', async () => {
        const outcomes = await done(
          opening('a'),
          recording('a', [line('one', 'x'), line('one', 'x')]),
          recording('a', [line('one', 'x')]),
        );
        expect(outcomes.slice(1).flatMap(({ receipts }) => receipts.map(({ seq }) => seq))).toEqual([
          2, 2, 2,
        ]);
        expect((await log('a')).head).toBe(2);
      });

      it('keeps the event_ids of different operations apart', async () => {
        await done(opening('a'), opening('b'));
        const outcomes = await done(recording('a', [line('a', 'x')]), recording('b', [line('b', 'x')]));
        expect(outcomes.map(({ receipts }) => receipts[0]!.repeated)).toEqual([false, false]);
      });

      it('takes appends that overlap in time: nothing lost, order per producer kept', async () => {
        await done(...['a', 'b', 'c'].map((id) => opening(id)));
        await Promise.all(
          ['a', 'b', 'c'].flatMap((id) =>
            Array.from({ length: 50 }, (_, n) => store.append([recording(id, [line(`${id}-${n}`)])])),
          ),
        );
        for (const id of ['a', 'b', 'c']) {
          const expected = Array.from({ length: 50 }, (_, n) => `${id}-${n}`);
          expect(messages((await log(id)).events)).toEqual(['status', ...expected]);
        }
        const seen = (await whole()).events.map(({ position }) => position);
        expect(seen).toEqual([...new Set(seen)].sort((x, y) => x - y));
        expect(seen).toHaveLength(153);
      });
    });

    describe('reading', () => {
      beforeEach(async () => void (store = await openStore()));

      it('lists newest first, by status, type and activity, and counts (S1-48)', async () => {
        await done(
          opening('a', 'build'),
          opening('b', 'test'),
          opening('c', 'build'),
          recording('a', [['status', { status: 'processing' }]]),
          finish('b'),
        );
        expect(await ids()).toEqual(['c', 'b', 'a']);
        expect(await ids({ status: 'processing' })).toEqual(['a']);
        expect(await ids({ status: 'completed' })).toEqual(['b']);
        expect(await ids({ type: 'build' })).toEqual(['c', 'a']);
        expect(await ids({ active: true })).toEqual(['c', 'a']);
        expect(await ids({ active: false, type: 'build' })).toEqual([]);
        expect(await store.counts(TENANT)).toEqual({ active: 2, total: 3 });
      });

      it('lists without results, which may be large, but with errors', async () => {
        await done(opening('a'), opening('b'), finish('a'), recording('b', [['error', { error: 'broken' }]]));
        const { operations } = await store.list(TENANT, { limit: 10 });
        expect(operations[0]).toMatchObject({ operationId: 'b', error: 'broken', errorType: 'UnknownError' });
        expect(operations[1]).not.toHaveProperty('result');
        expect(await store.get(TENANT, 'a')).toHaveProperty('result', 'a');
      });

      it('pages through a listing by cursor while operations are added and removed', async () => {
        await done(...Array.from({ length: 7 }, (_, n) => opening(`op-${n}`)));
        await done(finish('op-2'));
        const seen: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await store.list(TENANT, { limit: 2, ...(cursor !== undefined && { cursor }) });
          expect(page.operations.length).toBeLessThanOrEqual(2);
          seen.push(...page.operations.map(({ operationId }) => operationId));
          cursor = page.nextCursor ?? undefined;
          await done(opening(`new-${seen.length}`));
          if (seen.length === 2) await store.remove(TENANT, 'op-2');
        } while (cursor !== undefined);
        expect(seen).toEqual(['op-6', 'op-5', 'op-4', 'op-3', 'op-1', 'op-0']);
      });

      it('has no cursor after the last page, also when it is full', async () => {
        await done(opening('a'), opening('b'));
        const first = await store.list(TENANT, { limit: 2 });
        expect(first.nextCursor).toBeNull();
      });

      it.each(['', 'x', '-1', '0', '1.5', '99999999999999999999', '1; DROP TABLE events'])(
        'refuses the cursor %j',
        async (cursor) => {
          const listing = store.list(TENANT, { limit: 1, cursor });
          await expect(listing).rejects.toMatchObject({ code: 'invalid_cursor' });
        },
      );

      it('reads a log in pages bounded by events and by size, without a gap (S1-11)', async () => {
        await done(
          opening('a'),
          recording(
            'a',
            Array.from({ length: 20 }, (_, n) => line(`${n}`.padEnd(100, '.'))),
          ),
        );
        const byCount = await store.readOperation(TENANT, 'a', 5, { limit: 4, maxBytes: 1e9 });
        expect(byCount!.events.map(({ seq }) => seq)).toEqual([6, 7, 8, 9]);
        const bySize = await store.readOperation(TENANT, 'a', 5, { limit: 100, maxBytes: 300 });
        expect(bySize!.events.map(({ seq }) => seq)).toEqual([6, 7, 8]);
        const atLeastOne = await store.readTenant(TENANT, 3, { limit: 100, maxBytes: 1 });
        expect(atLeastOne.events).toHaveLength(1);
        const collected: number[] = [];
        for (let after = 0; ; after = collected.at(-1)!) {
          const page = await store.readOperation(TENANT, 'a', after, { limit: 3, maxBytes: 250 });
          if (page!.events.length === 0) break;
          collected.push(...page!.events.map(({ seq }) => seq));
        }
        expect(collected).toEqual(Array.from({ length: 21 }, (_, n) => n + 1));
      });

      it('reads nothing beyond the head and everything from before the beginning', async () => {
        await done(opening('a'), recording('a', [line('x')]));
        expect((await log('a', 2)).events).toEqual([]);
        expect((await log('a', 1000)).events).toEqual([]);
        expect((await log('a', -5)).events).toHaveLength(2);
        const { head } = await whole();
        expect((await whole(head)).events).toEqual([]);
        expect((await whole(Number.MAX_SAFE_INTEGER)).events).toEqual([]);
        expect((await whole(-5)).events).toHaveLength(2);
      });

      it('has no log of an unknown operation and an empty one of an unknown tenant', async () => {
        expect(await store.readOperation(TENANT, 'nobody', 0, UNBOUNDED)).toBeNull();
        expect(await whole(0, 'nobody')).toEqual({ events: [], first: 1, head: 0 });
        expect(await store.counts('nobody')).toEqual({ active: 0, total: 0 });
        expect(await ids({}, 'nobody')).toEqual([]);
        expect(await store.remove('nobody', 'a')).toBe(false);
        expect(await store.get('nobody', 'a')).toBeNull();
      });
    });

    describe('tenants', () => {
      it('see nothing of each other, even with the same ids', async () => {
        store = await openStore({ maxOperations: 2 });
        await done(opening('same', 'build', {}, 'red'), opening('same', 'test', {}, 'blue'));
        await done(
          recording('same', [line('red', 'id')], 'red'),
          recording('same', [line('blue', 'id')], 'blue'),
          opening('only-red', 'build', {}, 'red'),
        );
        expect(messages((await whole(0, 'red')).events)).toEqual(['status', 'red', 'status']);
        expect(messages((await whole(0, 'blue')).events)).toEqual(['status', 'blue']);
        expect(messages((await whole(-1, 'blue')).events)).toEqual(['status', 'blue']);
        expect(messages((await log('same', 0, 'blue')).events)).toEqual(['status', 'blue']);
        expect(await store.readOperation('blue', 'only-red', 0, UNBOUNDED)).toBeNull();
        expect(await store.get('blue', 'only-red')).toBeNull();
        expect(await ids({}, 'blue')).toEqual(['same']);
        expect(await store.counts('blue')).toEqual({ active: 1, total: 1 });
        expect((await run(recording('only-red', [line('x')], 'blue'))).map(code)).toEqual([
          'operation_not_found',
        ]);
        // Limits are per tenant: red is full, blue is not.
        const outcomes = await run(
          opening('third', 'build', {}, 'red'),
          opening('third', 'build', {}, 'blue'),
        );
        expect(outcomes.map(code)).toEqual(['too_many_operations', 'recorded']);
      });

      it('count positions each for themselves', async () => {
        store = await openStore();
        await done(opening('a', 'x', {}, 'red'), opening('b', 'x', {}, 'red'), opening('c', 'x', {}, 'blue'));
        expect((await whole(0, 'red')).head).toBe(2);
        expect((await whole(0, 'blue')).head).toBe(1);
      });
    });

    describe('retention (S1-67, S1-68)', () => {
      it('removes the operation that ended first to make room, never a running one', async () => {
        store = await openStore({ maxOperations: 3 });
        const removed = watchRemovals(store);
        await done(opening('a'), opening('b'), opening('c'));
        await done(finish('c'));
        await done(finish('a'));
        await done(opening('d'));
        expect(await ids()).toEqual(['d', 'b', 'a']);
        await done(opening('e'));
        expect(await ids()).toEqual(['e', 'd', 'b']);
        await expect
          .poll(() => removed)
          .toEqual(['c', 'a'].map((operationId) => ({ tenant: TENANT, operationId })));
      });

      it('refuses to open when running ones alone fill the limit, and goes on after one ended', async () => {
        store = await openStore({ maxOperations: 2 });
        const outcomes = await run(
          opening('a'),
          opening('b'),
          opening('c'),
          finish('a'),
          opening('d'),
          opening('e'),
        );
        expect(outcomes.map(code)).toEqual([
          'recorded',
          'recorded',
          'too_many_operations',
          'recorded',
          'recorded',
          'too_many_operations',
        ]);
        expect(await ids()).toEqual(['d', 'b']);
        expect(await store.counts(TENANT)).toEqual({ active: 2, total: 2 });
        // Opening one that is there is no new one.
        expect((await run(opening('b'))).map(code)).toEqual(['recorded']);
      });

      it('keeps a limit of its own for recorded tool calls', async () => {
        store = await openStore({ maxOperations: 1, maxToolOperations: 2 });
        await done(opening('job'), opening('t1', 'mcp.tool/x'), opening('t2', 'mcp.tool/y'));
        await done(finish('t1'), finish('t2'), finish('job'));
        await done(opening('t3', 'mcp.tool/x'), opening('t4', 'mcp.tool/x'));
        expect(await ids()).toEqual(['t4', 't3', 'job']);
        await done(opening('job2'));
        expect(await ids()).toEqual(['job2', 't4', 't3']);
        expect((await run(opening('t5', 'mcp.tool/x'))).map(code)).toEqual(['too_many_operations']);
      });

      it('removes what ended longer ago than the age, in steps, and tells of it', async () => {
        store = await openStore({ maxAge: 60 });
        const removed = watchRemovals(store);
        await done(...Array.from({ length: 250 }, (_, n) => opening(`old-${n}`)));
        await done(...Array.from({ length: 250 }, (_, n) => finish(`old-${n}`)));
        const ended = clock;
        clock += 30;
        await done(opening('running'), opening('young'), finish('young'));
        while (await store.expire(ended + 60.001));
        expect(await ids()).toEqual(['young', 'running']);
        await expect.poll(() => removed).toHaveLength(250);
        expect(await store.expire(ended + 60.001)).toBe(false);
        while (await store.expire(clock + 1e6));
        expect(await ids()).toEqual(['running']);
      });

      it('keeps ended operations of any age without an age limit', async () => {
        store = await openStore({ maxAge: 0 });
        await done(opening('a'), finish('a'));
        expect(await store.expire(clock + 1e9)).toBe(false);
        expect(await ids()).toEqual(['a']);
      });

      it('trims the oldest events of a long operation and says from where its log is whole', async () => {
        store = await openStore({ maxEventsPerOperation: 10 });
        await done(opening('a'), opening('other'));
        for (let n = 2; n <= 25; n++) await done(recording('a', [line(`${n}`, `id-${n}`)]));
        const page = await log('a');
        expect({ first: page.first, head: page.head }).toEqual({ first: 16, head: 25 });
        expect(page.events.map(({ seq }) => seq)).toEqual([16, 17, 18, 19, 20, 21, 22, 23, 24, 25]);
        expect(await store.get(TENANT, 'a')).toMatchObject({ firstSeq: 16, eventCount: 25 });
        expect((await log('a', 20)).events.map(({ seq }) => seq)).toEqual([21, 22, 23, 24, 25]);
        // Positions: a1, other1, a2 … a25; the newest trimmed one is a15.
        const all = await whole();
        expect(all).toMatchObject({ first: 17, head: 26 });
        expect(all.events.map(({ operationId, seq }) => `${operationId}${seq}`).slice(0, 3)).toEqual([
          'other1',
          'a16',
          'a17',
        ]);
        // An id that is still in the log is known, a trimmed one is not.
        const [known, forgotten] = await done(
          recording('a', [line('16', 'id-16')]),
          recording('a', [line('2', 'id-2')]),
        );
        expect([known!.receipts[0]!.seq, forgotten!.receipts[0]!.seq]).toEqual([16, 26]);
      });

      it('trims within one batch as within many, and keeps at least the bound', async () => {
        store = await openStore({ maxEventsPerOperation: 10 });
        await done(
          opening('a'),
          recording(
            'a',
            Array.from({ length: 24 }, (_, n) => line(`${n + 2}`)),
          ),
          recording('a', [['result', { result: 'end' }]]),
        );
        const page = await log('a');
        expect(page).toMatchObject({ first: 18, head: 27 });
        expect(page.events).toHaveLength(10);
        expect(page.events.at(-1)!.type).toBe('completed');
      });

      it('removes on request what has ended, and nothing that runs', async () => {
        store = await openStore();
        const removed = watchRemovals(store);
        await done(opening('a'), opening('b'), recording('a', [line('x')]));
        await expect(store.remove(TENANT, 'a')).rejects.toMatchObject({ code: 'operation_running' });
        await done(finish('a'));
        expect(await store.remove(TENANT, 'a')).toBe(true);
        expect(await store.remove(TENANT, 'a')).toBe(false);
        expect(await store.get(TENANT, 'a')).toBeNull();
        expect(await store.readOperation(TENANT, 'a', 0, UNBOUNDED)).toBeNull();
        expect(await store.counts(TENANT)).toEqual({ active: 1, total: 1 });
        const all = await whole();
        expect(all.events.map(({ operationId }) => operationId)).toEqual(['b']);
        // a: positions 1, 3 and its end 4, 5; a reader below 5 may have missed something.
        expect(all).toMatchObject({ first: 6, head: 5 });
        await expect.poll(() => removed).toEqual([{ tenant: TENANT, operationId: 'a' }]);
      });

      it('opens an id anew after its removal, with a fresh log at higher positions', async () => {
        store = await openStore();
        await done(opening('a', 'build'), recording('a', [line('old', 'id')]), finish('a'));
        const before = (await whole()).head;
        await store.remove(TENANT, 'a');
        const [opened, recorded] = await done(opening('a', 'test'), recording('a', [line('new', 'id')]));
        expect(opened!.operation).toMatchObject({ operationType: 'test', eventCount: 1, state: 'running' });
        expect(recorded!.receipts[0]).toMatchObject({ seq: 2, repeated: false });
        expect(opened!.events[0]!.position).toBeGreaterThan(before);
        expect(messages((await whole()).events)).toEqual(['status', 'new']);
      });

      it('tells of a removal only after the append that caused it was answered', async () => {
        store = await openStore({ maxOperations: 1 });
        const order: string[] = [];
        store.onRemoved = (batch) => order.push(...batch.map(({ operationId }) => `removed ${operationId}`));
        const outcomes = await done(opening('a'), finish('a'), opening('b'));
        order.push(...outcomes.flatMap(({ events }) => events.map((e) => `${e.operationId} ${e.type}`)));
        await expect.poll(() => order).toHaveLength(5);
        expect(order).toEqual(['a status', 'a result', 'a completed', 'b status', 'removed a']);
      });

      it('stays within its limit through many opens and ends in one batch', async () => {
        store = await openStore({ maxOperations: 5 });
        const commands = Array.from({ length: 300 }, (_, n) => [
          opening(`op-${n}`),
          finish(`op-${n}`),
        ]).flat();
        expect((await run(...commands)).map(code).every((outcome) => outcome === 'recorded')).toBe(true);
        expect(await ids()).toEqual(['op-299', 'op-298', 'op-297', 'op-296', 'op-295']);
        const all = await whole();
        expect(all.events).toHaveLength(15);
        expect(all).toMatchObject({ head: 900, first: 886 });
      });
    });

    describe('opening the engine again', () => {
      it('finds everything as it was', async (context) => {
        store = await openStore();
        if (!harness.durable) return context.skip();
        await done(
          opening('a', 'build', { k: 'v' }),
          recording('a', [line('one', 'id-1'), ['progress', { progress: 0.5, message: 'half' }]]),
          opening('b'),
          finish('b'),
          opening('c'),
          recording('c', [['error', { error: 'broken', error_type: 'E' }]]),
        );
        const state = async () => ({
          operations: await Promise.all(['a', 'b', 'c'].map((id) => store.get(TENANT, id))),
          listing: await store.list(TENANT, { limit: 10 }),
          events: (await whole()).events.map(({ json }) => json),
          counts: await store.counts(TENANT),
        });
        const before = await state();
        store = await reopen();
        expect(await state()).toEqual(before);
        const [repeated] = await done(recording('a', [line('one', 'id-1')]));
        expect(repeated!.receipts[0]).toMatchObject({ seq: 2, repeated: true });
        const [next] = await done(recording('a', [line('two')]));
        expect(next!.events[0]).toMatchObject({ seq: 4, position: before.events.length + 1 });
      });

      it('never gives out a position, a seq or a cursor number again, also after removals', async (context) => {
        store = await openStore();
        if (!harness.durable) return context.skip();
        await done(opening('a'), opening('b'), finish('b'));
        const page = await store.list(TENANT, { limit: 1 });
        const { head } = await whole();
        await store.remove(TENANT, 'b');
        store = await reopen();
        expect(await whole()).toMatchObject({ head, first: head + 1 });
        const [opened] = await done(opening('c'));
        expect(opened!.events[0]!.position).toBe(head + 1);
        expect(await ids({ cursor: page.nextCursor! })).toEqual(['a']);
      });

      it('remembers what was trimmed, and trims to a lower limit', async (context) => {
        store = await openStore({ maxEventsPerOperation: 10 });
        if (!harness.durable) return context.skip();
        await done(
          opening('a'),
          recording(
            'a',
            Array.from({ length: 19 }, (_, n) => line(`${n + 2}`)),
          ),
        );
        store = await reopen({ maxEventsPerOperation: 10 });
        expect(await log('a')).toMatchObject({ first: 11, head: 20 });
        expect(await whole()).toMatchObject({ first: 11, head: 20 });
        store = await reopen({ maxEventsPerOperation: 5 });
        await done(recording('a', [line('21')]));
        expect(await log('a')).toMatchObject({ first: 17, head: 21 });
      });

      it('makes room down to a lower limit on operations', async (context) => {
        store = await openStore();
        if (!harness.durable) return context.skip();
        const all = Array.from({ length: 10 }, (_, n) => `op-${n}`);
        await done(...all.map((id) => opening(id)), ...all.slice(0, 9).map((id) => finish(id)));
        store = await reopen({ maxOperations: 3 });
        await done(opening('new'));
        expect(await ids()).toEqual(['new', 'op-9', 'op-8']);
      });
    });

    it('refuses with shutting_down what comes after it was closed', async () => {
      store = await openStore();
      await done(opening('a'));
      await stores.pop()!.close();
      await expect(store.append([opening('b')])).rejects.toMatchObject({ code: 'shutting_down' });
      await expect(store.get(TENANT, 'a')).rejects.toMatchObject({ code: 'shutting_down' });
      await expect(store.list(TENANT, { limit: 1 })).rejects.toMatchObject({ code: 'shutting_down' });
      expect(await store.expire(clock)).toBe(false);
      await store.close();
    });
  });
}
