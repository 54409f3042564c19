import { readFileSync, statfsSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { OpstreamError } from '../errors/opstream-error.js';

/** With less free space than this, a failed write is attributed to a full disk. */
const FULL_BYTES = 64 * 1024;

/**
 * Maps an engine failure to the catalogue; other errors are returned unchanged.
 * @param path of the database, to tell a full disk from a broken one
 * @param committing the commit itself failed, so its outcome is unknown
 */
export function toStoreError(thrown: unknown, path?: string, committing = false): unknown {
  if (!(thrown instanceof Database.SqliteError)) return thrown;
  const { code } = thrown;
  if (code === 'SQLITE_FULL' || (code === 'SQLITE_IOERR_WRITE' && isOutOfSpace(path))) {
    return new OpstreamError('storage_full', 'The disk is full; nothing was recorded', {}, { cause: thrown });
  }
  const what = code.startsWith('SQLITE_IOERR')
    ? `The disk reported an I/O error (${code})`
    : `The store failed (${code})`;
  // After a failed sync the next start may still find the write.
  if (committing && code.startsWith('SQLITE_IOERR')) {
    return new OpstreamError(
      'store_unavailable',
      `${what}; whether this was recorded is unknown: repeat it with the same event_id`,
      { outcome: 'unknown' },
      { cause: thrown },
    );
  }
  return new OpstreamError('store_unavailable', `${what}; nothing was recorded`, {}, { cause: thrown });
}

/** SQLite does not distinguish a file that cannot grow from a broken disk. */
function isOutOfSpace(path: string | undefined): boolean {
  if (path === undefined) return true;
  try {
    const { bavail, bsize } = statfsSync(path);
    if (bavail * bsize < FULL_BYTES) return true;
    const limit = /^Max file size\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return limit !== undefined && statSync(`${path}-wal`).size + FULL_BYTES >= Number(limit);
  } catch {
    return false;
  }
}
