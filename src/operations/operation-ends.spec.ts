import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { DEFAULT_TENANT as TENANT } from '../auth/principal.js';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { MAX_FRAME_BYTES } from '../platform/json-stand-in.js';
import { LocalEventBus } from './adapters/local-event-bus.js';
import { MemoryOperationStore } from './adapters/memory-operation-store.js';
import type { StoreCommand, StoreOutcome } from './operation-store.js';
import { OperationsService } from './operations.service.js';

const LIMITS = { maxOperations: 1000, maxToolOperations: 10, maxEventsPerOperation: 10_000, maxAge: 0 };
const PAGE = { limit: 100, maxBytes: Infinity };

/** A store that fails for a while. */
class FailingStore extends MemoryOperationStore {
  failing = false;

  override append(commands: readonly StoreCommand[]): Promise<readonly StoreOutcome[]> {
    if (this.failing) return Promise.reject(new OpstreamError('storage_full', 'The disk is full'));
    return super.append(commands);
  }
}

function start() {
  const store = new FailingStore(LIMITS);
  return { store, operations: new OperationsService(store, new LocalEventBus()) };
}

function nested(levels: number): unknown {
  let value: unknown = 'core';
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { value };
  return value;
}

const circular: Record<string, unknown> = {};
circular.self = circular;
const hostile = Object.assign(new Error('x'), {});
Object.defineProperty(hostile, 'message', {
  get() {
    throw new Error('no message for you');
  },
});

/** What work may return, or throw. */
const anything = fc.oneof(
  fc.anything(),
  fc.integer({ min: 0, max: 2_000_000 }).map((length) => 'x'.repeat(length)),
  fc.integer({ min: 300_000, max: 600_000 }).map((length) => '漢'.repeat(length)),
  fc.integer({ min: 100_000, max: 400_000 }).map((length) => '\u0000'.repeat(length)),
  fc.integer({ min: 60, max: 2000 }).map(nested),
  fc.constantFrom<unknown>(
    circular,
    10n ** 30n,
    Symbol('s'),
    Object.create(null),
    () => 1,
    hostile,
    undefined,
  ),
);
const failure = fc.oneof(
  anything,
  fc
    .record({
      message: fc.oneof(
        fc.string(),
        fc.integer({ max: 300_000, min: 0 }).map((n) => 'e'.repeat(n)),
      ),
      name: fc.oneof(fc.string({ maxLength: 400 }), fc.constantFrom('AbortError', '', 'n'.repeat(500))),
    })
    .map(({ message, name }) => Object.assign(new Error(message), { name })),
);

describe('the end of work', () => {
  it('whatever work returns or throws, its operation ends, and every event of it can be sent', async () => {
    await fc.assert(
      fc.asyncProperty(anything, failure, fc.boolean(), async (value, thrown, fails) => {
        const { operations } = start();
        let id = '';
        const run = operations.run('work', {}, (scope) => {
          id = scope.operationId!;
          if (fails) throw thrown as Error;
          return value;
        });
        await run.then(
          (returned) => expect(returned).toBe(value),
          (rejected: unknown) => expect(rejected).toBe(thrown),
        );
        const { state } = await operations.get({ tenant: TENANT, operationId: id });
        expect(state).not.toBe('running');
        if (!fails) expect(state).toBe('completed');
        for (const event of (await operations.history({ tenant: TENANT, operationId: id }, 0, PAGE)).events)
          expect(Buffer.byteLength(event.json)).toBeLessThan(MAX_FRAME_BYTES - 4096);
      }),
      { numRuns: 120 },
    );
  });

  it('records a stand-in for a result that does not fit, and says how much text was left out', async () => {
    const { operations } = start();
    const { operation } = await operations.create(TENANT, { operationType: 't', operationId: 'large' });
    await operations.result({ tenant: TENANT, operationId: operation.operationId }, 'x'.repeat(2_000_000));
    expect((await operations.get({ tenant: TENANT, operationId: 'large' })).result).toMatchObject({
      truncated: true,
      characters: 2_000_002,
    });
    await operations.create(TENANT, { operationType: 't', operationId: 'failed' });
    await operations.log({ tenant: TENANT, operationId: 'failed' }, 'info', 'm'.repeat(100_000));
    await operations.error({ tenant: TENANT, operationId: 'failed' }, 'e'.repeat(100_000), 't'.repeat(300));
    const failed = await operations.get({ tenant: TENANT, operationId: 'failed' });
    expect(failed.error).toMatch(/^e+… \[\d+ characters left out\]$/);
    expect(failed.errorType).toMatch(/^t+… \[\d+ characters left out\]$/);
    const [, log] = (await operations.history({ tenant: TENANT, operationId: 'failed' }, 0, PAGE)).events;
    expect(JSON.parse(log!.data).message).toMatch(/characters left out\]$/);
  });

  it('an end of the work itself that is not valid leaves the end to what it returns', async () => {
    const { operations } = start();
    let id = '';
    await operations.run('work', {}, async (scope) => {
      id = scope.operationId!;
      await scope.error(undefined as unknown as string);
      return 'done';
    });
    expect(await operations.get({ tenant: TENANT, operationId: id })).toMatchObject({
      state: 'completed',
      result: 'done',
    });
  });

  it('an end that the store cannot take is tried again, and the work does not wait for it', async () => {
    const { store, operations } = start();
    let id = '';
    await operations.run('work', {}, (scope) => {
      id = scope.operationId!;
      store.failing = true;
      return 'done';
    });
    expect(await operations.get({ tenant: TENANT, operationId: id })).toMatchObject({ state: 'running' });
    store.failing = false;
    await vi.waitFor(
      async () =>
        expect(await operations.get({ tenant: TENANT, operationId: id })).toMatchObject({
          state: 'completed',
        }),
      { timeout: 5000 },
    );
  });
});
