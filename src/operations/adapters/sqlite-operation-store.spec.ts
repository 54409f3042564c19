import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import { openDatabase } from '../../platform/sqlite/sqlite-database.js';
import { describeOperationStore } from '../testing/operation-store.contract.js';
import { SqliteOperationStore } from './sqlite-operation-store.js';
import { prepareStatements } from './sqlite-statements.js';

describeOperationStore({ name: 'SQLite', durable: true }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'opstream-store-'));
  return {
    open: async (retention) =>
      new SqliteOperationStore(openDatabase(join(directory, 'opstream.db'), 'normal'), retention),
    cleanUp: async () => rmSync(directory, { recursive: true }),
  };
});

it('takes over a file whose operations carry what their newest event tells', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'opstream-store-'));
  const path = join(directory, 'opstream.db');
  const first = new Database(path);
  first.pragma('application_id = 0x4f505354');
  first.exec(
    readFileSync(new URL('../../platform/sqlite/migrations/0001-operations.sql', import.meta.url), 'utf8'),
  );
  first.exec(`
    INSERT INTO tenants (name) VALUES ('default');
    INSERT INTO operations (tenant_no, operation_id, operation_type, pool, metadata, state, status, progress, message,
      started_at, updated_at, event_count, first_seq)
    VALUES (1, 'a', 'build', 0, '{}', 'running', 'running', 0.5, 'half', 10, 12, 2, 1);
    INSERT INTO events (position, op, seq, type, timestamp, data) VALUES
      (${2 ** 36} + 1, 1, 1, 'status', 10, '{"status":"started"}'),
      (${2 ** 36} + 2, 1, 2, 'progress', 12, '{"progress":0.5,"message":"half"}')`);
  first.pragma('user_version = 1');
  first.close();
  const retention = { maxOperations: 10, maxToolOperations: 10, maxEventsPerOperation: 100, maxAge: 0 };
  const store = new SqliteOperationStore(openDatabase(path, 'normal'), retention);
  const known = { operationId: 'a', progress: 0.5, message: 'half', updatedAt: 12, eventCount: 2 };
  expect(await store.get({ tenant: 'default', operationId: 'a' })).toMatchObject(known);
  expect((await store.list('default', { limit: 10 })).operations).toMatchObject([known]);
  expect(await store.readTenant('default', 0, { limit: 10, maxBytes: 1000 })).toMatchObject({ head: 2 });
  await store.close();
  rmSync(directory, { recursive: true });
});

/** Statements that may look at all of a table, each for a reason. */
const MAY_SCAN: readonly string[] = [
  // Once at the start and after a failed write.
  'countsOfAll',
  // One row.
  'identity',
  'beginEpoch',
  // What waits to be deleted, the first of it.
  'orphan',
  // One row for each table with a sequence.
  'lastNumber',
  // Once at the start: what an earlier process left, all of which is shown.
  'unfinished',
];

// A subquery is a range of an index, limited to a number of rows.
it('no statement looks at rows that it does not return, or sorts: the cost does not grow with the store', () => {
  const database = openDatabase(':memory:', 'normal');
  const statements = Object.entries(prepareStatements(database));
  const growing = statements
    .filter(([, { source }]) => !/^(BEGIN|COMMIT|ROLLBACK)/.test(source))
    .flatMap(([name, { source }]) => {
      const parameters = Object.fromEntries(
        [...source.matchAll(/[:@]([A-Za-z]+)/g)].map(([, each]) => [each!, 1]),
      );
      const positional = Array.from(source.matchAll(/\?/g), () => 1);
      const explain = database.prepare(`EXPLAIN QUERY PLAN ${source}`);
      const plan = (positional.length > 0 ? explain.all(...positional) : explain.all(parameters)) as {
        detail: string;
      }[];
      return plan
        .filter(({ detail }) => /^SCAN (?!\d+ CONSTANT|\(subquery)|TEMP B-TREE/.test(detail))
        .map(({ detail }) => `${name}: ${detail}`);
    });
  expect(growing.filter((line) => !MAY_SCAN.some((name) => line.startsWith(`${name}:`)))).toEqual([]);
  database.close();
});
