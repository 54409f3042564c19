import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_TENANT as TENANT } from '../auth/principal.js';
import { MemoryOperationStore } from './adapters/memory-operation-store.js';
import { parseDraft } from './operation-draft.js';
import { LogPlaces } from './log-places.js';
import { currentToken, parseLogToken, sharedThrough } from './log-token.js';
import type { LogEpoch, LogIdentity } from './operation-store.js';

const LIMITS = { maxOperations: 100, maxToolOperations: 100, maxEventsPerOperation: 10_000, maxAge: 0 };

/** A log that is taken back to an earlier state, as by a loss of power or a restored backup. */
class RestoredStore extends MemoryOperationStore {
  uid = 'log';
  epochs: LogEpoch[] = [{ epoch: 1, from: 0 }];

  override async logIdentity(): Promise<LogIdentity> {
    return { uid: this.uid, epochs: this.epochs };
  }
}

async function fill(store: MemoryOperationStore, operationId: string, events: number): Promise<void> {
  const operation = { tenant: TENANT, operationId, operationType: 't', metadata: {} };
  await store.append([{ kind: 'open', operation, at: 1 }]);
  const drafts = Array.from({ length: events - 1 }, (_, n) => parseDraft('log', { message: `${n}` }));
  await store.append([{ kind: 'record', tenant: TENANT, operationId, drafts, at: 2 }]);
}

describe('places in a log', () => {
  it('reads the tokens it writes, and refuses what is none', () => {
    const identity = { uid: 'k3f9a2', epochs: [{ epoch: 2, from: 0 }] };
    expect(parseLogToken(currentToken(identity, 7))).toEqual({ uid: 'k3f9a2', epoch: 2, operation: 7 });
    expect(parseLogToken(undefined)).toBeUndefined();
    for (const wrong of ['x', 'a.b', 'a.1.2.3', 5, {}, 'a.1\n'])
      expect(() => parseLogToken(wrong)).toThrow('log must be the token');
  });

  it('keeps what was recorded before the next epoch began, and nothing of another log', () => {
    const identity = { uid: 'u', epochs: [3, 10, 20].map((epoch, n) => ({ epoch, from: n * 100 })) };
    const shared = (uid: string, epoch: number) => sharedThrough(identity, { uid, epoch });
    expect(shared('other', 10)).toBe(0);
    expect(shared('u', 20)).toBe(Infinity);
    expect(shared('u', 10)).toBe(200);
    expect(shared('u', 3)).toBe(100);
    // Of a branch that this log does not have: what came before both parted.
    expect(shared('u', 12)).toBe(200);
    expect(shared('u', 25)).toBe(200);
    expect(shared('u', 1)).toBe(0);
  });

  it('a reader of a log that lost its end has each event once, or is told (property)', async () => {
    const parameters = fc.record({
      before: fc.integer({ min: 1, max: 40 }),
      lost: fc.integer({ min: 0, max: 40 }),
      after: fc.integer({ min: 0, max: 60 }),
      read: fc.integer({ min: 0, max: 80 }),
    });
    await fc.assert(
      fc.asyncProperty(parameters, async ({ before, lost, after, read }) => {
        const kept = Math.max(1, before - lost);
        const seen = Math.min(read, before);
        // The log as it is now: `kept` events of the old one, and `after` new ones behind them.
        const store = new RestoredStore(LIMITS);
        await fill(store, 'o', kept + after);
        store.epochs = [
          { epoch: 1, from: 0 },
          { epoch: 50, from: kept },
        ];
        const places = new LogPlaces(store);
        const { number } = (await store.get({ tenant: TENANT, operationId: 'o' }))!;
        for (const place of [
          await places.check(TENANT, seen, 'log.1'),
          await places.checkOperation({ tenant: TENANT, operationId: 'o' }, seen, `log.1.${number}`),
        ]) {
          expect(place.lost).toBe(seen > kept);
          expect(place.after).toBe(Math.min(seen, kept));
        }
        const other = await places.checkOperation(
          { tenant: TENANT, operationId: 'o' },
          seen,
          `log.1.${number + 1}`,
        );
        expect(other).toMatchObject({ after: 0, lost: seen > 0 });
        const elsewhere = await places.check(TENANT, seen, 'new.1');
        expect(elsewhere).toMatchObject({ after: 0, lost: seen > 0 });
        // Without a token, numbers are all there is: what is beyond the end is of another log.
        const now = kept + after;
        expect(
          await places.checkOperation({ tenant: TENANT, operationId: 'o' }, seen, undefined),
        ).toMatchObject(seen > now ? { after: 0, lost: true } : { after: seen, lost: false });
        expect(
          await places.checkOperation({ tenant: TENANT, operationId: 'o' }, 0, undefined, seen),
        ).toMatchObject({
          after: 0,
          lost: seen > now,
        });
        expect(await places.check(TENANT, seen, undefined)).toMatchObject({ after: seen, lost: false });
      }),
    );
  });
});
