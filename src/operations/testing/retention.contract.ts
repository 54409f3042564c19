import { describe, expect, it } from 'vitest';
import {
  clock,
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

/** What is removed when, and how readers learn of it. */
export function describeRetention(fixture: () => StoreFixture): void {
  let store: StoreDriver;

  describe('retention (S1-67, S1-68)', () => {
    it('removes the operation that ended first to make room, never a running one', async () => {
      store = await fixture().open({ maxOperations: 3 });
      const removed = store.watchRemovals();
      await store.done(opening('a'), opening('b'), opening('c'));
      await store.done(finish('c'));
      await store.done(finish('a'));
      await store.done(opening('d'));
      expect(await store.ids()).toEqual(['d', 'b', 'a']);
      await store.done(opening('e'));
      expect(await store.ids()).toEqual(['e', 'd', 'b']);
      await expect
        .poll(() => removed)
        .toEqual(['c', 'a'].map((operationId) => ({ tenant: TENANT, operationId })));
    });

    it('refuses to open when running ones alone fill the limit, and goes on after one ended', async () => {
      store = await fixture().open({ maxOperations: 2 });
      const outcomes = await store.run(
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
      expect(await store.ids()).toEqual(['d', 'b']);
      expect(await store.port.counts(TENANT)).toEqual({ active: 2, total: 2 });
      // Opening one that is there is no new one.
      expect((await store.run(opening('b'))).map(code)).toEqual(['recorded']);
    });

    it('keeps a limit of its own for recorded tool calls', async () => {
      store = await fixture().open({ maxOperations: 1, maxToolOperations: 2 });
      await store.done(opening('job'), opening('t1', 'mcp.tool/x'), opening('t2', 'mcp.tool/y'));
      await store.done(finish('t1'), finish('t2'), finish('job'));
      await store.done(opening('t3', 'mcp.tool/x'), opening('t4', 'mcp.tool/x'));
      expect(await store.ids()).toEqual(['t4', 't3', 'job']);
      await store.done(opening('job2'));
      expect(await store.ids()).toEqual(['job2', 't4', 't3']);
      expect((await store.run(opening('t5', 'mcp.tool/x'))).map(code)).toEqual(['too_many_operations']);
    });

    it('removes what ended longer ago than the age, in steps, and tells of it', async () => {
      store = await fixture().open({ maxAge: 60 });
      const removed = store.watchRemovals();
      await store.done(...Array.from({ length: 250 }, (_, n) => opening(`old-${n}`)));
      await store.done(...Array.from({ length: 250 }, (_, n) => finish(`old-${n}`)));
      const ended = clock.now;
      clock.now += 30;
      await store.done(opening('running'), opening('young'), finish('young'));
      while (await store.port.expire(ended + 60.001));
      expect(await store.ids()).toEqual(['young', 'running']);
      await expect.poll(() => removed).toHaveLength(250);
      expect(await store.port.expire(ended + 60.001)).toBe(false);
      while (await store.port.expire(clock.now + 1e6));
      expect(await store.ids()).toEqual(['running']);
    });

    it('keeps ended operations of any age without an age limit', async () => {
      store = await fixture().open({ maxAge: 0 });
      await store.done(opening('a'), finish('a'));
      expect(await store.port.expire(clock.now + 1e9)).toBe(false);
      expect(await store.ids()).toEqual(['a']);
    });

    it('trims the oldest events of a long operation and says from where its log is whole', async () => {
      store = await fixture().open({ maxEventsPerOperation: 10 });
      await store.done(opening('a'), opening('other'));
      for (let n = 2; n <= 25; n++) await store.done(recording('a', [line(`${n}`, `id-${n}`)]));
      const page = await store.log('a');
      expect({ first: page.first, head: page.head }).toEqual({ first: 16, head: 25 });
      expect(page.events.map(({ seq }) => seq)).toEqual([16, 17, 18, 19, 20, 21, 22, 23, 24, 25]);
      expect(await store.port.get({ tenant: TENANT, operationId: 'a' })).toMatchObject({
        firstSeq: 16,
        eventCount: 25,
        logCounts: { debug: 0, info: 24, warning: 0, error: 0 },
      });
      expect((await store.log('a', 20)).events.map(({ seq }) => seq)).toEqual([21, 22, 23, 24, 25]);
      // Positions: a1, other1, a2 … a25; the newest trimmed one is a15.
      const all = await store.whole();
      expect(all).toMatchObject({ first: 17, head: 26 });
      expect(all.events.map(({ operationId, seq }) => `${operationId}${seq}`).slice(0, 3)).toEqual([
        'other1',
        'a16',
        'a17',
      ]);
      // An id is known as long as its operation, also when its event was trimmed.
      const [known, trimmed] = await store.done(
        recording('a', [line('16', 'id-16')]),
        recording('a', [line('2', 'id-2')]),
      );
      expect([known, trimmed].map((each) => [each!.receipts[0]!.seq, each!.receipts[0]!.repeated])).toEqual([
        [16, true],
        [2, true],
      ]);
    });

    it('trims within one batch as within many, and keeps at least the bound', async () => {
      store = await fixture().open({ maxEventsPerOperation: 10 });
      await store.done(
        opening('a'),
        recording(
          'a',
          Array.from({ length: 24 }, (_, n) => line(`${n + 2}`)),
        ),
        recording('a', [['result', { result: 'end' }]]),
      );
      const page = await store.log('a');
      expect(page).toMatchObject({ first: 18, head: 27 });
      expect(page.events).toHaveLength(10);
      expect(page.events.at(-1)!.type).toBe('completed');
    });

    it('removes on request what has ended, and nothing that runs', async () => {
      store = await fixture().open();
      const removed = store.watchRemovals();
      await store.done(opening('a'), opening('b'), recording('a', [line('x')]));
      await expect(store.port.remove({ tenant: TENANT, operationId: 'a' })).rejects.toMatchObject({
        code: 'operation_running',
      });
      await store.done(finish('a'));
      expect(await store.port.remove({ tenant: TENANT, operationId: 'a' })).toBe(true);
      expect(await store.port.remove({ tenant: TENANT, operationId: 'a' })).toBe(false);
      expect(await store.port.get({ tenant: TENANT, operationId: 'a' })).toBeNull();
      expect(await store.port.readOperation({ tenant: TENANT, operationId: 'a' }, 0, UNBOUNDED)).toBeNull();
      expect(await store.port.counts(TENANT)).toEqual({ active: 1, total: 1 });
      const all = await store.whole();
      expect(all.events.map(({ operationId }) => operationId)).toEqual(['b']);
      // a: positions 1, 3 and its end 4, 5; a reader below 5 may have missed something.
      expect(all).toMatchObject({ first: 6, head: 5 });
      await expect.poll(() => removed).toEqual([{ tenant: TENANT, operationId: 'a' }]);
    });

    it('opens an id anew after its removal, with a fresh log at higher positions', async () => {
      store = await fixture().open();
      await store.done(opening('a', 'build'), recording('a', [line('old', 'id')]), finish('a'));
      const before = (await store.whole()).head;
      await store.port.remove({ tenant: TENANT, operationId: 'a' });
      const [opened, recorded] = await store.done(opening('a', 'test'), recording('a', [line('new', 'id')]));
      expect(opened!.operation).toMatchObject({ operationType: 'test', eventCount: 1, state: 'running' });
      expect(recorded!.receipts[0]).toMatchObject({ seq: 2, repeated: false });
      expect(opened!.events[0]!.position).toBeGreaterThan(before);
      expect(messages((await store.whole()).events)).toEqual(['status', 'new']);
    });

    it('tells of a removal only after the append that caused it was answered', async () => {
      store = await fixture().open({ maxOperations: 1 });
      const order: string[] = [];
      store.port.onRemoved = (batch) =>
        order.push(...batch.map(({ operationId }) => `removed ${operationId}`));
      const outcomes = await store.done(opening('a'), finish('a'), opening('b'));
      order.push(...outcomes.flatMap(({ events }) => events.map((e) => `${e.operationId} ${e.type}`)));
      await expect.poll(() => order).toHaveLength(5);
      expect(order).toEqual(['a status', 'a result', 'a completed', 'b status', 'removed a']);
    });

    it('stays within its limit through many opens and ends in one batch', async () => {
      store = await fixture().open({ maxOperations: 5 });
      const commands = Array.from({ length: 300 }, (_, n) => [opening(`op-${n}`), finish(`op-${n}`)]).flat();
      expect((await store.run(...commands)).map(code).every((outcome) => outcome === 'recorded')).toBe(true);
      expect(await store.ids()).toEqual(['op-299', 'op-298', 'op-297', 'op-296', 'op-295']);
      const all = await store.whole();
      expect(all.events).toHaveLength(15);
      expect(all).toMatchObject({ head: 900, first: 886 });
    });
  });
}
