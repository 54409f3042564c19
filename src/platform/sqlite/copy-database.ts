import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { OpstreamError } from '../errors/opstream-error.js';

/** Pages copied in one turn of the event loop; 256 KB, well below a millisecond. */
const STEP_PAGES = 64;

export interface CopyReport {
  readonly bytes: number;
  readonly operations: number;
}

/**
 * Copies a database that is in use, in steps, as it is at this moment: a connection of its own holds a snapshot, so
 * that what is written meanwhile neither waits nor shows.
 * @param target a file that does not exist yet; it appears when it is complete, readable by its owner alone
 * @throws OpstreamError `invalid_request` when the target exists or its folder does not
 */
export async function copyDatabase(path: string, target: string): Promise<CopyReport> {
  if (existsSync(target)) throw new OpstreamError('invalid_request', 'There is a file of this name already');
  if (!existsSync(dirname(target)))
    throw new OpstreamError('invalid_request', 'The folder of the copy does not exist');
  const partial = `${target}.partial`;
  rmSync(partial, { force: true });
  const source = new Database(path, { readonly: true });
  try {
    closeSync(openSync(partial, 'wx', 0o600));
    source.exec('BEGIN');
    const operations = source.prepare('SELECT count(*) FROM operations').pluck().get() as number;
    await source.backup(partial, { progress: () => STEP_PAGES });
    sync(partial);
    renameSync(partial, target);
    return { bytes: statSync(target).size, operations };
  } catch (thrown) {
    rmSync(partial, { force: true });
    throw thrown;
  } finally {
    source.close();
    rmSync(`${partial}-journal`, { force: true });
  }
}

function sync(path: string): void {
  const file = openSync(path, 'r+');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
