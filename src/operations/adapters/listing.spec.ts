import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../platform/sqlite/sqlite-database.js';
import { byPlace, keyOf, placeOf } from '../list-cursor.js';
import { LIST_ORDERS, matches } from '../operation-filter.js';
import type { ListQuery, OperationStore, StoreCommand } from '../operation-store.js';
import type { Operation } from '../operation.js';
import { anyDraft } from '../testing/arbitraries.contract.js';
import { MemoryOperationStore } from './memory-operation-store.js';
import { SqliteOperationStore } from './sqlite-operation-store.js';

const RETENTION = { maxOperations: 1000, maxToolOperations: 1000, maxEventsPerOperation: 1000, maxAge: 0 };
/** Small enough for every bound to be met. */
const BOUNDS = { step: 3, page: 7, count: 1000, running: 1000, types: 1 };
const TENANT = 'default';
const BEGAN = 1_700_000_000;

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 3 });
const work = fc.record({
  type: fc.constantFrom('build', 'mcp.tool/a', 'mcp.tool/b', 'mcp.toolbox'),
  metadata: fc.constantFrom({}, { note: 'Seven apples' }),
  parentOperationId: optional(fc.constantFrom('p', 'q')),
  createdBy: optional(fc.constantFrom('ann', 'bob')),
  // The clock of a machine may be set back.
  at: fc.integer({ min: BEGAN, max: BEGAN + 20 }),
  drafts: fc.array(anyDraft(), { maxLength: 4 }),
  later: fc.integer({ min: 0, max: 5 }),
});
const filter = fc.record({
  status: optional(fc.constantFrom('running', 'processing', 'completed', 'error', 'cancelled')),
  active: optional(fc.boolean()),
  type: optional(fc.constantFrom('build', 'mcp.tool/a', 'none')),
  typePrefix: optional(fc.constantFrom('mcp.tool/', 'mcp', '', 'x')),
  startedAfter: optional(fc.integer({ min: BEGAN, max: BEGAN + 20 })),
  startedBefore: optional(fc.integer({ min: BEGAN, max: BEGAN + 20 })),
  minDuration: optional(fc.integer({ min: 0, max: 10 })),
  hasErrors: optional(fc.boolean()),
  parentOperationId: optional(fc.constantFrom('p', 'q')),
  createdBy: optional(fc.constantFrom('ann', 'bob')),
  text: optional(fc.constantFrom('APPLES', 'op-1', 'tool', 'zz')),
});
const query = fc.record({
  filter,
  order: optional(fc.constantFrom(...LIST_ORDERS)),
  limit: fc.integer({ min: 1, max: 6 }),
});

/** Absent members, as callers leave them out. */
const given = <T extends object>(members: T) =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]?: Exclude<T[Key], undefined>;
  };

async function allPages(store: OperationStore, wanted: ListQuery): Promise<readonly Operation[]> {
  const found: Operation[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < 200; pages++) {
    const page = await store.list(TENANT, { ...wanted, ...(cursor !== undefined && { cursor }) });
    expect(page.operations.length).toBeLessThanOrEqual(wanted.limit);
    if (!page.incomplete && page.nextCursor !== null) expect(page.operations).toHaveLength(wanted.limit);
    found.push(...page.operations);
    if (page.nextCursor === null) return found;
    cursor = page.nextCursor;
  }
  throw new Error('The listing does not end');
}

describe('listings', () => {
  it('the pages of both stores are the filter over everything, in order, under any bounds (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(work, { maxLength: 25 }),
        fc.array(query, { minLength: 1, maxLength: 6 }),
        async (works, queries) => {
          const stores = [
            new MemoryOperationStore(RETENTION),
            new SqliteOperationStore(openDatabase(':memory:', 'normal'), RETENTION, undefined, BOUNDS),
          ];
          const commands = works.flatMap(({ type, at, drafts, later, ...operation }, n): StoreCommand[] => [
            {
              kind: 'open',
              operation: { tenant: TENANT, operationId: `op-${n}`, operationType: type, ...operation },
              at,
            },
            { kind: 'record', tenant: TENANT, operationId: `op-${n}`, drafts, at: at + later },
          ]);
          for (const store of stores) for (const command of commands) await store.append([command]);
          const everything = await Promise.all(
            works.map(async (_, n) => (await stores[0]!.get({ tenant: TENANT, operationId: `op-${n}` }))!),
          );
          for (const { filter: wanted, order, limit } of queries) {
            const asked = { ...given(wanted), ...given({ order }), limit };
            const key = keyOf(asked);
            const matching = everything.filter((operation) => matches(operation, asked));
            const expected = matching
              .map((operation) => ({ ...placeOf(operation, key), id: operation.operationId }))
              .sort(byPlace)
              .map(({ id }) => id);
            const counts = { running: 0, completed: 0, error: 0, cancelled: 0 };
            for (const { state } of matching) counts[state] += 1;
            for (const store of stores) {
              const found = await allPages(store, asked);
              expect(found.map(({ operationId }) => operationId)).toEqual(expected);
              expect(await store.countMatching(TENANT, given(wanted))).toEqual(counts);
            }
          }
          await Promise.all(stores.map((store) => store.close()));
        },
      ),
      { numRuns: 60 },
    );
  }, 60_000);

  it('tells that it has not sorted or counted everything', async () => {
    const bounds = { step: 3, page: 6, count: 10, running: 5, types: 1 };
    const database = openDatabase(':memory:', 'normal');
    const store = new SqliteOperationStore(database, RETENTION, undefined, bounds);
    await store.append(
      Array.from({ length: 20 }, (_, n) => ({
        kind: 'open' as const,
        operation: { tenant: TENANT, operationId: `op-${n}`, operationType: 'x', metadata: {} },
        at: BEGAN + n,
      })),
    );
    const byUpdate = await store.list(TENANT, { order: 'updated', limit: 3 });
    expect(byUpdate).toMatchObject({ incomplete: true });
    expect(byUpdate.operations.map(({ operationId }) => operationId)).toEqual(['op-19', 'op-18', 'op-17']);
    const rare = await store.list(TENANT, { text: 'op-3', limit: 3 });
    expect(rare).toMatchObject({ operations: [], incomplete: true });
    expect(await store.countMatching(TENANT, { text: 'op' })).toMatchObject({ incomplete: true });
    await store.close();
  });
});
