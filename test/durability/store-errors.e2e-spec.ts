import Database from 'better-sqlite3';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OperationStore } from '../../src/operations/operation-store.js';
import { HubClient } from '../harness/hub-client.js';
import { RunningService } from '../harness/running-service.js';
import { SseClient } from '../harness/sse-client.js';

/** The store's connection, to make the engine itself fail. */
interface Inside {
  readonly database: Database.Database;
  readonly sql: { readonly commit: { run(): unknown } };
}

/** A way in which the engine fails, until it is ended. */
interface Fault {
  /** @returns ends it */
  readonly begin: (inside: Inside, path: string) => () => void;
  readonly status: number;
  readonly code: string;
  /** Whether the refusal says that the event may nevertheless be recorded. */
  readonly isUnknown?: boolean;
}

function pragma(name: string, bad: number, good: number): Fault['begin'] {
  return ({ database }) => {
    database.pragma(`${name} = ${bad}`);
    return () => database.pragma(`${name} = ${good}`);
  };
}

/** Makes every commit fail, as a disk that cannot sync does; nothing else of the engine is replaced. */
function failingCommit(code: string): Fault['begin'] {
  return ({ sql }) => {
    const statement = sql.commit;
    const run = statement.run.bind(statement);
    statement.run = () => {
      throw new Database.SqliteError('disk I/O error', code);
    };
    return () => void (statement.run = run);
  };
}

const FAULTS: Readonly<Record<string, Fault>> = {
  'SQLITE_FULL: the database may not grow': {
    begin: pragma('max_page_count', 1, 2 ** 31),
    status: 507,
    code: 'storage_full',
  },
  'SQLITE_READONLY: the database may not be written': {
    begin: pragma('query_only', 1, 0),
    status: 503,
    code: 'store_unavailable',
  },
  'SQLITE_BUSY: another program holds the write lock': {
    begin: (_inside, path) => {
      const other = new Database(path);
      other.exec('BEGIN IMMEDIATE');
      return () => void other.close();
    },
    status: 503,
    code: 'store_unavailable',
  },
  'SQLITE_IOERR_FSYNC: the commit fails': {
    begin: failingCommit('SQLITE_IOERR_FSYNC'),
    status: 503,
    code: 'store_unavailable',
    isUnknown: true,
  },
  'SQLITE_IOERR_WRITE: the write-ahead log fails': {
    begin: failingCommit('SQLITE_IOERR_WRITE'),
    status: 503,
    code: 'store_unavailable',
    isUnknown: true,
  },
};

describe.each(Object.entries(FAULTS))(
  'the store fails with %s',
  (_name, { begin, status, code, isUnknown }) => {
    let dataDir: string;
    let service: RunningService;

    beforeEach(async () => {
      dataDir = mkdtempSync(join(tmpdir(), 'opstream-errors-'));
      service = await RunningService.start({ DATA_DIR: dataDir });
      await service.rest.post('/api/operations', { operation_type: 't', operation_id: 'job' });
    });
    afterEach(async () => {
      await service.stop();
      rmSync(dataDir, { recursive: true });
    });

    const large = 'x'.repeat(20_000);
    const append = (message: string) =>
      service.rest.post('/api/operations/job/log', { message: `${message} ${large}`, event_id: message });
    const errors = async () => {
      const { text } = await service.rest.get('/metrics');
      return Number(
        new RegExp(`^opstream_store_errors_total\\{code="${code}"\\} (\\d+)`, 'm').exec(text)?.[1] ?? 0,
      );
    };
    const readiness = async () => {
      const { status: answered, body } = await service.rest.get('/health/ready');
      return { status: answered, text: JSON.stringify(body) };
    };
    const recorded = async () => {
      const { body } = await service.rest.get<{ events: { data: { message: string } }[] }>(
        '/api/operations/job/events?limit=1000&after_seq=1',
      );
      return body.events.map(({ data }) => data.message.split(' ')[0]!);
    };

    it('refuses on every face, says so, serves readers, and recovers by itself', async () => {
      const hub = await service.hub();
      await hub.subscribe('job', { after_seq: 1 });
      const sse = await SseClient.open(`${service.http}/api/operations/job/stream?after_seq=1`);
      const acknowledged = ['before'];
      expect((await append('before')).status).toBe(201);
      const path = join(dataDir, 'opstream.db');
      const end = begin(service.get(OperationStore) as unknown as Inside, path);
      try {
        const refused = await append('refused');
        expect(refused).toMatchObject({ status, body: { code } });
        expect(refused.body.outcome === 'unknown').toBe(isUnknown === true);
        const batch = Array.from({ length: 3 }, (_, n) => ({
          event_type: 'log',
          data: { message: `batch-${n} ${large}` },
        }));
        expect(await service.rest.post('/api/operations/job/events', batch)).toMatchObject({
          status,
          body: { code },
        });
        const data = { message: `hub ${large}` };
        const other = await HubClient.connect(`${service.ws}/hub`);
        expect(
          await other.request({ command: 'emit', operation_id: 'job', event_type: 'log', data }),
        ).toMatchObject({ data: { code } });
        other.terminate();
        expect(await errors()).toBeGreaterThanOrEqual(3);
        const { status: ready, text } = await readiness();
        expect([ready, text.includes('store')]).toEqual([503, true]);
        expect(JSON.stringify((await service.rest.get('/health/details')).body)).toContain(code);
        expect((await service.rest.get('/health/live')).status).toBe(200);
        // What is recorded is served as ever, and nobody was shown what was refused.
        expect(await recorded()).toEqual(acknowledged);
      } finally {
        end();
      }

      await expect.poll(async () => (await readiness()).status, { timeout: 15_000 }).toBe(200);
      for (const message of ['refused', 'after']) {
        const answer = await append(message);
        expect(answer.status).toBe(201);
        acknowledged.push(message);
      }
      expect(await recorded()).toEqual(acknowledged);
      const firstWord = (data: unknown) => (data as { message: string }).message.split(' ')[0];
      const seen = await hub.take(acknowledged.length);
      expect(seen.map(({ data }) => firstWord(data))).toEqual(acknowledged);
      const streamed = await sse.take(acknowledged.length);
      expect(streamed.map(({ data }) => firstWord(data.data))).toEqual(acknowledged);
      sse.close();
    });

    it('keeps what it acknowledged, and nothing else, over a restart', async () => {
      await append('before');
      const end = begin(service.get(OperationStore) as unknown as Inside, join(dataDir, 'opstream.db'));
      try {
        expect((await append('refused')).status).toBe(status);
      } finally {
        end();
      }
      await service.stop();
      service = await RunningService.start({ DATA_DIR: dataDir });
      expect(await recorded()).toEqual(['before']);
      expect((await append('refused')).status).toBe(201);
      expect(await recorded()).toEqual(['before', 'refused']);
    });
  },
);
