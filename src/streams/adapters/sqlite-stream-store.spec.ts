import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { expect, it } from 'vitest';
import { openDatabase } from '../../platform/sqlite/sqlite-database.js';
import { isKnown } from '../offset.js';
import type { StreamLimits } from '../quota.js';
import { describeStreamStore } from '../testing/stream-store.contract.js';
import { SqliteStreamStore } from './sqlite-stream-store.js';

const LIMITS: StreamLimits = {
  maxStreamBytes: 1e6,
  maxTenantBytes: 1e6,
  maxTotalBytes: 1e6,
  maxStreamsPerTenant: 100,
};
let directory: string;
let database: Database;
let limits: StreamLimits;

function open(isNewEpoch = false): SqliteStreamStore {
  database = openDatabase(join(directory, 'opstream.db'), 'normal');
  return new SqliteStreamStore(database, limits, isNewEpoch);
}

const fixture = {
  open: (given: StreamLimits) => {
    directory = mkdtempSync(join(tmpdir(), 'opstream-streams-'));
    limits = given;
    return open();
  },
  reopen: (isNewEpoch = false) => {
    database.close();
    return open(isNewEpoch);
  },
  dispose: () => {
    database.close();
    rmSync(directory, { recursive: true });
  },
};

describeStreamStore('SQLite', fixture);

it('SQLite: after a loss, positions that were given out beyond what is left are not known any more', async () => {
  let store = fixture.open(LIMITS);
  const append = (data: string) =>
    store.write(
      [
        {
          kind: 'append',
          tenant: 'a',
          path: 's',
          append: { contentType: 'text/plain', length: 1, close: false, streamSeq: null, producer: null },
          pieces: [{ length: data.length, data: Buffer.from(data) }],
        },
      ],
      0,
    );
  const lifetime = { ttlSeconds: null, expiresAt: null };
  const create = { kind: 'create', tenant: 'a', path: 's', contentType: 'text/plain', lifetime } as const;
  await store.write(
    [{ ...create, closed: false, isPublic: false, pieces: [], fork: null, operationId: null }],
    0,
  );
  await append('abc');
  const [[generation]] = (await store.find('a', 's'))!.generations as unknown as [[string, number]];
  store = fixture.reopen(true);
  await append('other');
  const { generations } = (await store.find('a', 's'))!;
  expect(generations).toHaveLength(2);
  expect(isKnown(generations, { generation, position: 3 })).toBe(true);
  expect(isKnown(generations, { generation, position: 5 })).toBe(false);
  expect(isKnown(generations, { generation: generations[1]![0], position: 5 })).toBe(true);
  for (let starts = 0; starts < 40; starts++) {
    store = fixture.reopen(true);
    await append('x');
  }
  const late = (await store.find('a', 's'))!;
  expect(late.generations).toHaveLength(32);
  expect(late.generations[0]![1]).toBe(0);
  fixture.dispose();
});
