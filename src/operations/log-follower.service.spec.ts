import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LocalEventBus } from './adapters/local-event-bus.js';
import { MemoryOperationStore } from './adapters/memory-operation-store.js';
import { LogFollower } from './log-follower.service.js';
import { DEFAULT_TENANT as TENANT } from '../auth/principal.js';
import { OperationsService } from './operations.service.js';

function start() {
  const limits = { maxOperations: 10, maxToolOperations: 10, maxEventsPerOperation: 100_000, maxAge: 0 };
  const bus = new LocalEventBus();
  const operations = new OperationsService(new MemoryOperationStore(limits), bus);
  return { operations, follower: new LogFollower(operations, bus) };
}

async function seqs(events: AsyncIterable<{ seq: number }>): Promise<number[]> {
  const all: number[] = [];
  for await (const { seq } of events) all.push(seq);
  return all;
}

const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, i) => i + first);

describe('LogFollower', () => {
  it('reads what is stored, then live, without gap or repetition, and ends with the operation', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ batch: fc.integer({ min: 1, max: 400 }), join: fc.boolean() }), {
          minLength: 1,
          maxLength: 6,
        }),
        async (rounds) => {
          const { operations, follower } = start();
          await operations.create(TENANT, { operationType: 't', operationId: 'o' });
          const followed: Promise<number[]>[] = [];
          for (const { batch, join } of rounds) {
            if (join) followed.push(seqs(follower.follow({ tenant: TENANT, operationId: 'o' })));
            await Promise.all(
              upTo(batch).map((n) => operations.log({ tenant: TENANT, operationId: 'o' }, 'info', `${n}`)),
            );
          }
          await operations.result({ tenant: TENANT, operationId: 'o' }, null);
          followed.push(seqs(follower.follow({ tenant: TENANT, operationId: 'o' })));
          const { eventCount } = await operations.get({ tenant: TENANT, operationId: 'o' });
          for (const one of followed) expect(await one).toEqual(upTo(eventCount));
        },
      ),
      { numRuns: 20 },
    );
  });

  it('begins after a seq, also after the last one', async () => {
    const { operations, follower } = start();
    await operations.create(TENANT, { operationType: 't', operationId: 'o' });
    const later = seqs(follower.follow({ tenant: TENANT, operationId: 'o' }, { afterSeq: 1 }));
    await operations.log({ tenant: TENANT, operationId: 'o' }, 'info', 'x');
    await operations.cancel({ tenant: TENANT, operationId: 'o' });
    expect(await later).toEqual([2, 3]);
    expect(await seqs(follower.follow({ tenant: TENANT, operationId: 'o' }, { afterSeq: 3 }))).toEqual([]);
  });

  it('ends quietly when the signal fires, and with an error when the operation is unknown or removed', async () => {
    const { operations, follower } = start();
    await expect(seqs(follower.follow({ tenant: TENANT, operationId: 'nothing' }))).rejects.toMatchObject({
      code: 'operation_not_found',
    });
    await operations.create(TENANT, { operationType: 't', operationId: 'o' });
    const abort = new AbortController();
    const followed = seqs(follower.follow({ tenant: TENANT, operationId: 'o' }, { signal: abort.signal }));
    await operations.log({ tenant: TENANT, operationId: 'o' }, 'info', 'x');
    abort.abort();
    expect((await followed).length).toBeLessThanOrEqual(2);
  });

  it('a slow reader holds a bounded number of events and still gets every one', async () => {
    const { operations, follower } = start();
    await operations.create(TENANT, { operationType: 't', operationId: 'o' });
    const read: number[] = [];
    for await (const { seq } of follower.follow({ tenant: TENANT, operationId: 'o' })) {
      read.push(seq);
      if (seq === 1)
        await Promise.all(
          upTo(2000).map((n) => operations.log({ tenant: TENANT, operationId: 'o' }, 'info', `${n}`)),
        );
      if (seq === 1500) await operations.result({ tenant: TENANT, operationId: 'o' }, 1);
    }
    expect(read).toEqual(upTo(2003));
  });
});
