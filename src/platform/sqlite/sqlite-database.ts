import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { DatabaseLock } from './database-lock.js';
import {
  APPLICATION_ID,
  inspect,
  isOutOfSpace,
  migrationFiles,
  MIGRATIONS,
  refuseNewer,
  unusable,
  UnusableDatabaseError,
} from './inspect-database.js';

/** `normal` survives a crash of the process; `full` also survives power loss, at the cost of a sync per commit. */
export type Durability = 'normal' | 'full';

/** How long a write may wait for another program, such as a shell that has the database open. */
const BUSY_MS = 20;

/**
 * Opens or creates the database, owned by this process until it is closed.
 * @throws UnusableDatabaseError when the file is foreign, corrupt, newer than this version or in use
 */
export function openDatabase(path: string, durability: Durability): Database.Database {
  const migrations = migrationFiles();
  let database: Database.Database | undefined;
  let lock: DatabaseLock | undefined;
  try {
    const stored = path !== ':memory:';
    if (stored) {
      makeFolder(dirname(path));
      if (existsSync(path) && statSync(path).isDirectory()) throw new UnusableDatabaseError(isFolder(path));
      // Lock before touching the file: inspecting it would release the locks of a holder in this process.
      lock = new DatabaseLock(path);
      if (existsSync(path) && statSync(path).size > 0) inspect(path);
      // Read access to the file is access to every tenant's log; SQLite gives its side files the same mode.
      else closeSync(openSync(path, 'a', 0o600));
    }
    database = new Database(path, { timeout: 1000 });
    refuseNewer(path, database);
    const version = database.pragma('user_version', { simple: true }) as number;
    if (version === 0) database.pragma(`application_id = ${APPLICATION_ID}`);
    database.pragma('journal_mode = WAL');
    database.pragma(`synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'}`);
    database.pragma('temp_store = MEMORY');
    if (version > 0 && version < migrations.length && stored) keepCopy(path, database, version);
    migrate(database, migrations);
    tryWriting(database);
    // From here on waiting would hold up everybody: the engine waits in the event loop.
    database.pragma(`busy_timeout = ${BUSY_MS}`);
    return lock ? releasing(database, lock) : database;
  } catch (thrown) {
    database?.close();
    lock?.release();
    throw unusable(path, thrown);
  }
}

/** Releases the lock when the database is closed, and not before. */
function releasing(database: Database.Database, lock: DatabaseLock): Database.Database {
  const close = database.close.bind(database);
  database.close = () => {
    close();
    lock.release();
    return database;
  };
  return database;
}

/** Keeps a copy from before the migration, to allow a downgrade. Copies made by other versions are left alone. */
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
 * Rejects a file that can be read but not written, before the service reports that it is up. A full disk is accepted:
 * the service can still serve reads and delete data.
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

/** Where the system fails with ENOENT although the parent exists (`/proc`), Node's recursive form never returns. */
function makeFolder(folder: string): void {
  if (!existsSync(folder)) mkdirSync(folder, { recursive: !existsSync(dirname(folder)), mode: 0o700 });
}

function isFolder(path: string): string {
  return `${path} cannot be opened: it is a folder. Check DATA_DIR.`;
}

/** Numbered files, each in its own transaction; `user_version` counts those applied. */
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
