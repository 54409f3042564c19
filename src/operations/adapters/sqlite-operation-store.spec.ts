import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../../platform/sqlite/sqlite-database.js';
import { describeOperationStore } from './operation-store.contract.js';
import { SqliteOperationStore } from './sqlite-operation-store.js';

describeOperationStore({ name: 'SQLite', durable: true }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'opstream-store-'));
  return {
    open: async (retention) =>
      new SqliteOperationStore(openDatabase(join(directory, 'opstream.db'), 'normal'), retention),
    cleanUp: async () => rmSync(directory, { recursive: true }),
  };
});
