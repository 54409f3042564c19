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

it('keeps the search index in few segments, by merging a little with each transaction', async () => {
  const database = openDatabase(':memory:', 'normal');
  const store = new SqliteSessionStore(database, { maxSessions: 10, maxMessages: 10_000, messageMaxAge: 0 });
  await store.create(
    { tenant: 'default', sessionId: 's', purpose: '', createdBy: '', metadata: null },
    Date.now() / 1000,
  );
  const message = {
    tenant: 'default',
    sessionId: 's',
    sender: { id: 'a', owner: 'a' },
    senderType: 'generic',
    visibility: 'public',
    messageType: 'message',
    metadata: null,
    parentId: null,
    messageKey: null,
  } as const;
  for (let n = 0; n < 600; n++) await store.add([{ ...message, content: `message ${n}` }], Date.now() / 1000);
  const segments = database.prepare('SELECT COUNT(DISTINCT segid) FROM session_search_idx').pluck().get();
  expect(segments).toBeLessThan(30);
  database.close();
});
