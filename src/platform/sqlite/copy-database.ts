import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { OpstreamError } from '../errors/opstream-error.js';

/** Pages copied in one turn of the event loop; 256 KB, well below a millisecond. */
const STEP_PAGES = 64;
/** Free space kept besides the copy: a copy that fills the disk would stop the store it copies. */
const SPARE_BYTES = 64 * 1024 * 1024;

export interface DatabaseCopy<Inspected> {
  readonly bytes: number;
  /** What was read from the very state that was copied. */
  readonly inspected: Inspected;
}

export interface CopyOptions<Inspected> {
  /** Reads from the copied state. */
  readonly inspect: (source: Database.Database) => Inspected;
  /** Aborts the copy and removes what exists of it. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Copies a database in use, in steps, as of this moment: a separate connection holds a snapshot, so concurrent writes
 * neither wait nor appear in the copy.
 * @param target a file that does not exist; it appears when complete, readable only by its owner
 * @throws OpstreamError `invalid_request` when the target exists or its folder does not, `storage_full` without space
 */
export async function copyDatabase<Inspected>(
  path: string,
  target: string,
  { inspect, signal }: CopyOptions<Inspected>,
): Promise<DatabaseCopy<Inspected>> {
  if (existsSync(target)) throw alreadyThere();
  const folder = dirname(target);
  if (!existsSync(folder))
    throw new OpstreamError('invalid_request', 'The folder of the copy does not exist');
  const partial = `${target}.partial`;
  rmSync(partial, { force: true });
  // A read-only connection to a store that nobody has open would leave empty side files behind.
  const source = new Database(path, { readonly: existsSync(`${path}-wal`), fileMustExist: true });
  try {
    closeSync(openSync(partial, 'wx', 0o600));
    // Within the transaction every read sees what the first one saw.
    source.exec('BEGIN');
    const inspected = inspect(source);
    refuseWithoutRoom(folder, source);
    await source.backup(partial, {
      progress: () => {
        signal?.throwIfAborted();
        return STEP_PAGES;
      },
    });
    sync(partial, 'r+');
    giveName(partial, target);
    syncFolder(folder);
    return { bytes: statSync(target).size, inspected };
  } finally {
    source.close();
    rmSync(partial, { force: true });
    rmSync(`${partial}-journal`, { force: true });
  }
}

function refuseWithoutRoom(folder: string, source: Database.Database): void {
  const pages = source.pragma('page_count', { simple: true }) as number;
  const bytes = pages * (source.pragma('page_size', { simple: true }) as number);
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize >= bytes + SPARE_BYTES) return;
  throw new OpstreamError('storage_full', `Not enough space for a copy of ${bytes} bytes`);
}

/**
 * A hard link fails if the name is taken; on file systems without links a file created in the same second may be
 * replaced.
 */
function giveName(partial: string, target: string): void {
  try {
    linkSync(partial, target);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'EEXIST' || existsSync(target)) throw alreadyThere();
    renameSync(partial, target);
  }
}

function alreadyThere(): OpstreamError {
  return new OpstreamError('invalid_request', 'A file with this name already exists');
}

/** The directory entry must survive a power loss, too; not every system can sync a folder. */
function syncFolder(folder: string): void {
  try {
    sync(folder, 'r');
  } catch {
    // The file itself is already synced.
  }
}

function sync(path: string, mode: 'r' | 'r+'): void {
  const file = openSync(path, mode);
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
