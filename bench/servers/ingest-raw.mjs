// The reference: better-sqlite3 alone, doing the inserts that Opstream's log needs into Opstream's own schema, with
// its settings, ready-made values and so many rows per transaction. No snapshots, no validation, no promises.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../../dist/platform/sqlite/sqlite-database.js';
import { answerLines, repeatFor } from '../harness/answer-lines.mjs';
import { DATA, OPERATIONS } from './ingest-shape.mjs';

const directory = mkdtempSync(join(tmpdir(), 'opstream-bench-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
const database = openDatabase(join(directory, 'raw.db'), process.env.DURABILITY ?? 'normal');
const begin = database.prepare('BEGIN IMMEDIATE');
const commit = database.prepare('COMMIT');
const insert = database.prepare(
  'INSERT INTO events (position, op, seq, type, timestamp, data, crc) VALUES (?, ?, ?, ?, ?, ?, ?)',
);
const base = 2 ** 36;
let position = 0;

function transaction(rows) {
  begin.run();
  const now = Date.now() / 1000;
  for (let n = 0; n < rows; n++) {
    position += 1;
    const seq = Math.ceil(position / OPERATIONS);
    insert.run(base + position, (position % OPERATIONS) + 1, seq, 'log', now, DATA, null);
  }
  commit.run();
}

await answerLines({
  record: (batch, seconds) => repeatFor(Number(seconds), Number(batch), () => transaction(Number(batch))),
});
