import { EventEmitter, once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDraft } from '../../operations/operation-draft.js';
import {
  createWorld,
  Follower,
  OPERATIONS,
  TENANT,
  turns,
  type World,
} from './testing/delivery-world.contract.js';
import { HIGH_WATER_BYTES } from './sink.js';

const step = fc.oneof(
  fc.record({
    do: fc.constant('append'),
    operation: fc.nat(1),
    count: fc.integer({ min: 1, max: 80 }),
    wait: fc.boolean(),
  }),
  fc.record({ do: fc.constant('follow'), topic: fc.nat(3), after: fc.nat(3) }),
  fc.record({ do: fc.constantFrom('stall', 'drain', 'resume'), follower: fc.nat(5) }),
  fc.record({ do: fc.constant('turn'), turns: fc.integer({ min: 1, max: 3 }) }),
);

const steps = fc.array(step, { minLength: 10, maxLength: 80 });
const delays = fc.array(fc.nat(4), { minLength: 1, maxLength: 7 });

async function play(world: World, steps: readonly unknown[]): Promise<Follower[]> {
  const followers = ['a', null].map((operationId) => new Follower(world, operationId, 0));
  for (const raw of steps) {
    const current = raw as Record<string, unknown> & { do: string };
    const follower = followers[Number(current.follower) % Math.max(1, followers.length)];
    if (current.do === 'append') {
      const drafts = Array.from({ length: Number(current.count) }, (_, index) =>
        parseDraft('log', { message: `${index} ${'x'.repeat(900)}` }),
      );
      const done = world.operations.appendAll(
        { tenant: TENANT, operationId: OPERATIONS[Number(current.operation)]! },
        drafts,
      );
      if (current.wait === true) await done;
    } else if (current.do === 'follow') {
      followers.push(new Follower(world, OPERATIONS[Number(current.topic)] ?? null, Number(current.after)));
    } else if (current.do === 'stall' && follower) follower.sink.stalled = true;
    else if (current.do === 'drain') follower?.sink.drain();
    else if (current.do === 'resume') follower?.resume();
    else if (current.do === 'turn') await turns(Number(current.turns));
  }
  for (const { sink } of followers) sink.drain();
  // What was recorded last is on its way over the bus; only then do those that are ahead of it become live.
  await turns(300);
  for (let waited = 0; followers.some(({ live }) => !live); waited++) {
    if (waited > 20_000) throw new Error('A follower never became live');
    await turn();
  }
  await turns(50);
  return followers;
}

describe('delivery', () => {
  it('gives every follower exactly the log, whatever it does meanwhile (S1-10, S1-11)', async () => {
    await fc.assert(
      fc.asyncProperty(steps, delays, async (steps, delays) => {
        const world = await createWorld(100_000, delays);
        const followers = await play(world, steps);
        const bounds = { limit: 100_000, maxBytes: Infinity };
        for (const { operationId, start, sink } of followers) {
          const log =
            operationId === null
              ? await world.store.readTenant(TENANT, start, bounds)
              : (await world.store.readOperation({ tenant: TENANT, operationId }, start, bounds))!;
          // A follower that asks for what is not there yet is told so and begins again.
          if (sink.lines.some(({ first }) => first !== undefined)) continue;
          expect(sink.lines.map(({ position }) => position)).toEqual(
            log.events.map(({ position }) => position),
          );
        }
        for (const follower of followers) follower.stop();
        expect(world.subscriptions.count()).toBe(0);
        expect(world.subscriptions.metrics.lagging).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it('with retention, leaves no gap without the word that the history was trimmed (S1-67)', async () => {
    await fc.assert(
      fc.asyncProperty(steps, delays, async (steps, delays) => {
        const world = await createWorld(20, delays);
        const followers = await play(world, steps);
        for (const { operationId, sink } of followers) {
          let last: number | undefined;
          let told = false;
          for (const { first, seq, position } of sink.lines) {
            if (first !== undefined) {
              told = true;
              continue;
            }
            const cursor = operationId === null ? position! : seq!;
            if (last !== undefined && cursor !== last + 1 && !told) {
              throw new Error(`${operationId}: ${cursor} follows ${last} without a word`);
            }
            if (last !== undefined && cursor <= last)
              throw new Error(`${operationId}: ${cursor} came after ${last}`);
            last = cursor;
            // Below a tenant's trimming mark single events may be gone; within one operation the word is for one gap.
            if (operationId !== null) told = false;
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  it('lets a follower in that has read further than the bus has told, and skips nothing for the others', async () => {
    const world = await createWorld(100_000);
    const live = new Follower(world, 'a', 0);
    while (!live.live) await turn();
    const gate = new EventEmitter();
    world.bus.gate = once(gate, 'open');
    await world.operations.log({ tenant: TENANT, operationId: 'a' }, 'info', 'stored, not told yet');
    const ahead = new Follower(world, 'a', 1);
    while (ahead.sink.lines.length < 1) await turn();
    expect(live.sink.lines).toHaveLength(1);
    gate.emit('open');
    await world.operations.log({ tenant: TENANT, operationId: 'a' }, 'info', 'one more');
    while (live.sink.lines.length < 3) await turn();
    await turns(20);
    expect(live.sink.lines.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(ahead.sink.lines.map(({ seq }) => seq)).toEqual([2, 3]);
  });

  it('lets a follower in while an event is recorded in every turn of the event loop', async () => {
    const world = await createWorld(100_000);
    for (let i = 0; i < 20; i++)
      await world.operations.log({ tenant: TENANT, operationId: 'a' }, 'info', 'before');
    const follower = new Follower(world, 'a', 0);
    for (let turnsTaken = 0; !follower.live; turnsTaken++) {
      expect(turnsTaken).toBeLessThan(50);
      await world.operations.log({ tenant: TENANT, operationId: 'a' }, 'info', 'meanwhile');
    }
    follower.stop();
  });

  it('goes on when an operation is gone before anyone was told, and hears of the next one with its id', async () => {
    const world = await createWorld(100_000);
    const live = new Follower(world, 'a', 0);
    while (!live.live) await turn();
    await world.operations.cancel({ tenant: TENANT, operationId: 'a' });
    const removal = world.operations.remove({ tenant: TENANT, operationId: 'a' });
    const late = new Follower(world, 'a', 2);
    await removal;
    while (!late.live) await turn();
    expect(late.sink.lines.filter(({ first }) => first === null)).toHaveLength(1);
    await world.operations.create(TENANT, { operationType: 'work', operationId: 'a' });
    for (const { sink } of [late, live]) while (sink.lines.at(-1)?.seq !== 1) await turn();
    expect(live.sink.lines.map(({ seq, lost }) => (lost === undefined ? seq : 'lost'))).toEqual([
      1,
      2,
      'lost',
      1,
    ]);
  });

  it('tells a live follower and one that catches up that the log is another, also when the new one is longer', async () => {
    const world = await createWorld(100_000, [0, 2]);
    const live = new Follower(world, 'a', 0);
    while (!live.live) await turn();
    await world.operations.appendAll(
      { tenant: TENANT, operationId: 'a' },
      Array.from({ length: 300 }, (_, n) => parseDraft('log', { message: `old ${n} ${'x'.repeat(500)}` })),
    );
    await world.operations.cancel({ tenant: TENANT, operationId: 'a' });
    const slow = new Follower(world, 'a', 0);
    slow.sink.stalled = true;
    while (slow.sink.lines.length === 0) await turn();
    await world.operations.remove({ tenant: TENANT, operationId: 'a' });
    await world.operations.create(TENANT, { operationType: 'work', operationId: 'a' });
    await world.operations.appendAll(
      { tenant: TENANT, operationId: 'a' },
      Array.from({ length: 600 }, (_, n) => parseDraft('log', { message: `new ${n}` })),
    );
    slow.sink.drain();
    for (const { sink } of [slow, live]) {
      while (sink.lines.at(-1)?.seq !== 601) await turn();
      const told = sink.lines.findIndex(({ lost, first }) => lost !== undefined || first === null);
      expect(told).toBeGreaterThan(0);
      const news = sink.lines.slice(told).flatMap(({ seq }) => (seq === undefined ? [] : [seq]));
      expect(news).toEqual(Array.from({ length: 601 }, (_, n) => n + 1));
    }
  });

  it('holds no more in a stalled sink than the high-water mark and one flush, and loses nothing (S4-24)', async () => {
    const world = await createWorld(100_000);
    const stalled = Array.from({ length: 5 }, () => new Follower(world, 'a', 0));
    const healthy = new Follower(world, 'a', 0);
    await turns(20);
    for (const { sink } of stalled) sink.stalled = true;
    for (let batch = 0; batch < 50; batch++) {
      const drafts = Array.from({ length: 40 }, () => parseDraft('log', { message: 'x'.repeat(1000) }));
      await world.operations.appendAll({ tenant: TENANT, operationId: 'a' }, drafts);
      await turn();
    }
    while (healthy.sink.lines.length < 2001) await turn();
    expect(world.subscriptions.metrics.lagging).toBe(5);
    for (const { sink } of stalled)
      expect(sink.most).toBeLessThanOrEqual(HIGH_WATER_BYTES + 16 * 1024 + 2048);
    for (const { sink } of stalled) sink.drain();
    while (stalled.some(({ live }) => !live)) await turn();
    for (const { sink } of stalled) expect(sink.lines).toEqual(healthy.sink.lines);
    expect(world.subscriptions.metrics.lagging).toBe(0);
  });

  it('writes one buffer per subscriber for everything that became due together', async () => {
    const world = await createWorld(100_000);
    const follower = new Follower(world, 'a', 0);
    while (!follower.live) await turn();
    let writes = 0;
    const { sink } = follower;
    const write = sink.write.bind(sink);
    sink.write = (bytes) => {
      writes += 1;
      write(bytes);
    };
    const drafts = Array.from({ length: 16 }, () => parseDraft('log', { message: 'x' }));
    await Promise.all(
      drafts.map((draft) => world.operations.append({ tenant: TENANT, operationId: 'a' }, draft)),
    );
    while (sink.lines.length < 17) await turn();
    expect(writes).toBe(1);
  });
});
