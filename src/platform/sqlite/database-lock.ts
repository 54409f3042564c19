import { closeSync, existsSync, openSync, realpathSync } from 'node:fs';
import Database from 'better-sqlite3';

/**
 * Holds a database for this process. The lock lies on a file of its own beside the database: closing any descriptor of
 * a file ends every POSIX lock that the process has on it, and the database itself is opened and closed by those who
 * look at it, back it up or are refused. Nobody but SQLite opens the lock's file, and SQLite keeps what is locked open.
 */
export class DatabaseLock {
  private readonly holder: Database.Database;

  /** @throws SqliteError `SQLITE_BUSY` while another holder, of this process or another, has it */
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
