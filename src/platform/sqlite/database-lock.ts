import { closeSync, existsSync, openSync, realpathSync } from 'node:fs';
import Database from 'better-sqlite3';

/**
 * Locks a database for this process. The lock is on a separate file: closing any descriptor of a file releases all
 * POSIX locks the process has on it, and the database file is opened and closed by inspections, backups and refused
 * openers. Only SQLite opens the lock file, and it keeps locked files open.
 */
export class DatabaseLock {
  private readonly holder: Database.Database;

  /** @throws SqliteError `SQLITE_BUSY` while another holder, in this process or another, has it */
  constructor(path: string) {
    const file = `${existsSync(path) ? realpathSync(path) : path}.lock`;
    if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600));
    this.holder = new Database(file, { timeout: 1000 });
    try {
      this.holder.pragma('journal_mode = MEMORY');
      this.holder.exec('BEGIN EXCLUSIVE');
    } catch (thrown) {
      this.holder.close();
      throw thrown;
    }
  }

  release(): void {
    this.holder.close();
  }
}
