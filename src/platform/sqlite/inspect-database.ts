import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';

/** "OPST": marks a database file as ours. */
export const APPLICATION_ID = 0x4f505354;
const HEADER_BYTES = 100;
/** Checking every page of a larger file would delay the start noticeably; only its schema is checked. */
const FULL_CHECK_BYTES = 512 * 1024 * 1024;
export const MIGRATIONS = fileURLToPath(new URL('./migrations/', import.meta.url));

/** The file cannot be used; the message says why and what to do. Nothing was written to it. */
export class UnusableDatabaseError extends Error {
  override readonly name = 'UnusableDatabaseError';
}

/** Schema migrations in order; `user_version` counts those applied. */
export function migrationFiles(): readonly string[] {
  return readdirSync(MIGRATIONS)
    .filter((name) => name.endsWith('.sql'))
    .sort();
}

/** Inspects the file without changing it. @throws UnusableDatabaseError */
export function inspect(path: string): void {
  let database: Database.Database | undefined;
  try {
    database = openToInspect(path);
    const small = statSync(path).size <= FULL_CHECK_BYTES;
    const verdict = small ? database.pragma('quick_check(1)', { simple: true }) : checkSchema(database);
    if (verdict !== 'ok') throw new UnusableDatabaseError(corrupt(path, String(verdict)));
  } catch (thrown) {
    // A full disk has no space for the index that reading a killed process's log requires. The service can open the
    // file all the same, serve reads, and write again once there is space.
    if (!isOutOfSpace(thrown)) throw thrown;
  } finally {
    database?.close();
  }
}

/**
 * A read-only connection: the header was read directly, and pages can be read while another process writes.
 * @throws UnusableDatabaseError when the file is foreign or newer than this version
 */
export function openToInspect(path: string): Database.Database {
  const header = readHeader(path);
  if (header.toString('latin1', 0, 15) !== 'SQLite format 3') {
    throw new UnusableDatabaseError(
      `${path} is not a SQLite database. Move it away or choose another DATA_DIR.`,
    );
  }
  if (header.readUInt32BE(68) !== APPLICATION_ID) {
    throw new UnusableDatabaseError(`${path} is a database of another program. Choose another DATA_DIR.`);
  }
  // Closing a read-only connection leaves its empty side files behind. Closing a writable one removes them, but would
  // also checkpoint the log of a killed process.
  const database = new Database(path, { readonly: existsSync(`${path}-wal`), timeout: 1000 });
  try {
    database.pragma('query_only = ON');
    refuseNewer(path, database);
    return database;
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

export function refuseNewer(path: string, database: Database.Database): void {
  const version = database.pragma('user_version', { simple: true }) as number;
  if (version > migrationFiles().length) {
    throw new UnusableDatabaseError(
      `${path} was written by a newer version of Opstream (schema ${version}).`,
    );
  }
}

export function isOutOfSpace(thrown: unknown): boolean {
  return (
    thrown instanceof Database.SqliteError &&
    (thrown.code === 'SQLITE_FULL' || thrown.code.startsWith('SQLITE_IOERR_SHM'))
  );
}

/** Translates an engine error; any other error is returned unchanged. */
export function unusable(path: string, thrown: unknown): unknown {
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

function corrupt(path: string, detail: string): string {
  const leftOver = existsSync(`${path}-wal`)
    ? ` If ${path}-wal belongs to another copy of the database, move it away.`
    : '';
  return `${path} is corrupt (${detail}). Restore it from a backup or move it away to start empty.${leftOver}`;
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
