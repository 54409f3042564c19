import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { openDatabase } from '../../platform/sqlite/sqlite-database.js';
import { anyDraft } from '../testing/arbitraries.contract.js';
import { foldLog } from '../testing/fold-log.contract.js';
import type { OperationStore, Retention, StoreCommand, StoreOutcome } from '../operation-store.js';
import { parseCacheUse } from '../result-cache.js';
import { MemoryOperationStore } from './memory-operation-store.js';
import { SqliteOperationStore } from './sqlite-operation-store.js';

const ALL = { limit: 10_000, maxBytes: Number.MAX_SAFE_INTEGER };
const TENANTS = ['red', 'blue'];
const IDS = ['a', 'b', 'c', 'd', 'e'];

type Step =
  | { readonly kind: 'append'; readonly commands: readonly StoreCommand[] }
  | { readonly kind: 'remove'; readonly tenant: string; readonly operationId: string }
  | { readonly kind: 'expire' }
  | { readonly kind: 'restart' };

const tenant = fc.constantFrom(...TENANTS);
const operationId = fc.constantFrom(...IDS);
const eventId = fc.option(fc.constantFrom('1', '2', '3'), { nil: undefined });
const command: fc.Arbitrary<StoreCommand> = fc.oneof(
  fc.record({
    kind: fc.constant('open' as const),
    operation: fc.record({
      tenant,
      operationId,
      operationType: fc.constantFrom('build', 'build', 'mcp.tool/x'),
      metadata: fc.constant({}),
      parentOperationId: fc.option(fc.constantFrom('a', 'z'), { nil: undefined }),
      createdBy: fc.option(fc.constantFrom('ann', 'bob'), { nil: undefined }),
    }),
    cache: fc.option(
      fc
        .tuple(fc.constantFrom('k', 'l'), fc.constantFrom(0, 2, 1000))
        .map(([cacheKey, ttl]) => parseCacheUse('build', { cacheKey, ttl })),
      { nil: undefined },
    ),
    at: fc.constant(0),
  }),
  fc.record({
    kind: fc.constant('record' as const),
    tenant,
    operationId,
    drafts: fc.array(anyDraft(eventId), { minLength: 1, maxLength: 5 }),
    at: fc.constant(0),
  }),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      commands: fc.array(command, { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), tenant, operationId }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('expire' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
);
const retention: fc.Arbitrary<Retention> = fc.record({
  maxOperations: fc.integer({ min: 1, max: 4 }),
  maxToolOperations: fc.integer({ min: 1, max: 3 }),
  maxEventsPerOperation: fc.constantFrom(3, 5, 1000),
  maxAge: fc.constantFrom(0, 5),
});

/** What anyone can see of an outcome. */
const visible = (outcome: StoreOutcome): object =>
  outcome instanceof OpstreamError
    ? { refused: outcome.code }
    : { ...outcome, events: outcome.events.map(({ json }) => json) };

function refusal(thrown: unknown): string {
  if (thrown instanceof OpstreamError) return thrown.code;
  throw thrown;
}

/** Everything the port shows of one tenant. */
async function picture(store: OperationStore, of: string): Promise<object> {
  const { operations } = await store.list(of, { limit: 100 });
  const logs = await Promise.all(
    operations.map((op) => store.readOperation({ tenant: of, operationId: op.operationId }, 0, ALL)),
  );
  const whole = await store.readTenant(of, 0, ALL);
  return {
    operations: await Promise.all(
      operations.map((op) => store.get({ tenant: of, operationId: op.operationId })),
    ),
    logs: logs.map((log) => ({ ...log, events: log!.events.map(({ json }) => json) })),
    whole: { ...whole, events: whole.events.map(({ json }) => json) },
    counts: await store.counts(of),
  };
}

/** What must hold of any store at any time. */
async function checkInvariants(store: OperationStore, of: string): Promise<void> {
  const whole = await store.readTenant(of, 0, ALL);
  const { operations } = await store.list(of, { limit: 100 });
  const positions = whole.events.map(({ position }) => position);
  expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
  let stored = 0;
  for (const { operationId: id, firstSeq, eventCount } of operations) {
    const log = (await store.readOperation({ tenant: of, operationId: id }, 0, ALL))!;
    expect(log.events.map(({ seq }) => seq)).toEqual(
      Array.from({ length: eventCount - firstSeq + 1 }, (_, n) => firstSeq + n),
    );
    expect(whole.events.filter((event) => event.operationId === id).map(({ json }) => json)).toEqual(
      log.events.map(({ json }) => json),
    );
    if (firstSeq === 1) {
      const stored = (await store.get({ tenant: of, operationId: id }))!;
      expect(foldLog(log.events, stored.number)).toEqual(stored);
    }
    stored += log.events.length;
  }
  expect(whole.events).toHaveLength(stored);
}

describe('the memory and the SQLite store', () => {
  const directory = mkdtempSync(join(tmpdir(), 'opstream-agree-'));
  let files = 0;
  afterAll(() => rmSync(directory, { recursive: true }));

  it('show the same after any commands, removals, expiries and restarts; snapshot == fold(log) (property)', async () => {
    await fc.assert(
      fc.asyncProperty(retention, fc.array(step, { maxLength: 25 }), async (limits, steps) => {
        const path = join(directory, `${++files}.db`);
        const memory = new MemoryOperationStore(limits);
        let sqlite = new SqliteOperationStore(openDatabase(path, 'normal'), limits);
        let at = 1_700_000_000;
        const both = <T>(work: (store: OperationStore) => Promise<T>) =>
          Promise.all([memory, sqlite].map((store) => work(store).catch(refusal)));
        try {
          for (const each of steps) {
            at += 1;
            if (each.kind === 'restart') {
              await sqlite.close();
              sqlite = new SqliteOperationStore(openDatabase(path, 'normal'), limits);
              continue;
            }
            const [inMemory, inSqlite] = await both(async (store): Promise<unknown> => {
              if (each.kind === 'remove') return store.remove(each);
              if (each.kind === 'expire') return store.expire(at);
              return (await store.append(each.commands.map((c) => ({ ...c, at })))).map(visible);
            });
            expect(inSqlite).toEqual(inMemory);
          }
          for (const of of TENANTS) {
            const [inMemory, inSqlite] = await both((store) => picture(store, of));
            expect(inSqlite).toEqual(inMemory);
            for (const store of [memory, sqlite]) await checkInvariants(store, of);
          }
        } finally {
          await Promise.all([memory.close(), sqlite.close()]);
        }
      }),
      { numRuns: 100 },
    );
  }, 60_000);
});
