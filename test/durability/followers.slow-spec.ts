import { setImmediate as turn } from 'node:timers/promises';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventBus } from '../../src/operations/event-bus.js';
import { parseDraft } from '../../src/operations/operation-draft.js';
import type { RecordedEvent } from '../../src/operations/operation-event.js';
import { OperationStore } from '../../src/operations/operation-store.js';
import { DEFAULT_TENANT as TENANT } from '../../src/auth/principal.js';
import { OperationsService } from '../../src/operations/operations.service.js';
import { RunningService } from '../harness/running-service.js';
import { eventually } from '../harness/eventually.js';
import { HubFollower, SseFollower, type Follower } from './followers.js';
import type { SeenEvent } from './watchers.js';

const ALL = { limit: 1_000_000, maxBytes: Number.MAX_SAFE_INTEGER };
/** Few enough that operations and events are removed all the time. */
const LIMITS = { MAX_OPERATIONS: '4', MAX_EVENTS_PER_OPERATION: '40' };

const slot = fc.nat(3);
const follower = fc.nat(7);
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      slot,
      count: fc.integer({ min: 1, max: 60 }),
      size: fc.constantFrom(10, 10, 3000),
      face: fc.constantFrom('service', 'rest', 'hub'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('end' as const), slot }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), slot }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('follow' as const),
      slot,
      kind: fc.constantFrom('hub', 'sse'),
      all: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('cut' as const, 'resume' as const, 'stall' as const, 'read' as const),
      follower,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('turns' as const), turns: fc.integer({ min: 1, max: 20 }) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** One service, what it recorded, and whoever follows. */
class Scene {
  readonly followers: Follower[] = [];
  /** Everything that was ever recorded, as it was published. */
  readonly recorded: RecordedEvent[] = [];
  /** The operation of each slot; a slot gets a new one when its operation has ended. */
  private readonly current = new Map<number, string>();
  private opened = 0;

  constructor(private readonly service: RunningService) {
    service.get(EventBus).events$.subscribe((events) => this.recorded.push(...events));
  }

  async play(next: Step): Promise<void> {
    const operations = this.service.get(OperationsService);
    if (next.do === 'append') await this.append(next);
    else if (next.do === 'end') {
      await operations.result({ tenant: TENANT, operationId: await this.operation(next.slot) }, 'done');
      this.current.delete(next.slot);
    } else if (next.do === 'remove') {
      const id = await this.operation(next.slot);
      await operations.cancel({ tenant: TENANT, operationId: id });
      await operations.remove({ tenant: TENANT, operationId: id });
      this.current.delete(next.slot);
    } else if (next.do === 'follow') {
      const Kind = next.kind === 'hub' ? HubFollower : SseFollower;
      const followed = new Kind(this.service.http, next.all ? null : await this.operation(next.slot));
      this.followers.push(followed);
      await followed.connect();
    } else if (next.do === 'turns') {
      for (let n = 0; n < next.turns; n++) await turn();
    } else {
      const chosen = this.followers[next.follower];
      if (next.do === 'cut') await chosen?.cut();
      else if (next.do === 'resume') await chosen?.connect();
      else chosen?.stall(next.do === 'stall');
    }
  }

  /** Lets everyone read on and reconnect until each has seen the end of what it follows. */
  async settle(): Promise<void> {
    // The newest event must be one that is not removed, so that all can reach it.
    const operations = this.service.get(OperationsService);
    await operations.log({ tenant: TENANT, operationId: await this.operation(0) }, 'info', 'the end');
    const store = this.service.get(OperationStore);
    for (const each of this.followers) {
      each.stall(false);
      if (!each.connected) await each.connect();
    }
    const { head } = await store.readTenant(TENANT, 0, ALL);
    for (const each of this.followers) {
      await eventually(
        `${each.constructor.name} of ${each.operationId} at ${each.cursor} of ${head}`,
        async () => {
          if (each.operationId === null) return each.cursor === head;
          const log = await store.readOperation({ tenant: TENANT, operationId: each.operationId }, 0, ALL);
          return log === null ? this.knowsOfRemoval(each) : each.cursor === log.head;
        },
      );
    }
  }

  /** Its operation is gone: it has all of it, or none, or was told. */
  private knowsOfRemoval({ told, cursor, operationId }: Follower): boolean {
    const last = this.recorded.findLast((event) => event.operationId === operationId);
    return told || cursor === 0 || cursor === last?.seq;
  }

  private async append(next: Extract<Step, { do: 'append' }>): Promise<void> {
    const id = await this.operation(next.slot);
    const events = Array.from({ length: next.count }, (_, n) => ({
      event_type: 'log',
      data: { message: `${n}`.padEnd(next.size, '.') },
    }));
    if (next.face === 'rest') {
      const answer = await this.service.rest.request('POST', `/api/operations/${id}/events`, {
        body: events,
      });
      expect(answer.status).toBe(201);
    } else if (next.face === 'hub') {
      const hub = await this.service.hub();
      for (const event of events) hub.send({ command: 'emit', operation_id: id, ...event });
      for (const { status } of await hub.take(events.length)) expect(status).toBe('recorded');
      hub.terminate();
    } else {
      const drafts = events.map((event) => parseDraft(event.event_type, event.data));
      await this.service.get(OperationsService).appendAll({ tenant: TENANT, operationId: id }, drafts);
    }
  }

  private async operation(which: number): Promise<string> {
    const existing = this.current.get(which);
    if (existing !== undefined) return existing;
    const operationId = `op-${this.opened++}`;
    await this.service.get(OperationsService).create(TENANT, { operationType: 'test', operationId });
    this.current.set(which, operationId);
    return operationId;
  }
}

/** Exactly the log, or the word that something of it is gone; never twice, never out of order, never another event. */
async function check(
  followed: Follower,
  recorded: readonly RecordedEvent[],
  store: OperationStore,
): Promise<void> {
  const { operationId, events } = followed;
  const due = recorded.filter((event) => operationId === null || event.operationId === operationId);
  const truth = new Map(due.map((event) => [String(event.position), JSON.parse(event.json) as SeenEvent]));
  for (const event of events) expect(event).toEqual(truth.get(event.position));
  const positions = events.map(({ position }) => Number(position));
  expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
  if (!followed.told) {
    // Nobody told it of anything missing: it has every event, unless its operation was gone before it came.
    expect(positions).toEqual(positions.length === 0 ? [] : due.map(({ position }) => position));
  }
  if (operationId !== null) checkGaps(followed);
  const log =
    operationId === null
      ? await store.readTenant(TENANT, 0, ALL)
      : await store.readOperation({ tenant: TENANT, operationId }, 0, ALL);
  const seen = new Set(positions);
  expect((log?.events ?? []).filter(({ position }) => !seen.has(position))).toEqual([]);
}

/** Within one operation every gap has its own word, right where it is. */
function checkGaps({ items }: Follower): void {
  let expected = 1;
  let told = false;
  for (const item of items) {
    if ('trimmed' in item) {
      told = true;
      continue;
    }
    if (!told) expect(item.event.seq).toBe(expected);
    expect(item.event.seq).toBeGreaterThanOrEqual(expected);
    expected = item.event.seq + 1;
    told = false;
  }
}

describe('followers over real sockets', () => {
  it('end with exactly the log, or know that its beginning was trimmed, whatever happens meanwhile (S1-10, S1-11, S1-67; property)', async () => {
    const stats: { told: boolean; events: number }[] = [];
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
        const service = await RunningService.start({ ...LIMITS, LOG_LEVEL: 'error' });
        try {
          const scene = new Scene(service);
          for (const next of steps) await scene.play(next);
          await scene.settle();
          stats.push(...scene.followers.map(({ told, events }) => ({ told, events: events.length })));
          for (const each of scene.followers) await check(each, scene.recorded, service.get(OperationStore));
          for (const each of scene.followers) await each.cut();
        } finally {
          await service.stop();
        }
      }),
      { numRuns: 40, endOnFailure: process.env.CI === 'true' },
    );
    // The scenes must have been worth playing.
    expect(stats.filter(({ told }) => told).length).toBeGreaterThan(10);
    expect(stats.filter(({ told, events }) => !told && events > 10).length).toBeGreaterThan(10);
  });
});
