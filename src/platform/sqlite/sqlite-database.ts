import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { DatabaseLock } from './database-lock.js';

/** `normal` survives a crash of the process; `full` also survives power loss, at the price of a sync per commit. */
export type Durability = 'normal' | 'full';

/** "OPST": marks a database file as ours. */
const APPLICATION_ID = 0x4f505354;
const HEADER_BYTES = 100;
/** Checking every page of a larger file would delay the start noticeably; it gets a check of its schema alone. */
const FULL_CHECK_BYTES = 512 * 1024 * 1024;
const MIGRATIONS = fileURLToPath(new URL('./migrations/', import.meta.url));

/** The service must not start on this file; the message says why and what to do. Nothing was written to it. */
export class UnusableDatabaseError extends Error {
  override readonly name = 'UnusableDatabaseError';
}

/**
 * Opens (or creates) the database, owned by this process alone until it is closed.
 * @throws UnusableDatabaseError when the file is foreign, corrupt, newer than this version or in use
 */
export function openDatabase(path: string, durability: Durability): Database.Database {
  const migrations = readdirSync(MIGRATIONS)
    .filter((name) => name.endsWith('.sql'))
    .sort();
  let database: Database.Database | undefined;
  let lock: DatabaseLock | undefined;
  try {
    const stored = path !== ':memory:';
    if (stored) {
      makeFolder(dirname(path));
      if (existsSync(path) && statSync(path).isDirectory()) throw new UnusableDatabaseError(isFolder(path));
      // Before the file is touched: looking at it would end the locks of a holder in this process.
      lock = new DatabaseLock(path);
      if (existsSync(path) && statSync(path).size > 0) inspect(path, migrations.length);
      // Whoever may read the file may read every tenant's log; SQLite's side files get the same mode.
      else closeSync(openSync(path, 'a', 0o600));
    }
    database = new Database(path, { timeout: 1000 });
    refuseNewer(path, database, migrations.length);
    const version = database.pragma('user_version', { simple: true }) as number;
    if (version === 0) database.pragma(`application_id = ${APPLICATION_ID}`);
    database.pragma('journal_mode = WAL');
    database.pragma(`synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'}`);
    database.pragma('temp_store = MEMORY');
    if (version > 0 && version < migrations.length && stored) keepCopy(path, database, version);
    migrate(database, migrations);
    tryWriting(database);
    return lock ? releasing(database, lock) : database;
  } catch (thrown) {
    database?.close();
    lock?.release();
    throw unusable(path, thrown);
  }
}

/** Lets the lock go when the database is closed, and not before. */
function releasing(database: Database.Database, lock: DatabaseLock): Database.Database {
  const close = database.close.bind(database);
  database.close = () => {
    close();
    lock.release();
    return database;
  };
  return database;
}

/** The way back: what the file was before its schema was changed. Copies of other versions are left alone. */
function keepCopy(path: string, database: Database.Database, version: number): void {
  const copy = `${path}.schema-${version}`;
  if (existsSync(copy)) return;
  const partial = `${copy}.partial`;
  rmSync(partial, { force: true });
  closeSync(openSync(partial, 'wx', 0o600));
  database.prepare('VACUUM INTO ?').run(partial);
  renameSync(partial, copy);
}

/**
 * Refuses a file that can be read but not written, before the service says that it is up. A full disk is none: the
 * service can still be read, and made room in.
 */
function tryWriting(database: Database.Database): void {
  const version = database.pragma('user_version', { simple: true }) as number;
  try {
    database.transaction(() => database.pragma(`user_version = ${version}`)).immediate();
  } catch (thrown) {
    if (
      !isOutOfSpace(thrown) &&
      !(thrown instanceof Database.SqliteError && thrown.code === 'SQLITE_IOERR_WRITE')
    ) {
      throw thrown;
    }
  }
}

/** Where the system refuses with ENOENT although the parent exists (`/proc`), Node's recursive form never returns. */
function makeFolder(folder: string): void {
  if (!existsSync(folder)) mkdirSync(folder, { recursive: !existsSync(dirname(folder)), mode: 0o700 });
}

/** Looks at the file without changing it: the header by hand, the pages through a connection that only reads. */
function inspect(path: string, knownVersion: number): void {
  const header = readHeader(path);
  if (header.toString('latin1', 0, 15) !== 'SQLite format 3') {
    throw new UnusableDatabaseError(
      `${path} is not a SQLite database. Move it away or choose another DATA_DIR.`,
    );
  }
  if (header.readUInt32BE(68) !== APPLICATION_ID) {
    throw new UnusableDatabaseError(`${path} is a database of another program. Choose another DATA_DIR.`);
  }
  let database: Database.Database | undefined;
  try {
    // Closing a read-only connection leaves its empty side files behind; closing another one takes them away, but
    // would also write back the log that a killed process left.
    database = new Database(path, { readonly: existsSync(`${path}-wal`), timeout: 1000 });
    database.pragma('query_only = ON');
    refuseNewer(path, database, knownVersion);
    const small = statSync(path).size <= FULL_CHECK_BYTES;
    const verdict = small ? database.pragma('quick_check(1)', { simple: true }) : checkSchema(database);
    if (verdict !== 'ok') throw new UnusableDatabaseError(corrupt(path, String(verdict)));
  } catch (thrown) {
    // A full disk has no room for the index this look at a killed process's log needs; the owner of the file needs
    // none, and the service can still be read and, once there is space, written.
    if (!isOutOfSpace(thrown)) throw thrown;
  } finally {
    database?.close();
  }
}

function isOutOfSpace(thrown: unknown): boolean {
  return (
    thrown instanceof Database.SqliteError &&
    (thrown.code === 'SQLITE_FULL' || thrown.code.startsWith('SQLITE_IOERR_SHM'))
  );
}

function refuseNewer(path: string, database: Database.Database, knownVersion: number): void {
  const version = database.pragma('user_version', { simple: true }) as number;
  if (version > knownVersion) {
    throw new UnusableDatabaseError(
      `${path} was written by a newer version of Opstream (schema ${version}).`,
    );
  }
}

function readHeader(path: string): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  const file = openSync(path, 'r');
  try {
    readSync(file, header, 0, HEADER_BYTES, 0);
  } finally {
    closeSync(file);
  }
  return header;
}

function checkSchema(database: Database.Database): string {
  database.prepare('SELECT count(*) FROM sqlite_schema').get();
  return 'ok';
}

function unusable(path: string, thrown: unknown): unknown {
  if (!(thrown instanceof Error) || !('code' in thrown) || typeof thrown.code !== 'string') return thrown;
  if (thrown.code.startsWith('SQLITE_BUSY') || thrown.code.startsWith('SQLITE_LOCKED')) {
    return new UnusableDatabaseError(
      `${path} is in use by another process, probably another Opstream on this DATA_DIR.`,
    );
  }
  if (thrown.code.startsWith('SQLITE_CORRUPT') || thrown.code === 'SQLITE_NOTADB') {
    return new UnusableDatabaseError(corrupt(path, thrown.message));
  }
  const reason = thrown.message.includes(thrown.code) ? thrown.message : `${thrown.message} (${thrown.code})`;
  return new UnusableDatabaseError(`${path} cannot be opened: ${reason}. Check DATA_DIR.`);
}

function isFolder(path: string): string {
  return `${path} cannot be opened: it is a folder. Check DATA_DIR.`;
}

function corrupt(path: string, detail: string): string {
  return `${path} is corrupt (${detail}). Restore it from a backup or move it away to start empty.`;
}

/** Numbered files, each in a transaction of its own; `user_version` counts those applied. */
function migrate(database: Database.Database, files: readonly string[]): void {
  const applied = database.pragma('user_version', { simple: true }) as number;
  files.slice(applied).forEach((file, index) => {
    const sql = readFileSync(join(MIGRATIONS, file), 'utf8');
    database.transaction(() => {
      database.exec(sql);
      database.pragma(`user_version = ${applied + index + 1}`);
    })();
  });
}
