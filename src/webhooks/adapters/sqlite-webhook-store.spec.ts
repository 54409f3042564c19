import type Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import { openDatabase } from '../../platform/sqlite/sqlite-database.js';
import { describeWebhookStore } from '../testing/webhook-store.contract.js';
import { SqliteWebhookStore } from './sqlite-webhook-store.js';

describeWebhookStore('SQLite', () => {
  let database: Database.Database;
  return {
    open: () => {
      database = openDatabase(':memory:', 'normal');
      return new SqliteWebhookStore(database);
    },
    close: () => void database.close(),
  };
});

it('what was claimed when the process ended is due at the next start', async () => {
  const database = openDatabase(':memory:', 'normal');
  const before = new SqliteWebhookStore(database);
  const delivery = {
    id: 'a',
    webhookId: 'w',
    tenant: 'default',
    operationId: 'o',
    event: 'operation.completed',
    body: '{}',
    createdAt: 1,
  } as const;
  await before.enqueue('default', 1, [delivery]);
  expect(await before.claim('w', 1, 1, 61)).toHaveLength(1);
  expect(await before.claim('w', 1, 2, 62)).toHaveLength(0);
  expect(await new SqliteWebhookStore(database).claim('w', 1, 2, 62)).toHaveLength(1);
  database.close();
});
