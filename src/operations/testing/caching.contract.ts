import { beforeEach, describe, expect, it } from 'vitest';
import type { Recorded, StoreCommand } from '../operation-store.js';
import { parseCacheUse } from '../result-cache.js';
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

interface Cached {
  readonly key?: string;
  readonly ttl?: number;
  readonly type?: string;
  readonly tenant?: string;
  readonly audience?: string;
}

/** Opens an operation under a cache key. */
function openingCached(operationId: string, options: Cached = {}): StoreCommand {
  const { key = 'k', ttl = 60, type = 'build', tenant = TENANT, audience = '' } = options;
  const open = opening(operationId, type, {}, tenant) as Extract<StoreCommand, { kind: 'open' }>;
  return { ...open, cache: parseCacheUse(type, { cacheKey: key, ttl, audience }) };
}

/** Which operation answered, and whether it was found by the key. */
const answered = ({ operation, cached }: Recorded) => [operation.operationId, cached === true];

/** The result cache: one operation answers for a key (S1-72). */
export function describeCaching(fixture: () => StoreFixture, durable: boolean): void {
  let store: StoreDriver;

  async function open(operationId: string, options?: Cached): Promise<unknown[]> {
    return answered((await store.done(openingCached(operationId, options)))[0]!);
  }

  describe('opening with a cache key (S1-72)', () => {
    beforeEach(async () => void (store = await fixture().open()));

    it('gives the running operation to everyone who asks for the key, also in one batch', async () => {
      const outcomes = await store.done(openingCached('a'), openingCached('b'), openingCached('c'));
      expect(outcomes.map(answered)).toEqual([
        ['a', false],
        ['a', true],
        ['a', true],
      ]);
      expect(outcomes[1]!.events).toEqual([]);
      expect(outcomes[1]!.receipts).toEqual([{ ...outcomes[0]!.receipts[0], repeated: true }]);
      expect(await store.ids()).toEqual(['a']);
    });

    it('gives the result after the end, until the shorter of both times to live is over', async () => {
      await store.done(openingCached('a', { ttl: 60 }), finish('a'));
      const [hit] = await store.done(openingCached('b'));
      expect(hit!.operation).toMatchObject({ operationId: 'a', state: 'completed', result: 'a' });
      expect(await open('c', { ttl: 0 })).toEqual(['c', false]);
      await store.done(finish('c'));
      // The newest one counts, and whoever opened it wanted it for nobody later.
      expect(await open('d', { ttl: 60 })).toEqual(['d', false]);
      await store.done(finish('d'));
      clock.now += 59;
      expect(await open('e', { ttl: 1000 })).toEqual(['d', true]);
      clock.now += 1;
      expect(await open('f', { ttl: 1000 })).toEqual(['f', false]);
    });

    it.each(['error', 'cancelled'])('an operation that ended as %s does not answer', async (type) => {
      await store.done(openingCached('a'), recording('a', [[type, type === 'error' ? { error: 'x' } : {}]]));
      expect(await open('b')).toEqual(['b', false]);
      expect(await open('c')).toEqual(['b', true]);
    });

    it('a result that was too large to be recorded does not answer', async () => {
      await store.done(openingCached('a'), recording('a', [['result', { result: 'x'.repeat(2_000_000) }]]));
      expect(await open('b')).toEqual(['b', false]);
    });

    it('keys belong to a type, a tenant and an audience', async () => {
      expect(await open('a')).toEqual(['a', false]);
      expect(await open('b', { type: 'test' })).toEqual(['b', false]);
      expect(await open('c', { audience: 'user x' })).toEqual(['c', false]);
      expect(await open('d', { key: 'other' })).toEqual(['d', false]);
      expect(await open('e', { tenant: 'other' })).toEqual(['e', false]);
      expect(await open('f')).toEqual(['a', true]);
      expect(await open('g', { audience: 'user x' })).toEqual(['c', true]);
    });

    it('its own producer that opens again is not told that it is cached', async () => {
      expect(await open('a')).toEqual(['a', false]);
      expect(await open('a')).toEqual(['a', false]);
      expect(await store.done(opening('b'), opening('b'))).toHaveLength(2);
    });

    it('a removed operation answers no more, and takes its key along', async () => {
      store = await fixture().reopen({ maxOperations: 2 });
      await store.done(openingCached('a'), finish('a'));
      await store.port.remove({ tenant: TENANT, operationId: 'a' });
      expect(await open('b')).toEqual(['b', false]);
      await store.done(finish('b'), opening('c'), opening('d'));
      expect(await open('e', { key: 'l' }).catch((error: { code: string }) => error.code)).toBe(
        'too_many_operations',
      );
      await store.done(finish('c'));
      expect(await open('f')).toEqual(['f', false]);
    });

    it('an operation of more events than are kept answers as before', async () => {
      store = await fixture().reopen({ maxEventsPerOperation: 2 });
      await store.done(
        openingCached('a'),
        recording(
          'a',
          Array.from({ length: 5 }, () => line('x')),
        ),
      );
      expect(await open('b')).toEqual(['a', true]);
    });

    if (!durable) return;
    it('survives a restart, running or completed', async () => {
      await store.done(openingCached('a'), finish('a'), openingCached('r', { key: 'running' }));
      store = await fixture().reopen();
      expect(await open('b')).toEqual(['a', true]);
      expect(await open('c', { key: 'running' })).toEqual(['r', true]);
      expect(await store.port.get({ tenant: TENANT, operationId: 'a' })).toMatchObject({ result: 'a' });
    });
  });
}
