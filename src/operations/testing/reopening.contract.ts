import { describe, expect, it } from 'vitest';
import {
  clock,
  finish,
  line,
  opening,
  recording,
  TENANT,
  type StoreDriver,
  type StoreFixture,
} from './store-fixture.contract.js';

/** What a durable engine still knows when it is opened again. */
export function describeReopening(fixture: () => StoreFixture): void {
  let store: StoreDriver;

  describe('opening the engine again', () => {
    it('finds everything as it was', async () => {
      store = await fixture().open();
      await store.done(
        opening('a', 'build', { k: 'v' }),
        recording('a', [line('one', 'id-1'), ['progress', { progress: 0.5, message: 'half' }]]),
        opening('b'),
        finish('b'),
        opening('c'),
        recording('c', [['error', { error: 'broken', error_type: 'E' }]]),
      );
      const state = async () => ({
        operations: await Promise.all(
          ['a', 'b', 'c'].map((id) => store.port.get({ tenant: TENANT, operationId: id })),
        ),
        listing: await store.port.list(TENANT, { limit: 10 }),
        events: (await store.whole()).events.map(({ json }) => json),
        counts: await store.port.counts(TENANT),
      });
      const before = await state();
      store = await fixture().reopen();
      expect(await state()).toEqual(before);
      const [repeated] = await store.done(recording('a', [line('one', 'id-1')]));
      expect(repeated!.receipts[0]).toMatchObject({ seq: 2, repeated: true });
      const [next] = await store.done(recording('a', [line('two')]));
      expect(next!.events[0]).toMatchObject({ seq: 4, position: before.events.length + 1 });
    });

    it('never gives out a position, a seq or a cursor number again, also after removals', async () => {
      store = await fixture().open();
      await store.done(opening('a'), opening('b'), finish('b'));
      const page = await store.port.list(TENANT, { limit: 1 });
      const { head } = await store.whole();
      await store.port.remove({ tenant: TENANT, operationId: 'b' });
      store = await fixture().reopen();
      expect(await store.whole()).toMatchObject({ head, first: head + 1 });
      const [opened] = await store.done(opening('c'));
      expect(opened!.events[0]!.position).toBe(head + 1);
      expect(await store.ids({ cursor: page.nextCursor! })).toEqual(['a']);
    });

    it('remembers what was trimmed, and trims to a lower limit', async () => {
      store = await fixture().open({ maxEventsPerOperation: 10 });
      await store.done(
        opening('a'),
        recording(
          'a',
          Array.from({ length: 19 }, (_, n) => line(`${n + 2}`)),
        ),
      );
      store = await fixture().reopen({ maxEventsPerOperation: 10 });
      expect(await store.log('a')).toMatchObject({ first: 11, head: 20 });
      expect(await store.whole()).toMatchObject({ first: 11, head: 20 });
      store = await fixture().reopen({ maxEventsPerOperation: 5 });
      await store.done(recording('a', [line('21')]));
      expect(await store.log('a')).toMatchObject({ first: 17, head: 21 });
    });

    it('makes room down to a lower limit on operations', async () => {
      store = await fixture().open();
      const all = Array.from({ length: 10 }, (_, n) => `op-${n}`);
      await store.done(...all.map((id) => opening(id)), ...all.slice(0, 9).map((id) => finish(id)));
      store = await fixture().reopen({ maxOperations: 3 });
      await store.done(opening('new'));
      expect(await store.ids()).toEqual(['new', 'op-9', 'op-8']);
    });
  });
}

/** What a closed store answers, durable or not. */
export function describeClosing(fixture: () => StoreFixture): void {
  it('refuses with shutting_down what comes after it was closed', async () => {
    const store = await fixture().open();
    await store.done(opening('a'));
    await store.port.close();
    await expect(store.port.append([opening('b')])).rejects.toMatchObject({ code: 'shutting_down' });
    await expect(store.port.get({ tenant: TENANT, operationId: 'a' })).rejects.toMatchObject({
      code: 'shutting_down',
    });
    await expect(store.port.list(TENANT, { limit: 1 })).rejects.toMatchObject({ code: 'shutting_down' });
    expect(await store.port.expire(clock.now)).toBe(false);
    await store.port.close();
  });
}
