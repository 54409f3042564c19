import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ServiceProcess } from '../harness/service-process.js';
import { HubProducer, messageOf, RestProducer, type Producer } from './producers.js';
import { seededRandom } from './random.js';
import {
  AgentsWatcher,
  HubWatcher,
  McpWatcher,
  PollingWatcher,
  SseWatcher,
  type SeenEvent,
  type Watcher,
} from './watchers.js';
import { checkStore } from '../../src/operations/adapters/check-store.js';
import { SECRET } from '../harness/tokens.js';

/** By hand with 200. */
const KILLS = Number(process.env.KILLS ?? 24);
const PRODUCERS = 16;
const TIMEOUT_MS = 60_000 + KILLS * 25_000;

async function history(url: string, operationId: string): Promise<SeenEvent[]> {
  const events: SeenEvent[] = [];
  for (;;) {
    const path = `/api/operations/${operationId}/events?limit=1000&after_seq=${events.length}`;
    const response = await fetch(url + path);
    expect(response.status).toBe(200);
    const page = (await response.json()) as {
      events: SeenEvent[];
      has_more: boolean;
      history_trimmed: boolean;
    };
    expect(page.history_trimmed).toBe(false);
    events.push(...page.events);
    if (!page.has_more) return events;
  }
}

/** The log of one producer: everything it was promised, at the seq it was told, in order, once, and nothing else. */
function checkLog(events: readonly SeenEvent[], { operationId, acknowledged }: Producer): void {
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  const wanted = Array.from({ length: acknowledged.size }, (_, n) => messageOf(operationId, n + 1));
  const logs = events.filter(({ event_type: type }) => type === 'log');
  expect(logs.map(({ data }) => (data as { message: string }).message)).toEqual(wanted);
  for (const [n, seq] of acknowledged) {
    expect(events[seq - 1]!.data).toMatchObject({ message: messageOf(operationId, n) });
  }
  const types = events.map(({ event_type: type }) => type);
  expect([types[0], ...types.slice(-2)]).toEqual(['status', 'result', 'completed']);
  expect(types).toHaveLength(acknowledged.size + 3);
}

/** What `opstream check` finds in what a killed service left. */
function damageOf({ dataDir }: ServiceProcess): string[] {
  const findings: string[] = [];
  checkStore(join(dataDir, 'opstream.db'), (finding) => findings.push(finding));
  return findings;
}

describe('kill -9 of the service', { timeout: TIMEOUT_MS }, () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  const random = seededRandom(seed);
  let service: ServiceProcess;
  const durability = () => ({ DURABILITY: random() < 0.3 ? 'full' : 'normal' });

  beforeEach(async () => {
    // The agents protocol wants tokens; an operation may get more events than a log keeps by default.
    service = await ServiceProcess.start({ JWT_SECRET: SECRET, MAX_EVENTS_PER_OPERATION: '10000000' });
  });
  afterEach(() => service.stop());

  it(`loses nothing acknowledged and repeats nothing, over ${KILLS} kills under ${PRODUCERS} producers (D-05, S1-11)`, async () => {
    console.log(`kill test: SEED=${seed}`);
    const ids = Array.from({ length: PRODUCERS }, (_, n) => `producer-${n}`);
    const producers = ids.map((id, n) =>
      n % 2 === 0 ? new RestProducer(id, service, random) : new HubProducer(id, service, random),
    );
    const watchers: Watcher[] = [
      new HubWatcher('hub, each operation', service, ids, false),
      new HubWatcher('hub, all', service, ids, true),
      new SseWatcher('SSE, all', service, ids),
      new SseWatcher('SSE, one', service, [ids[0]!]),
      new AgentsWatcher('agents, all', service, ids),
      new McpWatcher('MCP, one over REST', service, ids[2]!),
      new McpWatcher('MCP, one over the hub', service, ids[1]!),
      new PollingWatcher('REST, one', service, ids[3]!),
    ];
    let stopped = false;
    const producing = Promise.all(producers.map((producer) => producer.run(() => stopped)));
    const watching = watchers.map((watcher) => watcher.run());
    const acknowledged = () => producers.reduce((sum, producer) => sum + producer.acknowledged.size, 0);

    const damages: string[] = [];
    let startsKilled = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const from = acknowledged();
      const enough = 20 + random() * 1000;
      await Promise.race([
        producing,
        expect.poll(() => acknowledged() - from, { timeout: 60_000 }).toBeGreaterThan(enough),
      ]);
      await delay(random() * 30);
      await service.kill();
      if (random() < 0.25) {
        // Killed again while it starts: recovery itself must be repeatable.
        const starting = service.restart(durability()).catch(() => {});
        await delay(random() * 1200);
        await service.kill();
        await starting;
        startsKilled += 1;
      }
      damages.push(...damageOf(service));
      await service.restart(durability());
    }
    const late = new HubWatcher('hub, late, all', service, ids, true);
    watchers.push(late);
    watching.push(late.run());
    stopped = true;
    await producing;
    await Promise.all(watching);

    for (const producer of producers) {
      const events = await history(service.url, producer.operationId);
      checkLog(events, producer);
      for (const watcher of watchers) {
        if (!watcher.operationIds.includes(producer.operationId)) continue;
        expect(watcher.received.byOperation.get(producer.operationId), watcher.name).toEqual(events);
      }
    }
    expect(damages).toEqual([]);
    for (const watcher of watchers) expect(watcher.received.violations).toEqual([]);
    expect(watchers[0]!.connections).toBeGreaterThanOrEqual(10);
    console.log(
      `kill test: ${KILLS} kills and ${startsKilled} more during a start; ${acknowledged()} events acknowledged`,
    );
  });

  it('stops in order on SIGTERM under load: exit code 0, everything acknowledged is there (S1-13, S4-67)', async () => {
    const ids = Array.from({ length: 8 }, (_, n) => `producer-${n}`);
    const producers = ids.map((id, n) =>
      n % 2 === 0 ? new RestProducer(id, service, random) : new HubProducer(id, service, random, 100),
    );
    const watcher = new HubWatcher('hub, all', service, ids, true);
    let stopped = false;
    const producing = Promise.all(producers.map((producer) => producer.run(() => stopped)));
    const watching = watcher.run();
    for (let stop = 0; stop < 5; stop++) {
      const before = producers.map(({ acknowledged }) => acknowledged.size);
      await expect
        .poll(() => producers.every(({ acknowledged }, n) => acknowledged.size > before[n]! + 50), {
          timeout: 60_000,
        })
        .toBe(true);
      await delay(random() * 50);
      expect(await service.terminate()).toBe(0);
      expect(service.output).toContain('Shutting down server...');
      await expect.poll(() => service.output).toContain('WebSocket server shut down');
      await service.restart();
    }
    stopped = true;
    await producing;
    await watching;
    expect(watcher.received.violations).toEqual([]);
    for (const producer of producers) {
      const events = await history(service.url, producer.operationId);
      checkLog(events, producer);
      expect(watcher.received.byOperation.get(producer.operationId)).toEqual(events);
    }
  });
});
