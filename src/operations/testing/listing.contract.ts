import { beforeEach, describe, expect, it } from 'vitest';
import { attributed, parseDraft } from '../operation-draft.js';
import type { ListQuery, StoreCommand } from '../operation-store.js';
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

/** Opens an operation with relations. */
const child = (operationId: string, parentOperationId?: string, createdBy?: string): StoreCommand =>
  opening(operationId, 'build', {}, TENANT, { parentOperationId, createdBy });

/** Relations, people, filters, orders and counts of listings. */
export function describeListing(fixture: () => StoreFixture): void {
  let store: StoreDriver;
  const count = (filter: Partial<ListQuery>) => store.port.countMatching(TENANT, filter);

  describe('listing', () => {
    beforeEach(async () => void (store = await fixture().open()));

    it('keeps parent, creator and canceller, and lists by parent and creator', async () => {
      const cancelled = attributed(parseDraft('cancelled', { reason: 'enough' }), 'bob');
      await store.done(
        child('root'),
        child('a', 'root', 'ann'),
        child('b', 'root', 'bob'),
        child('c', 'a', 'ann'),
        { kind: 'record', tenant: TENANT, operationId: 'b', drafts: [cancelled], at: (clock.now += 1) },
      );
      expect(await store.ids({ parentOperationId: 'root' })).toEqual(['b', 'a']);
      expect(await store.ids({ parentOperationId: 'root', active: true })).toEqual(['a']);
      expect(await store.ids({ createdBy: 'ann' })).toEqual(['c', 'a']);
      expect(await store.ids({ createdBy: 'ann', parentOperationId: 'a' })).toEqual(['c']);
      const relations = { parentOperationId: 'root', createdBy: 'bob', cancelledBy: 'bob' };
      expect(await store.port.get({ tenant: TENANT, operationId: 'b' })).toMatchObject(relations);
      const { operations } = await store.port.list(TENANT, { limit: 10, parentOperationId: 'root' });
      expect(operations[0]).toMatchObject(relations);
      expect(await store.port.get({ tenant: TENANT, operationId: 'root' })).not.toHaveProperty(
        'parentOperationId',
      );
      expect(await count({ parentOperationId: 'root' })).toMatchObject({ running: 1, cancelled: 1 });
    });

    it('the first creation names parent and creator; repeating it with others changes nothing', async () => {
      await store.done(child('a', 'root', 'ann'));
      const [again] = await store.done(child('a', 'other', 'bob'));
      expect(again!.operation).toMatchObject({ parentOperationId: 'root', createdBy: 'ann' });
      expect(again!.receipts[0]!.repeated).toBe(true);
    });

    it('filters by prefix of the type, times, duration, errors and text', async () => {
      const began = clock.now;
      await store.done(
        opening('first', 'mcp.tool/echo', { note: 'Über Größe' }),
        opening('second', 'mcp.tool/sum'),
        opening('third', 'mcp.toolbox'),
        recording('third', [['progress', { progress: 0.5, message: 'Compiling 50%' }]]),
        recording('first', [['log', { level: 'error', message: 'it goes on' }]]),
      );
      clock.now += 10;
      await store.done(finish('first'), recording('second', [['error', { error: 'broken' }]]));
      await store.done(opening('fourth', 'build'));
      expect(await store.ids({ typePrefix: 'mcp.tool/' })).toEqual(['second', 'first']);
      expect(await store.ids({ typePrefix: 'mcp.', active: true })).toEqual(['third']);
      expect(await store.ids({ typePrefix: '' })).toEqual(['fourth', 'third', 'second', 'first']);
      expect(await store.ids({ startedAfter: began + 5 })).toEqual(['fourth']);
      expect(await store.ids({ startedBefore: began + 5, active: false })).toEqual(['second', 'first']);
      expect(await store.ids({ minDuration: 5 })).toEqual(['second', 'first']);
      expect(await store.ids({ minDuration: 60 })).toEqual([]);
      expect(await store.ids({ hasErrors: true })).toEqual(['second', 'first']);
      expect(await store.ids({ hasErrors: true, status: 'completed' })).toEqual(['first']);
      expect(await store.ids({ hasErrors: false, active: true })).toEqual(['fourth', 'third']);
      expect(await count({ hasErrors: true })).toMatchObject({ completed: 1, error: 1 });
      expect(await store.ids({ text: 'compiling' })).toEqual(['third']);
      expect(await store.ids({ text: '50%' })).toEqual(['third']);
      expect(await store.ids({ text: 'Über größe' })).toEqual(['first']);
      expect(await store.ids({ text: 'über' })).toEqual([]);
      expect(await store.ids({ text: 'TOOL/S' })).toEqual(['second']);
      expect(await store.ids({ text: '_' })).toEqual([]);
      expect(await count({ typePrefix: 'mcp.tool/' })).toMatchObject({ running: 0, completed: 1, error: 1 });
      expect(await count({ text: 'compiling' })).toMatchObject({ running: 1, completed: 0 });
      expect(await count({ startedAfter: began + 5 })).toMatchObject({ running: 1, error: 0 });
    });

    it('orders by start, last update and duration, running ones last', async () => {
      await store.done(opening('a'), opening('b'), opening('c'), opening('d'));
      clock.now += 1;
      await store.done(finish('b'));
      clock.now += 1;
      await store.done(finish('c'));
      await store.done(recording('a', [line('alive')]));
      expect(await store.ids()).toEqual(['d', 'c', 'b', 'a']);
      expect(await store.ids({ order: 'updated' })).toEqual(['a', 'c', 'b', 'd']);
      expect(await store.ids({ order: 'duration' })).toEqual(['c', 'b', 'd', 'a']);
      expect(await store.ids({ order: 'duration', minDuration: 1.5 })).toEqual(['c']);
      expect(await store.ids({ order: 'updated', active: true })).toEqual(['a', 'd']);
    });

    it.each([
      ['the beginning', 'started' as const, 's12-3'],
      ['another order', 'updated' as const, '12'],
      ['a mixed cursor', 'duration' as const, 'u12-3'],
      ['no number', 'updated' as const, 'u1e5-3'],
    ])('refuses the cursor of %s', async (_what, order, cursor) => {
      await store.done(opening('a'));
      const listing = store.port.list(TENANT, { limit: 1, order, cursor });
      await expect(listing).rejects.toMatchObject({ code: 'invalid_cursor' });
    });
  });
}
