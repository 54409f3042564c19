import { beforeEach, describe, expect, it } from 'vitest';
import {
  code,
  finish,
  line,
  messages,
  opening,
  recording,
  TENANT,
  UNBOUNDED,
  type StoreDriver,
  type StoreFixture,
} from './store-fixture.contract.js';

/** Listings, history pages and tenant isolation. */
export function describeReading(fixture: () => StoreFixture): void {
  let store: StoreDriver;

  describe('reading', () => {
    beforeEach(async () => void (store = await fixture().open()));

    it('lists newest first, by status, type and activity, and counts (S1-48)', async () => {
      await store.done(
        opening('a', 'build'),
        opening('b', 'test'),
        opening('c', 'build'),
        recording('a', [['status', { status: 'processing' }]]),
        finish('b'),
      );
      expect(await store.ids()).toEqual(['c', 'b', 'a']);
      expect(await store.ids({ status: 'processing' })).toEqual(['a']);
      expect(await store.ids({ status: 'completed' })).toEqual(['b']);
      expect(await store.ids({ type: 'build' })).toEqual(['c', 'a']);
      expect(await store.ids({ active: true })).toEqual(['c', 'a']);
      expect(await store.ids({ active: false, type: 'build' })).toEqual([]);
      expect(await store.port.counts(TENANT)).toEqual({ active: 2, total: 3 });
    });

    it('lists without results, which may be large, but with errors', async () => {
      await store.done(
        opening('a'),
        opening('b'),
        finish('a'),
        recording('b', [['error', { error: 'broken' }]]),
      );
      const { operations } = await store.port.list(TENANT, { limit: 10 });
      expect(operations[0]).toMatchObject({ operationId: 'b', error: 'broken', errorType: 'UnknownError' });
      expect(operations[1]).not.toHaveProperty('result');
      expect(await store.port.get({ tenant: TENANT, operationId: 'a' })).toHaveProperty('result', 'a');
    });

    it('S4-70: counts what it stores by state, over all tenants', async () => {
      const none = { running: 0, completed: 0, error: 0, cancelled: 0 };
      expect(await store.port.countsByState()).toEqual(none);
      await store.done(
        opening('a'),
        opening('b', 'build', {}, 'other'),
        opening('c'),
        opening('d'),
        recording('a', [['status', { status: 'completed' }]]),
        recording('c', [['error', { error: 'broken' }]]),
        finish('d'),
      );
      expect(await store.port.countsByState()).toEqual({ ...none, running: 2, error: 1, completed: 1 });
      await store.port.remove({ tenant: TENANT, operationId: 'd' });
      expect(await store.port.countsByState()).toEqual({ ...none, running: 2, error: 1 });
    });

    it('knows the operations of a kind that have not ended, of all tenants', async () => {
      await store.done(
        opening('a', 'mcp.tool/x'),
        opening('b', 'mcp.tool/x', {}, 'other'),
        opening('c', 'mcp.tool/x'),
        opening('d', 'build'),
        finish('c'),
      );
      expect(await store.port.unfinished('mcp.tool/')).toEqual([
        { tenant: TENANT, operationId: 'a' },
        { tenant: 'other', operationId: 'b' },
      ]);
    });

    it('pages through a listing by cursor while operations are added and removed', async () => {
      await store.done(...Array.from({ length: 7 }, (_, n) => opening(`op-${n}`)));
      await store.done(finish('op-2'));
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await store.port.list(TENANT, { limit: 2, ...(cursor !== undefined && { cursor }) });
        expect(page.operations.length).toBeLessThanOrEqual(2);
        seen.push(...page.operations.map(({ operationId }) => operationId));
        cursor = page.nextCursor ?? undefined;
        await store.done(opening(`new-${seen.length}`));
        if (seen.length === 2) await store.port.remove({ tenant: TENANT, operationId: 'op-2' });
      } while (cursor !== undefined);
      expect(seen).toEqual(['op-6', 'op-5', 'op-4', 'op-3', 'op-1', 'op-0']);
    });

    it('has no cursor after the last page, also when it is full', async () => {
      await store.done(opening('a'), opening('b'));
      const first = await store.port.list(TENANT, { limit: 2 });
      expect(first.nextCursor).toBeNull();
    });

    it.each(['', 'x', '-1', '0', '1.5', '99999999999999999999', '1; DROP TABLE events'])(
      'refuses the cursor %j',
      async (cursor) => {
        const listing = store.port.list(TENANT, { limit: 1, cursor });
        await expect(listing).rejects.toMatchObject({ code: 'invalid_cursor' });
      },
    );

    it('reads a log in pages bounded by events and by size, without a gap (S1-11)', async () => {
      await store.done(
        opening('a'),
        recording(
          'a',
          Array.from({ length: 20 }, (_, n) => line(`${n}`.padEnd(100, '.'))),
        ),
      );
      const byCount = await store.port.readOperation({ tenant: TENANT, operationId: 'a' }, 5, {
        limit: 4,
        maxBytes: 1e9,
      });
      expect(byCount!.events.map(({ seq }) => seq)).toEqual([6, 7, 8, 9]);
      const bySize = await store.port.readOperation({ tenant: TENANT, operationId: 'a' }, 5, {
        limit: 100,
        maxBytes: 300,
      });
      expect(bySize!.events.map(({ seq }) => seq)).toEqual([6, 7, 8]);
      const atLeastOne = await store.port.readTenant(TENANT, 3, { limit: 100, maxBytes: 1 });
      expect(atLeastOne.events).toHaveLength(1);
      const collected: number[] = [];
      for (let after = 0; ; after = collected.at(-1)!) {
        const page = await store.port.readOperation({ tenant: TENANT, operationId: 'a' }, after, {
          limit: 3,
          maxBytes: 250,
        });
        if (page!.events.length === 0) break;
        collected.push(...page!.events.map(({ seq }) => seq));
      }
      expect(collected).toEqual(Array.from({ length: 21 }, (_, n) => n + 1));
    });

    it('reads nothing beyond the head and everything from before the beginning', async () => {
      await store.done(opening('a'), recording('a', [line('x')]));
      expect((await store.log('a', 2)).events).toEqual([]);
      expect((await store.log('a', 1000)).events).toEqual([]);
      expect((await store.log('a', -5)).events).toHaveLength(2);
      const { head } = await store.whole();
      expect((await store.whole(head)).events).toEqual([]);
      expect((await store.whole(Number.MAX_SAFE_INTEGER)).events).toEqual([]);
      expect((await store.whole(-5)).events).toHaveLength(2);
    });

    it('has no log of an unknown operation and an empty one of an unknown tenant', async () => {
      expect(
        await store.port.readOperation({ tenant: TENANT, operationId: 'nobody' }, 0, UNBOUNDED),
      ).toBeNull();
      expect(await store.whole(0, 'nobody')).toEqual({ events: [], first: 1, head: 0 });
      expect(await store.port.counts('nobody')).toEqual({ active: 0, total: 0 });
      expect(await store.ids({}, 'nobody')).toEqual([]);
      expect(await store.port.remove({ tenant: 'nobody', operationId: 'a' })).toBe(false);
      expect(await store.port.get({ tenant: 'nobody', operationId: 'a' })).toBeNull();
    });
  });

  describe('tenants', () => {
    it('see nothing of each other, even with the same ids', async () => {
      store = await fixture().open({ maxOperations: 2 });
      await store.done(opening('same', 'build', {}, 'red'), opening('same', 'test', {}, 'blue'));
      await store.done(
        recording('same', [line('red', 'id')], 'red'),
        recording('same', [line('blue', 'id')], 'blue'),
        opening('only-red', 'build', {}, 'red'),
      );
      expect(messages((await store.whole(0, 'red')).events)).toEqual(['status', 'red', 'status']);
      expect(messages((await store.whole(0, 'blue')).events)).toEqual(['status', 'blue']);
      expect(messages((await store.whole(-1, 'blue')).events)).toEqual(['status', 'blue']);
      expect(messages((await store.log('same', 0, 'blue')).events)).toEqual(['status', 'blue']);
      expect(
        await store.port.readOperation({ tenant: 'blue', operationId: 'only-red' }, 0, UNBOUNDED),
      ).toBeNull();
      expect(await store.port.get({ tenant: 'blue', operationId: 'only-red' })).toBeNull();
      expect(await store.ids({}, 'blue')).toEqual(['same']);
      expect(await store.port.counts('blue')).toEqual({ active: 1, total: 1 });
      expect((await store.run(recording('only-red', [line('x')], 'blue'))).map(code)).toEqual([
        'operation_not_found',
      ]);
      // Limits are per tenant: red is full, blue is not.
      const outcomes = await store.run(
        opening('third', 'build', {}, 'red'),
        opening('third', 'build', {}, 'blue'),
      );
      expect(outcomes.map(code)).toEqual(['too_many_operations', 'recorded']);
    });

    it('keep their own logs when thousands of them append, in one batch and in turns', async () => {
      store = await fixture().open();
      const names = Array.from({ length: 1500 }, (_, n) => `tenant-${n}`);
      await store.done(...names.map((name) => opening('a', 'build', {}, name)));
      await store.done(
        ...names.map((name) => recording('a', [line('one')], name)),
        ...names.map((name) => recording('a', [line('two')], name)),
        ...names.map((name) => finish('a', name)),
      );
      for (const name of names) {
        expect(messages((await store.whole(0, name)).events)).toEqual([
          'status',
          'one',
          'two',
          'result',
          'completed',
        ]);
      }
    });

    it('count positions each for themselves', async () => {
      store = await fixture().open();
      await store.done(
        opening('a', 'x', {}, 'red'),
        opening('b', 'x', {}, 'red'),
        opening('c', 'x', {}, 'blue'),
      );
      expect((await store.whole(0, 'red')).head).toBe(2);
      expect((await store.whole(0, 'blue')).head).toBe(1);
    });
  });
}
