import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UnusableDatabaseError } from './inspect-database.js';
import { openDatabase } from './sqlite-database.js';

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'opstream-database-'));
  path = join(directory, 'opstream.db');
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Every file of the directory with a digest of its bytes. */
const contents = () =>
  Object.fromEntries(
    // What the lock lies on holds nothing.
    readdirSync(directory, { withFileTypes: true })
      .filter(({ name }) => !name.endsWith('.lock'))
      .map((entry) => [
        entry.name,
        entry.isFile() ? digest(readFileSync(join(directory, entry.name))) : 'a folder',
      ]),
  );
const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** Opens, expects the refusal, and that not a byte and not a file of the directory changed. */
function expectRefusal(why: RegExp): void {
  const before = contents();
  let thrown: unknown;
  try {
    openDatabase(path, 'normal').close();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(UnusableDatabaseError);
  expect((thrown as Error).message).toMatch(why);
  expect((thrown as Error).message).toContain(path);
  // SQLite's index of a write-ahead log that was there before is no part of the data.
  const index = `${basename(path)}-shm`;
  expect({ ...contents(), [index]: '' }).toEqual({ ...before, [index]: '' });
}

/** A database of ours with enough rows to have many pages. */
function createOurs(): void {
  const database = openDatabase(path, 'normal');
  const add = database.prepare(
    "INSERT INTO events (position, op, seq, type, timestamp, data) VALUES (?, 1, ?, 'log', 1, ?)",
  );
  database.transaction(() => {
    for (let n = 1; n <= 2000; n++) add.run(n, n, JSON.stringify({ message: 'x'.repeat(200) }));
  })();
  database.close();
}

/** Overwrites part of the file. */
function damage(offset: number, bytes: Buffer): void {
  const file = readFileSync(path);
  bytes.copy(file, offset);
  writeFileSync(path, file);
}

describe('openDatabase', () => {
  it('creates the folder and the file, and opens it again with what it held', () => {
    path = join(directory, 'deep', 'er', 'opstream.db');
    createOurs();
    const again = openDatabase(path, 'full');
    expect(again.prepare('SELECT count(*) AS n FROM events').get()).toEqual({ n: 2000 });
    expect(again.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(again.pragma('synchronous', { simple: true })).toBe(2);
    again.close();
  });

  it('starts on an empty file as on none', () => {
    writeFileSync(path, '');
    openDatabase(path, 'normal').close();
  });

  it('takes over what a killed process left in the write-ahead log', () => {
    createOurs();
    const database = openDatabase(path, 'normal');
    database.exec("INSERT INTO tenants (name) VALUES ('late')");
    const crashed = join(directory, 'crashed.db');
    writeFileSync(crashed, readFileSync(path));
    writeFileSync(`${crashed}-wal`, readFileSync(`${path}-wal`));
    database.close();
    path = crashed;
    const recovered = openDatabase(path, 'normal');
    expect(recovered.prepare('SELECT name FROM tenants').all()).toEqual([{ name: 'late' }]);
    recovered.close();
  });

  it.each([
    ['a text file', Buffer.from('Dear diary, today I learned about SQLite.\n'.repeat(50))],
    ['a short text file', Buffer.from('hello')],
    ['zeros', Buffer.alloc(8192)],
    ['an image', Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(5000, 7)])],
  ])('refuses %s', (_what, bytes) => {
    writeFileSync(path, bytes);
    expectRefusal(/is not a SQLite database/);
  });

  it.each(['delete', 'wal'])('refuses a database of another program (journal mode %s)', (mode) => {
    const foreign = new Database(path);
    foreign.pragma(`journal_mode = ${mode}`);
    foreign.exec('CREATE TABLE events (id INTEGER); INSERT INTO events VALUES (1)');
    foreign.close();
    expectRefusal(/database of another program/);
  });

  it('refuses a database of another program that left a write-ahead log behind', () => {
    const foreign = new Database(join(directory, 'theirs.db'));
    foreign.pragma('journal_mode = WAL');
    foreign.exec('CREATE TABLE t (id INTEGER)');
    writeFileSync(path, readFileSync(join(directory, 'theirs.db')));
    writeFileSync(`${path}-wal`, readFileSync(join(directory, 'theirs.db-wal')));
    foreign.close();
    expectRefusal(/database of another program|is not a SQLite database/);
  });

  it('refuses a schema of a newer version', () => {
    createOurs();
    const newer = new Database(path);
    newer.pragma('user_version = 4711');
    newer.close();
    expectRefusal(/newer version of Opstream \(schema 4711\)/);
  });

  it('refuses a file that was cut short', () => {
    createOurs();
    writeFileSync(path, readFileSync(path).subarray(0, statSync(path).size - 5 * 4096));
    expectRefusal(/is corrupt/);
  });

  it('refuses a file with destroyed pages', () => {
    createOurs();
    const size = statSync(path).size;
    damage(Math.floor(size / 8192) * 4096, Buffer.alloc(3 * 4096, 0xa5));
    expectRefusal(/is corrupt/);
  });

  it('refuses a damaged file that a killed process left with a write-ahead log, and leaves both', () => {
    createOurs();
    const database = openDatabase(path, 'normal');
    database.exec("INSERT INTO tenants (name) VALUES ('late')");
    const crashed = join(directory, 'crashed.db');
    writeFileSync(crashed, readFileSync(path));
    writeFileSync(`${crashed}-wal`, readFileSync(`${path}-wal`));
    database.close();
    path = crashed;
    damage(Math.floor(statSync(path).size / 8192) * 4096, Buffer.alloc(3 * 4096, 0xa5));
    expectRefusal(/is corrupt/);
  });

  it('refuses a file whose schema page is destroyed', () => {
    createOurs();
    damage(100, Buffer.alloc(3900, 0xff));
    expectRefusal(/is corrupt/);
  });

  it('refuses a folder in the place of the file', () => {
    mkdirSync(path);
    expectRefusal(/cannot be opened/);
  });

  it('refuses a folder that cannot be made, because a file is in its place', () => {
    writeFileSync(join(directory, 'file'), '');
    path = join(directory, 'file', 'opstream.db');
    expectRefusal(/cannot be opened/);
  });

  it('refuses a file in use by this process', () => {
    createOurs();
    const owner = openDatabase(path, 'normal');
    expectRefusal(/in use by another process/);
    owner.close();
    openDatabase(path, 'normal').close();
  });

  it('refuses a file in use by another process, until that one is gone', async () => {
    createOurs();
    const program = `
      const database = require('better-sqlite3')(process.argv[1]);
      database.pragma('locking_mode = EXCLUSIVE');
      database.exec("INSERT INTO tenants (name) VALUES ('theirs')");
      console.log('owning');
      setInterval(() => {}, 1000);`;
    const owner = spawn(process.execPath, ['-e', program, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(owner.stdout, 'data');
      expectRefusal(/in use by another process/);
    } finally {
      owner.kill('SIGKILL');
      await once(owner, 'exit');
    }
    const database = openDatabase(path, 'normal');
    expect(database.prepare('SELECT name FROM tenants').all()).toEqual([{ name: 'theirs' }]);
    database.close();
  });

  it('lets other programs read and copy while it is open', () => {
    const owner = openDatabase(path, 'normal');
    owner.exec("INSERT INTO tenants (name) VALUES ('ours')");
    const reader = new Database(path, { readonly: true });
    reader.exec(`VACUUM INTO '${join(directory, 'copy.db')}'`);
    reader.close();
    owner.close();
    const copy = new Database(join(directory, 'copy.db'));
    expect(copy.prepare('SELECT name FROM tenants').pluck().all()).toEqual(['ours']);
    copy.close();
  });
});
