import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { LocalEventBus } from '../../operations/adapters/local-event-bus.js';
import { MemoryOperationStore } from '../../operations/adapters/memory-operation-store.js';
import { parseDraft } from '../../operations/operation-draft.js';
import { OperationsService } from '../../operations/operations.service.js';
import type { Subscription } from './subscription.js';
import { Subscriptions } from './subscriptions.js';
import { WireFormat } from './wire-format.js';

const TENANT = 'default';
const RETENTION = { maxOperations: 10, maxToolOperations: 10, maxEventsPerOperation: 10_000, maxAge: 0 };

class SeqFormat extends WireFormat {
  encoded = 0;

  protected encode(event: { readonly seq: number }): Buffer {
    this.encoded += 1;
    return Buffer.from(`${event.seq} `);
  }

  notice(): Buffer {
    return Buffer.from('trimmed ');
  }
}

class CountingStore extends MemoryOperationStore {
  reads = 0;
  failing = false;

  override readOperation(...parameters: Parameters<MemoryOperationStore['readOperation']>) {
    this.reads += 1;
    if (this.failing) return Promise.reject(new Error('the disk is away'));
    return super.readOperation(...parameters);
  }
}

let store: CountingStore;
let format: SeqFormat;
let operations: OperationsService;
let subscriptions: Subscriptions;

beforeEach(async () => {
  const bus = new LocalEventBus();
  store = new CountingStore(RETENTION);
  format = new SeqFormat('seq');
  operations = new OperationsService(store, bus);
  subscriptions = new Subscriptions(bus, store);
  await operations.create(TENANT, { operationType: 'work', operationId: 'a' });
});

function record(count: number): Promise<unknown> {
  const drafts = Array.from({ length: count }, () => parseDraft('log', { message: 'x'.repeat(200) }));
  return operations.appendAll({ tenant: TENANT, operationId: 'a' }, drafts);
}

/** A follower from the beginning, and the seqs it was sent. */
function follow(): { subscription: Subscription; seqs: () => number[]; failed: () => boolean } {
  let text = '';
  let failed = false;
  const sink = {
    open: true,
    descriptor: -1,
    bufferedBytes: 0,
    write: (bytes: Buffer) => void (text += bytes.toString()),
    offer: (bytes: Buffer) => ((text += bytes.toString()), true),
    onceDrained: (callback: () => void) => void setImmediate(callback),
  };
  const topic = { tenant: TENANT, operationId: 'a' };
  const onError = () => void (failed = true);
  const subscription = subscriptions.subscribe({ topic, format, sink, after: 0, onError });
  return { subscription, seqs: () => text.trim().split(' ').map(Number), failed: () => failed };
}

async function live(...followers: ReturnType<typeof follow>[]): Promise<void> {
  while (followers.some(({ subscription }) => subscription.state !== 'live')) await turn();
}

const upTo = (head: number): number[] => Array.from({ length: head }, (_, index) => index + 1);

describe('reads that followers share', () => {
  it('reads and encodes each page once for all that resume at the same place (S4-03)', async () => {
    await record(299);
    const followers = Array.from({ length: 200 }, follow);
    await live(...followers);
    for (const { seqs } of followers) expect(seqs()).toEqual(upTo(300));
    expect(store.reads).toBeLessThan(20);
    expect(format.encoded).toBe(300);
  });

  it('reads the end of a log anew when it has grown', async () => {
    const first = follow();
    await live(first);
    await record(1);
    await turn();
    const second = follow();
    await live(second);
    expect(second.seqs()).toEqual([1, 2]);
    expect(first.seqs()).toEqual([1, 2]);
  });

  it('reads anew what was read for a follower that has left', async () => {
    const first = follow();
    await live(first);
    subscriptions.unsubscribe(first.subscription);
    await record(1);
    await turn();
    const second = follow();
    await live(second);
    expect(second.seqs()).toEqual([1, 2]);
  });

  it('does not keep a failure', async () => {
    store.failing = true;
    const first = follow();
    while (!first.failed()) await turn();
    store.failing = false;
    const second = follow();
    await live(second);
    expect(second.seqs()).toEqual([1]);
  });
});
