import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventQueue } from './event-queue.js';

function create(capacity = 3): { queue: EventQueue<number>; calls: string[] } {
  const calls: string[] = [];
  const queue = new EventQueue<number>(capacity, {
    drained: () => calls.push('drained'),
    released: () => calls.push('released'),
  });
  return { queue, calls };
}

describe('EventQueue', () => {
  it('gives items in order, whoever comes first', async () => {
    const { queue } = create();
    const waiting = [queue.next(), queue.next()];
    queue.push(1);
    queue.push(2);
    queue.push(3);
    expect(await Promise.all([...waiting, queue.next()])).toEqual(
      [1, 2, 3].map((value) => ({ value, done: false })),
    );
  });

  it('refuses what does not fit and tells when it is empty', async () => {
    const { queue, calls } = create(2);
    expect([queue.push(1), queue.push(2), queue.push(3)]).toEqual([true, true, false]);
    await queue.next();
    expect(calls).toEqual([]);
    await queue.next();
    expect(calls).toEqual(['drained']);
  });

  it('delivers what it holds before its end or its error', async () => {
    const { queue, calls } = create();
    queue.push(1);
    queue.end(new Error('broken'));
    queue.end();
    expect(queue.push(2)).toBe(false);
    expect(await queue.next()).toEqual({ value: 1, done: false });
    await expect(queue.next()).rejects.toThrow('broken');
    expect(await queue.next()).toEqual({ value: undefined, done: true });
    expect(calls).toEqual(['released']);
  });

  it('ends everybody who waits; one of them learns of the error', async () => {
    const { queue } = create();
    const waiting = [queue.next(), queue.next()];
    queue.end(new Error('broken'));
    const [first, second] = await Promise.allSettled(waiting);
    expect(first!.status).toBe('rejected');
    expect(second).toMatchObject({ value: { done: true } });
    expect(await queue.next()).toMatchObject({ done: true });
  });

  it('break in a loop releases it, and a signal ends it without what is left', async () => {
    const left = create();
    left.queue.push(1);
    for await (const item of left.queue) if (item === 1) break;
    expect(left.calls).toContain('released');
    const stopped = create();
    const controller = new AbortController();
    stopped.queue.endWith(controller.signal);
    stopped.queue.push(1);
    controller.abort();
    expect(await stopped.queue.next()).toMatchObject({ done: true });
    const before = create();
    before.queue.endWith(AbortSignal.abort());
    expect(before.calls).toEqual(['released']);
  });

  it('any order of pushing and taking keeps the order and the bound', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 3000 }), async (pushes) => {
        const { queue } = create(1500);
        const taken: number[] = [];
        let next = 0;
        let held = 0;
        for (const push of pushes) {
          if (push) {
            const accepted = queue.push(next);
            expect(accepted).toBe(held < 1500);
            if (accepted) {
              held++;
              next++;
            }
          } else if (held > 0) {
            const { value } = await queue.next();
            taken.push(value!);
            held--;
          }
        }
        queue.end();
        for await (const item of queue) taken.push(item);
        expect(taken).toEqual(Array.from({ length: next }, (_, index) => index));
      }),
      { numRuns: 30 },
    );
  });
});
