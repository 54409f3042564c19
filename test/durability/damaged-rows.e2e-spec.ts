import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HubClient as Sdk } from '../../src/client/index.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET } from '../harness/tokens.js';
import { RESUMES } from './resumes.js';

/** A row is damaged while the service is down: every follower is shown where, and its neighbours whole. */

const LINES = Array.from({ length: 9 }, (_, n) => `line number ${n}`);
const DAMAGED = 'The stored event is damaged; its content is lost';
const SHOWN = LINES.with(4, DAMAGED);
/** Its seq: the first event is the opening. */
const SEQ = 6;

let dataDir: string;
let service: RunningService | undefined;
const path = () => join(dataDir, 'opstream.db');

const start = async () => {
  service = await RunningService.start({ DATA_DIR: dataDir, JWT_SECRET: SECRET, MCP_TOOLSETS: 'all' });
  return service;
};

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'opstream-damaged-'));
  const { rest } = await start();
  for (const id of ['before', 'job', 'after'])
    await rest.post('/api/operations', {
      operation_type: 't',
      operation_id: id,
      metadata: { of: `id ${id}` },
    });
  for (const message of LINES) await rest.emit('job', 'log', { message });
  await rest.emit('job', 'result', { result: 'done' });
  await service!.stop();
  // Everything is in the one file, where it can be damaged.
  expect(existsSync(`${path()}-wal`)).toBe(false);
});
afterEach(async () => {
  await service?.stop();
  rmSync(dataDir, { recursive: true });
});

function flipBitIn(text: string): void {
  const bytes = readFileSync(path());
  const at = bytes.indexOf(text);
  expect(at).toBeGreaterThan(0);
  bytes[at + 3]! ^= 1;
  writeFileSync(path(), bytes);
}

function changeEvent(what: string, seq = SEQ): void {
  const database = new Database(path());
  const job = database.prepare("SELECT op FROM operations WHERE operation_id = 'job'").pluck().get();
  const { changes } = database.prepare(`UPDATE events SET ${what} WHERE op = ? AND seq = ?`).run(job, seq);
  expect(changes).toBe(1);
  database.close();
}

const damagedRows = async ({ rest }: RunningService) => {
  const { text } = await rest.get('/metrics');
  return Number(/^opstream_store_errors_total\{code="damaged"\} (\d+)/m.exec(text)?.[1] ?? 0);
};

describe('a damaged event', () => {
  it.each<[string, () => void]>([
    ['one bit of its text is flipped', () => flipBitIn(LINES[4]!)],
    ['its text is no JSON', () => changeEvent("data = '{'")],
    ['its time is another', () => changeEvent('timestamp = timestamp + 1')],
    ['its type is another', () => changeEvent("type = 'status'")],
  ])('when %s, is shown as damaged on every transport, its neighbours whole', async (_what, damage) => {
    damage();
    const running = await start();
    for (const [name, resume] of Object.entries(RESUMES)) {
      const told = await resume(running, { seq: 0, position: '0' });
      expect([name, told]).toEqual([name, expect.objectContaining({ lost: false, lines: SHOWN })]);
    }
    expect(await damagedRows(running)).toBeGreaterThan(0);
    expect(await overSdk(running)).toEqual(SHOWN);
    const text = await running.rest.get('/api/operations/job/log');
    expect(text.text.trim().split('\n')).toEqual(SHOWN);
    const stream = await fetch(`${running.http}/v1/stream/operations/job?offset=-1`);
    const events = (await stream.json()) as { event_type: string; data: { message?: string } }[];
    expect(events.filter(({ event_type: type }) => type === 'log').map(({ data }) => data.message)).toEqual(
      SHOWN,
    );
  });

  it('that was the end, still is one', async () => {
    changeEvent("data = data || ' '", LINES.length + 3);
    const running = await start();
    for (const [name, resume] of Object.entries(RESUMES))
      expect([name, (await resume(running, { seq: 0, position: '0' })).lines]).toEqual([name, LINES]);
    expect(await overSdk(running)).toEqual(LINES);
    expect((await running.rest.get('/api/operations/job')).body.status).toBe('completed');
  });
});

it('damaged metadata is shown as such, and the list has all operations', async () => {
  flipBitIn('id job');
  const running = await start();
  const { body } = await running.rest.get<{ operations: { operation_id: string; metadata: object }[] }>(
    '/api/operations',
  );
  expect(body.operations.map(({ operation_id: id, metadata }) => [id, metadata])).toEqual([
    ['after', { of: 'id after' }],
    ['job', { damaged: true }],
    ['before', { of: 'id before' }],
  ]);
  expect(await damagedRows(running)).toBeGreaterThan(0);
  for (const resume of Object.values(RESUMES))
    expect((await resume(running, { seq: 0, position: '0' })).lines).toEqual(LINES);
});

async function overSdk({ http }: RunningService): Promise<string[]> {
  const sdk = new Sdk({ url: http });
  const lines: string[] = [];
  for await (const event of sdk.follow('job', { afterSeq: 0 }))
    if (event.event_type === 'log') lines.push(event.data.message);
  sdk.close();
  return lines;
}
