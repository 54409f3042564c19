import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UnusableDatabaseError } from '../../platform/sqlite/inspect-database.js';
import { openDatabase } from '../../platform/sqlite/sqlite-database.js';
import { finish, line, opening, recording } from '../testing/store-fixture.contract.js';
import { checkStore } from './check-store.js';
import { SqliteOperationStore } from './sqlite-operation-store.js';

const RETENTION = { maxOperations: 1000, maxToolOperations: 10, maxEventsPerOperation: 100, maxAge: 0 };

let directory: string;
let path: string;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'opstream-check-'));
  path = join(directory, 'opstream.db');
  const store = new SqliteOperationStore(openDatabase(path, 'normal'), RETENTION);
  for (const tenant of ['default', 'other']) {
    for (const id of ['a', 'b', 'c']) {
      await store.append([opening(id, 'build', { of: id }, tenant)]);
      await store.append([recording(id, [line(`first of ${id}`, '1'), line(`second of ${id}`)], tenant)]);
    }
    await store.append([finish('a', tenant)]);
    await store.remove({ tenant, operationId: 'a' });
  }
  await store.close();
});
afterEach(() => rmSync(directory, { recursive: true }));

function findings(): string[] {
  const found: string[] = [];
  const { problems } = checkStore(path, (finding) => found.push(finding));
  expect(problems).toBe(found.length);
  return found;
}

function change(sql: string): void {
  const database = new Database(path);
  database.exec(sql);
  database.close();
}

/** Flips a bit of the file where some text is stored. */
function flipIn(text: string): void {
  const bytes = readFileSync(path);
  const at = bytes.indexOf(text);
  expect(at).toBeGreaterThan(0);
  bytes[at + 2]! ^= 1;
  writeFileSync(path, bytes);
}

describe('checkStore', () => {
  it('says what a sound store holds, and leaves it as it is', () => {
    const before = readFileSync(path);
    const report = checkStore(path, (finding) => expect.fail(finding));
    expect(report).toMatchObject({
      path,
      schema: expect.any(Number),
      operations: 4,
      events: 12,
      problems: 0,
    });
    expect(report.log).toMatch(/^[0-9a-f]{10}\.\d+$/);
    expect(Object.fromEntries(report.marks)).toEqual({ default: 11, other: 11 });
    expect(readFileSync(path)).toEqual(before);
  });

  it.each([
    ['text of an event', () => flipIn('first of b'), /event 2 of operation b is damaged/],
    [
      'a time',
      () => change('UPDATE events SET timestamp = timestamp + 1 WHERE op = 2 AND seq = 3'),
      /event 3 of operation b/,
    ],
    [
      'a type',
      () => change("UPDATE events SET type = 'status' WHERE op = 2 AND seq = 3"),
      /event 3 of operation b/,
    ],
    [
      'metadata',
      () => change(`UPDATE operations SET metadata = '{"of":"x"}' WHERE op = 2`),
      /metadata of operation b/,
    ],
    [
      'metadata that is no JSON',
      () => change("UPDATE operations SET metadata = '{' WHERE op = 2"),
      /metadata of operation b/,
    ],
    [
      'an operation type',
      () => change("UPDATE operations SET operation_type = 'x' WHERE op = 2"),
      /metadata of operation b/,
    ],
    [
      'a lost event',
      () => change('DELETE FROM events WHERE op = 2 AND seq = 2'),
      /events 1 to 3 of operation b are not all there: 2/,
    ],
    [
      'a lost beginning',
      () => change('DELETE FROM events WHERE op = 2 AND seq = 1'),
      /events 1 to 3 of operation b/,
    ],
    ['a lost log', () => change('DELETE FROM events WHERE op = 2'), /operation b has lost its events/],
    [
      'counters',
      () => change("UPDATE tenants SET running = 7 WHERE name = 'other'"),
      /counters of tenant other/,
    ],
    [
      'a lost tenant',
      () => change("DELETE FROM tenants WHERE name = 'other'"),
      /operation b belongs to no tenant/,
    ],
    ['the identity', () => change('DELETE FROM log_identity'), /identity of the log is missing/],
    [
      'an epoch',
      () => change('INSERT INTO epochs VALUES (1, 1, 999)'),
      /epoch \d+ of tenant number 1 is not in order/,
    ],
    [
      'an outcome',
      () =>
        change(
          `UPDATE operations SET outcome = '{"result":1}', outcome_crc = 5, state = 'completed' WHERE op = 2`,
        ),
      /outcome of operation b/,
    ],
  ] as const)('names damage of %s', (_what, damage, expected) => {
    damage();
    expect(findings().filter((finding) => expected.test(finding))).not.toEqual([]);
  });

  it('goes on behind pages that cannot be read, and names the operations that are left', () => {
    const bytes = readFileSync(path);
    const pageSize = bytes.readUInt16BE(16);
    // The tree of the table is destroyed; the schema and what is in front of it are not.
    const root = new Database(path, { readonly: true });
    const page = root
      .prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'events'")
      .pluck()
      .get() as number;
    root.close();
    bytes.fill(0xa5, (page - 1) * pageSize, page * pageSize);
    writeFileSync(path, bytes);
    const found = findings();
    expect(found.filter((finding) => /the events cannot be read to the end/.test(finding))).toHaveLength(1);
  });

  it('reads a store beside whoever writes it, and what only the write-ahead log has', async () => {
    const store = new SqliteOperationStore(openDatabase(path, 'normal'), RETENTION);
    await store.append([opening('late')]);
    expect(checkStore(path, (finding) => expect.fail(finding))).toMatchObject({ operations: 5, events: 13 });
    await store.close();
  });

  it.each([
    ['a text', 'Dear diary, today I learned about SQLite.'.repeat(10)],
    ['nothing', ''],
  ])('refuses %s', (_what, text) => {
    writeFileSync(path, text);
    expect(() => checkStore(path, () => {})).toThrow(UnusableDatabaseError);
  });

  it('refuses a newer store', () => {
    change('PRAGMA user_version = 4711');
    expect(() => checkStore(path, () => {})).toThrow(/newer version/);
  });

  it('counts in files of before there were checksums', () => {
    rmSync(path);
    const first = new Database(path);
    first.pragma('application_id = 0x4f505354');
    first.exec(
      readFileSync(new URL('../../platform/sqlite/migrations/0001-operations.sql', import.meta.url), 'utf8'),
    );
    first.pragma('user_version = 1');
    first.close();
    expect(checkStore(path, () => {})).toMatchObject({ schema: 1, operations: 0, log: null, problems: 0 });
  });
});
