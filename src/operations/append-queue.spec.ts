import { describe, expect, it } from 'vitest';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { MemoryOperationStore } from './adapters/memory-operation-store.js';
import { AppendQueue } from './append-queue.js';
import { parseDraft } from './operation-draft.js';
import type { Recorded, StoreCommand, StoreOutcome } from './operation-store.js';

const LIMITS = { maxOperations: 100, maxToolOperations: 100, maxEventsPerOperation: 10_000, maxAge: 0 };

const opening = (operationId: string): StoreCommand => ({
  kind: 'open',
  operation: { tenant: 't', operationId, operationType: 'build', metadata: {} },
  at: 1,
});
const log = (operationId: string, message: string, size = 0): StoreCommand => ({
  kind: 'record',
  tenant: 't',
  operationId,
  drafts: [parseDraft('log', { message, details: { filler: 'x'.repeat(size) } })],
  at: 1,
});

/** A store whose transactions take as long as the test wants, as those of a networked engine do. */
class SlowStore extends MemoryOperationStore {
  readonly batches: number[] = [];
  private gate: Promise<void> = Promise.resolve();
  private unlock: () => void = () => {};

  hold(): void {
    this.gate = new Promise((resolve) => (this.unlock = resolve));
  }

  release(): void {
    this.unlock();
  }

  override async append(commands: readonly StoreCommand[]): Promise<readonly StoreOutcome[]> {
    this.batches.push(commands.length);
    await this.gate;
    return super.append(commands);
  }
}

class BrokenStore extends MemoryOperationStore {
  failure: unknown;

  override append(commands: readonly StoreCommand[]): Promise<readonly StoreOutcome[]> {
    return this.failure === undefined ? super.append(commands) : Promise.reject(this.failure);
  }
}

const ignore = () => {};
const code = (error: unknown) => (error as OpstreamError).code;

describe('AppendQueue', () => {
  it('commits everything of one turn of the event loop in one transaction, in order', async () => {
    const store = new SlowStore(LIMITS);
    const queue = new AppendQueue(store, ignore);
    const submitted = [opening('a'), log('a', '1'), opening('b'), log('a', '2')];
    const outcomes = await Promise.all(submitted.map((command) => queue.submit(command)));
    expect(store.batches).toEqual([4]);
    expect(outcomes.flatMap(({ events }) => events.map(({ position }) => position))).toEqual([1, 2, 3, 4]);
  });

  it('gathers the next transaction while one is under way', async () => {
    const store = new SlowStore(LIMITS);
    const queue = new AppendQueue(store, ignore);
    await queue.submit(opening('a'));
    store.hold();
    const first = queue.submit(log('a', 'first'));
    await expect.poll(() => store.batches).toEqual([1, 1]);
    const others = Array.from({ length: 50 }, (_, n) => queue.submit(log('a', `${n}`)));
    store.release();
    const recorded = await Promise.all([first, ...others]);
    expect(store.batches).toEqual([1, 1, 50]);
    expect(recorded.map(({ receipts }) => receipts[0]!.seq)).toEqual(
      Array.from({ length: 51 }, (_, n) => n + 2),
    );
  });

  it('publishes before it acknowledges, in log order, and only what was recorded', async () => {
    const order: string[] = [];
    const publish = (outcomes: readonly Recorded[]) =>
      order.push(...outcomes.flatMap(({ events }) => events.map(({ seq }) => `published ${seq}`)));
    const queue = new AppendQueue(new MemoryOperationStore(LIMITS), publish);
    await Promise.all([
      queue.submit(opening('a')).then(() => order.push('acknowledged 1')),
      queue.submit(log('nobody', 'x')).catch((error: unknown) => order.push(code(error))),
      queue.submit(log('a', 'y')).then(() => order.push('acknowledged 2')),
    ]);
    expect(order).toEqual([
      'published 1',
      'published 2',
      'acknowledged 1',
      'operation_not_found',
      'acknowledged 2',
    ]);
  });

  it('splits large events over several transactions', async () => {
    const store = new SlowStore({ ...LIMITS });
    const queue = new AppendQueue(store, ignore);
    await queue.submit(opening('a'));
    await Promise.all(Array.from({ length: 10 }, (_, n) => queue.submit(log('a', `${n}`, 400_000))));
    expect(store.batches).toEqual([1, 2, 2, 2, 2, 2]);
  });

  it('refuses with overloaded when too much waits, and recovers', async () => {
    const store = new SlowStore(LIMITS);
    const queue = new AppendQueue(store, ignore);
    await queue.submit(opening('a'));
    store.hold();
    const large = log('a', 'x', 1_000_000);
    const results = Promise.allSettled(Array.from({ length: 100 }, () => queue.submit(large)));
    store.release();
    const settled = await results;
    const refused = settled.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThan(30);
    expect(refused.length).toBeLessThan(40);
    for (const each of refused) expect(each).toMatchObject({ reason: { code: 'overloaded' } });
    const recorded = (await store.get({ tenant: 't', operationId: 'a' }))!.eventCount - 1;
    expect(recorded).toBe(100 - refused.length);
    await expect(queue.submit(log('a', 'again'))).resolves.toBeDefined();
  });

  it('rejects the whole batch when the store fails, publishes nothing of it, and goes on', async () => {
    const store = new BrokenStore(LIMITS);
    let published = 0;
    const queue = new AppendQueue(store, () => published++);
    store.failure = new OpstreamError('storage_full', 'full');
    const results = await Promise.allSettled([queue.submit(opening('a')), queue.submit(opening('b'))]);
    expect(results.map((result) => (result.status === 'rejected' ? code(result.reason) : ''))).toEqual([
      'storage_full',
      'storage_full',
    ]);
    expect(published).toBe(0);
    store.failure = new Error('a defect');
    await expect(queue.submit(opening('a'))).rejects.toMatchObject({ code: 'internal' });
    store.failure = undefined;
    await expect(queue.submit(opening('a'))).resolves.toMatchObject({ receipts: [{ seq: 1 }] });
  });

  it('closes: answers what was submitted before and refuses what comes later', async () => {
    const store = new SlowStore(LIMITS);
    const queue = new AppendQueue(store, ignore);
    const before = [queue.submit(opening('a')), queue.submit(log('a', 'x'))];
    let closed = false;
    const closing = queue.close().then(() => (closed = true));
    await expect(queue.submit(log('a', 'late'))).rejects.toMatchObject({ code: 'shutting_down' });
    expect(closed).toBe(false);
    await Promise.all(before);
    await closing;
    await expect(queue.close()).resolves.toBeUndefined();
  });
});
