import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import { openDatabase } from '../../platform/sqlite/sqlite-database.js';
import { describeSessionStore } from '../testing/session-store.contract.js';
import { applySessionSchema } from './sqlite-session-schema.js';
import { SqliteSessionStore } from './sqlite-session-store.js';

describeSessionStore('SQLite', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'opstream-sessions-'));
  let database: Database.Database | undefined;
  return {
    open: async (retention) => {
      database?.close();
      database = openDatabase(join(directory, 'opstream.db'), 'normal');
      return new SqliteSessionStore(database, retention);
    },
    cleanUp: async () => {
      database?.close();
      rmSync(directory, { recursive: true });
    },
  };
});

it('refuses tables of a newer version', () => {
  const database = openDatabase(':memory:', 'normal');
  applySessionSchema(database);
  applySessionSchema(database);
  database.exec('UPDATE session_schema SET version = 99');
  expect(() => applySessionSchema(database)).toThrow(/newer version of Opstream \(schema 99\)/);
  database.close();
});
