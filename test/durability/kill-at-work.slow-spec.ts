import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { checkStore } from '../../src/operations/adapters/check-store.js';
import { TENANT_SPAN } from '../../src/operations/adapters/sqlite-rows.js';
import { ServiceProcess } from '../harness/service-process.js';
import { HubFollower } from './followers.js';
import { seededRandom } from './random.js';
import type { SeenEvent } from './watchers.js';

/** By hand with 60 and 40. */
const RETENTION_KILLS = Number(process.env.RETENTION_KILLS ?? 10);
const MIGRATION_KILLS = Number(process.env.MIGRATION_KILLS ?? 8);
const PRODUCERS = 16;
const MAX_EVENTS = 100;
const TIMEOUT_MS = 120_000 + (RETENTION_KILLS + MIGRATION_KILLS) * 20_000;
const RETRY_MS = 25;
/** Once the test is over, a service that is gone is not waited for. */
const MAX_TRIES = 400;

function findingsOf(path: string): string[] {
  const findings: string[] = [];
  checkStore(path, (finding) => findings.push(finding));
  return findings;
}

/** What one operation was promised. */
interface Promised {
  readonly operationId: string;
  /** Seq of the newest acknowledged event. */
  head: number;
  ended: boolean;
}

/** Opens operation after operation, records into each, and ends it; repeats what got no answer. */
class Cycle {
  readonly promised: Promised[] = [];
  acknowledged = 0;

  constructor(
    private readonly name: string,
    private readonly service: ServiceProcess,
    private readonly random: () => number,
    private readonly stopping: AbortSignal,
  ) {}

  async run(): Promise<void> {
    for (let cycle = 0; !this.stopping.aborted; cycle++) {
      const current: Promised = { operationId: `${this.name}-${cycle}`, head: 1, ended: false };
      await this.post('', { operation_type: 'cycle', operation_id: current.operationId });
      this.promised.push(current);
      // Some logs become longer than what is kept of them.
      const batches = Math.floor(this.random() * 20);
      for (let batch = 0; batch < batches && !this.stopping.aborted; batch++)
        await this.record(current, batch);
      // The last one goes on running, and must never be removed.
      if (this.stopping.aborted) return;
      await this.post(`/${current.operationId}/result`, { result: 'done', event_id: 'result' });
      current.ended = true;
    }
  }

  private async record(current: Promised, batch: number): Promise<void> {
    const events = Array.from({ length: 1 + Math.floor(this.random() * 20) }, (_, n) => ({
      event_type: 'log',
      event_id: `${batch}-${n}`,
      data: { message: `${current.operationId} ${batch}-${n}` },
    }));
    const answer = await this.post(`/${current.operationId}/events`, events);
    current.head = (answer!.receipts as { seq: number }[]).at(-1)!.seq;
    this.acknowledged += events.length;
  }

  /** @returns undefined when the operation has ended and was removed, before its end was answered */
  private async post(path: string, body: unknown): Promise<Record<string, unknown> | undefined> {
    let tries = 0;
    for (;;) {
      const answer = await fetch(`${this.service.url}/api/operations${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
        .then(async (response) => ({ status: response.status, text: await response.text() }))
        .catch(() => undefined);
      if (answer && answer.status < 300) return JSON.parse(answer.text) as Record<string, unknown>;
      if (answer?.status === 404 && path.endsWith('/result')) return undefined;
      if (answer && answer.status !== 503 && answer.status !== 429)
        throw new Error(`${path}: ${answer.status} ${answer.text}`);
      if (answer === undefined && this.stopping.aborted && tries++ > MAX_TRIES) return undefined;
      await delay(RETRY_MS);
    }
  }
}

/** The whole of what is kept of an operation. */
async function logOf(url: string, operationId: string): Promise<{ first: number; events: SeenEvent[] }> {
  const response = await fetch(`${url}/api/operations/${operationId}/events?limit=1000`);
  expect([operationId, response.status]).toEqual([operationId, 200]);
  const { first_seq: first, events } = (await response.json()) as { events: SeenEvent[]; first_seq: number };
  return { first, events };
}

describe('kill -9 while the service works on its store', { timeout: TIMEOUT_MS }, () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  const random = seededRandom(seed);

  it(`${RETENTION_KILLS} kills while operations are removed and logs are trimmed`, async () => {
    const kept = { MAX_OPERATIONS: '24', MAX_EVENTS_PER_OPERATION: String(MAX_EVENTS) };
    // Lowered and raised, so that a start finds much to remove, and is killed while it does.
    const lowered = { MAX_OPERATIONS: '18', MAX_EVENTS_PER_OPERATION: '20' };
    const service = await ServiceProcess.start(kept);
    const stopping = new AbortController();
    try {
      const cycles = Array.from(
        { length: PRODUCERS },
        (_, n) => new Cycle(`p${n}`, service, random, stopping.signal),
      );
      const acknowledged = () => cycles.reduce((sum, cycle) => sum + cycle.acknowledged, 0);
      const producing = Promise.all(cycles.map((cycle) => cycle.run()));
      const follower = new HubFollower(service.url, null);
      await follower.connect();
      const findings: string[] = [];
      for (let kill = 0; kill < RETENTION_KILLS; kill++) {
        const from = acknowledged();
        await Promise.race([
          producing,
          expect.poll(() => acknowledged() - from, { timeout: 60_000 }).toBeGreaterThan(200 + random() * 800),
        ]);
        await delay(random() * 50);
        await service.kill();
        findings.push(...findingsOf(join(service.dataDir, 'opstream.db')));
        if (random() < 0.5) {
          const starting = service.restart(lowered).catch(() => {});
          await delay(300 + random() * 1000);
          await service.kill();
          await starting;
          findings.push(...findingsOf(join(service.dataDir, 'opstream.db')));
        }
        await service.restart(kept);
        await follower.connect();
      }
      stopping.abort();
      await producing;
      expect(findings).toEqual([]);
      await checkPromises(
        service.url,
        cycles.flatMap(({ promised }) => promised),
      );
      // Positions grow, whatever was removed and lost in between.
      const positions = follower.events.map(({ position }) => Number(position));
      expect(positions).toEqual([...new Set(positions)].toSorted((a, b) => a - b));
      await follower.cut();
      console.log(
        `retention: SEED=${seed}, ${RETENTION_KILLS} kills, ${acknowledged()} events acknowledged, ` +
          `${cycles.reduce((sum, { promised }) => sum + promised.length, 0)} operations`,
      );
    } finally {
      stopping.abort();
      await service.stop();
    }
  });

  /** What runs is there to its newest event; what ended is whole, but for its beginning, or gone. */
  async function checkPromises(url: string, promised: readonly Promised[]): Promise<void> {
    const { operations } = (await (await fetch(`${url}/api/operations?limit=200`)).json()) as {
      operations: { operation_id: string }[];
    };
    const kept = new Set(operations.map(({ operation_id: id }) => id));
    for (const { operationId, head, ended } of promised) {
      if (!kept.delete(operationId)) {
        expect([operationId, ended]).toEqual([operationId, true]);
        continue;
      }
      const { first, events } = await logOf(url, operationId);
      const seqs = events.map(({ seq }) => seq);
      expect(seqs).toEqual(seqs.map((_, index) => first + index));
      expect(seqs.at(-1)).toBeGreaterThanOrEqual(head);
      expect(seqs.length).toBeLessThanOrEqual(MAX_EVENTS + 2);
      expect(events.at(-1)!.event_type === 'completed').toBe(ended);
    }
    expect([...kept]).toEqual([]);
    expect(operations.length).toBeGreaterThanOrEqual(PRODUCERS);
  }

  it(`${MIGRATION_KILLS} kills while the schema of an older version is changed`, async () => {
    const operations = 20_000;
    const folder = mkdtempSync(join(tmpdir(), 'opstream-migration-'));
    const path = join(folder, 'opstream.db');
    const service = await ServiceProcess.start({ STORE: 'memory' });
    const env = { STORE: 'sqlite', DATA_DIR: folder, MAX_OPERATIONS: '1000000' };
    try {
      createFirstSchema(path, operations);
      await service.kill();
      let killed = 0;
      for (let kill = 0; kill < MIGRATION_KILLS; kill++) {
        const starting = service.restart(env).catch(() => {});
        await delay(200 + random() * 1200);
        await service.kill();
        await starting;
        killed++;
        expect(findingsOf(path)).toEqual([]);
      }
      await service.restart(env);
      const { total_operations: total } = (await (await fetch(`${service.url}/api/stats`)).json()) as {
        total_operations: number;
      };
      expect(total).toBe(operations);
      for (const id of ['old-1', `old-${operations / 2}`, `old-${operations}`]) {
        const log = await logOf(service.url, id);
        expect(log.events.map(({ event_type: type }) => type)).toEqual(['status', 'progress', 'log']);
      }
      await service.terminate();
      expect(findingsOf(path)).toEqual([]);
      // The way back: the file as the older version left it.
      expect(existsSync(`${path}.schema-1`)).toBe(true);
      expect(checkStore(`${path}.schema-1`, (finding) => expect.fail(finding))).toMatchObject({
        schema: 1,
        operations,
      });
      console.log(`migration: SEED=${seed}, ${killed} kills of ${operations} operations`);
    } finally {
      await service.stop();
      rmSync(folder, { recursive: true });
    }
  });
});

/** A store as the first version wrote it. */
function createFirstSchema(path: string, operations: number): void {
  const database = new Database(path);
  database.pragma('application_id = 0x4f505354');
  const schema = new URL('../../src/platform/sqlite/migrations/0001-operations.sql', import.meta.url);
  database.exec(readFileSync(schema, 'utf8'));
  database.exec("INSERT INTO tenants (name) VALUES ('default')");
  const addOperation = database.prepare(
    `INSERT INTO operations (tenant_no, operation_id, operation_type, pool, metadata, state, status, progress, message,
       started_at, updated_at, event_count, first_seq)
     VALUES (1, ?, 'build', 0, '{}', 'running', 'running', 0.5, 'half', 10, 12, 3, 1)`,
  );
  const addEvent = database.prepare(
    'INSERT INTO events (position, op, seq, type, timestamp, data) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const EVENTS = [
    ['status', 10, '{"status":"started"}'],
    ['progress', 11, '{"progress":0.5,"message":"half"}'],
    ['log', 12, '{"level":"info","message":"a line"}'],
  ] as const;
  database.transaction(() => {
    for (let op = 1; op <= operations; op++) {
      addOperation.run(`old-${op}`);
      EVENTS.forEach(([type, at, data], index) =>
        addEvent.run(TENANT_SPAN + (op - 1) * EVENTS.length + index + 1, op, index + 1, type, at, data),
      );
    }
  })();
  database.pragma('user_version = 1');
  database.pragma('journal_mode = WAL');
  database.close();
}
