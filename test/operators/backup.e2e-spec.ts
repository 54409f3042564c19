import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OperationStore } from '../../src/operations/operation-store.js';
import { LogLines } from '../harness/log-lines.js';
import { RunningService } from '../harness/running-service.js';
import { SseClient } from '../harness/sse-client.js';
import { SECRET, sign } from '../harness/tokens.js';

const ALL = { limit: 1_000_000, maxBytes: Number.MAX_SAFE_INTEGER };

interface BackupAnswer {
  readonly file: string;
  readonly path: string;
  readonly bytes: number;
  readonly operations: number;
  readonly mark: string;
  readonly code?: string;
  readonly detail?: string;
}

let root: string;
let service: RunningService;
let lines: LogLines;
let admin: Record<string, string>;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'opstream-backup-'));
  lines = new LogLines();
  service = await RunningService.start({ DATA_DIR: join(root, 'data'), JWT_SECRET: SECRET }, [], lines);
  admin = { authorization: `Bearer ${await sign({ sub: 'root', tenant: 'default', role: 'admin' })}` };
});
afterEach(async () => {
  await service.stop();
  rmSync(root, { recursive: true });
});

const backUp = (file?: unknown, headers = admin) =>
  service.rest.request<BackupAnswer>('POST', '/api/admin/backup', { body: { file }, headers });
const open = (operationId: string) =>
  service.rest.post('/api/operations', { operation_type: 'job', operation_id: operationId });
async function logOf(running: RunningService): Promise<{ position: number; json: string }[]> {
  const { events } = await running.get(OperationStore).readTenant('default', 0, ALL);
  return events.map(({ position, json }) => ({ position, json }));
}

/** Records batches of different sizes until it is stopped. */
function produce(operationId: string): { readonly acknowledged: () => number; stop(): Promise<void> } {
  const stopping = new AbortController();
  let acknowledged = 0;
  const work = (async () => {
    await open(operationId);
    for (let n = 1; !stopping.signal.aborted; n++) {
      const batch = Array.from({ length: (n % 20) + 1 }, (_, index) => ({
        event_type: 'log',
        data: { message: `${n} ${index} ${'m'.repeat((n * 37) % 500)}` },
      }));
      const { status } = await service.rest.post(`/api/operations/${operationId}/events`, batch);
      expect(status).toBe(201);
      acknowledged += batch.length;
    }
  })();
  return {
    acknowledged: () => acknowledged,
    stop: async () => {
      stopping.abort();
      await work;
    },
  };
}

/** Starts a service on a backup as docs/operations.md says. */
async function restore(path: string): Promise<RunningService> {
  const dataDir = mkdtempSync(join(root, 'restored-'));
  await copyFile(path, join(dataDir, 'opstream.db'));
  return RunningService.start({ DATA_DIR: dataDir, JWT_SECRET: SECRET });
}

describe('a backup that is made while the service runs', () => {
  it('restores to exactly the log up to its mark, with everything acknowledged before it (I11-6)', async () => {
    const producers = ['a', 'b', 'c'].map(produce);
    const acknowledged = () => producers.reduce((sum, producer) => sum + producer.acknowledged(), 0);
    const backups: (BackupAnswer & { readonly before: number })[] = [];
    for (let n = 1; n <= 4; n++) {
      const from = acknowledged();
      await expect.poll(() => acknowledged() - from, { timeout: 10_000 }).toBeGreaterThan(200);
      const { head: before } = await service.get(OperationStore).readTenant('default', 0, ALL);
      const { status, body } = await backUp(`under-load-${n}.db`);
      expect(status).toBe(201);
      backups.push({ ...body, before });
    }
    await Promise.all(producers.map((producer) => producer.stop()));
    const whole = await logOf(service);
    for (const { path, bytes, mark, before, operations } of backups) {
      expect(Number(mark)).toBeGreaterThanOrEqual(before);
      expect(statSync(path)).toMatchObject({ size: bytes, mode: 0o100600 });
      expect(operations).toBe(3);
      const restored = await restore(path);
      try {
        expect(await logOf(restored)).toEqual(whole.filter(({ position }) => position <= Number(mark)));
      } finally {
        await restored.stop();
      }
    }
    expect(backups.map(({ mark }) => mark)).toEqual([...new Set(backups.map(({ mark }) => mark))]);
  });

  it('lets the others be served meanwhile, and the copy is taken of one moment while operations are removed', async () => {
    for (let n = 0; n < 60; n++) {
      await open(`ended-${n}`);
      await service.rest.post(`/api/operations/ended-${n}/events`, [
        ...Array.from({ length: 200 }, () => ({ event_type: 'log', data: { message: 'm'.repeat(500) } })),
        { event_type: 'result', data: { result: n } },
      ]);
    }
    const before = await logOf(service);
    const making = backUp('moment.db');
    let served = 0;
    for (let n = 0; n < 60; n++) {
      const { status } = await service.rest.request('DELETE', `/api/operations/ended-${n}`);
      expect(status).toBe(204);
      served++;
    }
    const { body } = await making;
    expect(served).toBe(60);
    const restored = await restore(body.path);
    try {
      // Removals that came first are in it; whatever is there is whole.
      const kept = await logOf(restored);
      const last = before.findLast(({ position }) => position <= Number(body.mark))!;
      expect(kept.at(-1)).toEqual(last);
      expect(before.slice(-kept.length)).toEqual(kept);
    } finally {
      await restored.stop();
    }
  });

  it('is told to followers of a restored store that have more than it: history_lost', async () => {
    await open('job');
    await service.rest.emit('job', 'log', { message: 'kept' });
    const { body: backup } = await backUp('early.db');
    await service.rest.emit('job', 'log', { message: 'after the backup' });
    const stream = await SseClient.open(`${service.http}/api/operations/job/stream`);
    const ids = (await stream.take(3)).map(({ id }) => id!);
    stream.close();
    const restored = await restore(backup.path);
    try {
      for (let n = 0; n < 5; n++) await restored.rest.emit('job', 'log', { message: `new ${n}` });
      const resumed = async (id: string) => {
        const headers = { 'last-event-id': id };
        const client = await SseClient.open(`${restored.http}/api/operations/job/stream`, headers);
        const messages = await client.take(5);
        client.close();
        return messages.map(({ event, data }) => [event, data.seq]);
      };
      // Nothing newer than the backup: nothing is missed, nothing is told.
      expect(await resumed(ids[1]!)).toEqual([3, 4, 5, 6, 7].map((seq) => ['log', seq]));
      expect((await resumed(ids[2]!))[0]![0]).toBe('history_lost');
    } finally {
      await restored.stop();
    }
  });
});

describe('POST /api/admin/backup', () => {
  it('takes names of files alone, and never one that is there', async () => {
    const outside = join(root, 'outside');
    mkdirSync(outside);
    mkdirSync(join(root, 'data/backups'));
    symlinkSync(outside, join(root, 'data/backups/link'));
    writeFileSync(join(root, 'data/backups/there.db'), 'mine');
    const names = [
      '../up.db',
      '/tmp/absolute.db',
      'a/b.db',
      'link/x.db',
      '.hidden',
      '',
      '..',
      'a\\b',
      'x.partial',
      'a\0b',
      7,
      {},
    ];
    for (const name of [...names, 'n'.repeat(101), 'there.db', 'link']) {
      const { status, body } = await backUp(name);
      expect([name, status, body.code]).toEqual([name, 400, 'invalid_request']);
    }
    expect(readdirSync(outside)).toEqual([]);
    expect(readdirSync(join(root, 'data/backups')).toSorted()).toEqual(['link', 'there.db']);
    expect(statSync(join(root, 'data/backups/there.db')).size).toBe(4);
    const unknown = { body: { file: 'a.db', path: '/tmp' }, headers: admin };
    expect((await service.rest.request('POST', '/api/admin/backup', unknown)).status).toBe(400);
  });

  it('gives a name with the time when there is none, also without a body', async () => {
    const bare = await service.rest.request<BackupAnswer>('POST', '/api/admin/backup', { headers: admin });
    expect(bare.body.file).toMatch(/^opstream-\d{8}T\d{6}Z\.db$/);
    expect(existsSync(bare.body.path)).toBe(true);
  });

  it('is for administrators, makes one at a time, and writes who did it to the audit log', async () => {
    expect((await backUp('a.db', {})).body.code).toBe('forbidden');
    const user = { authorization: `Bearer ${await sign({ sub: 'u' })}` };
    expect((await backUp('a.db', user)).body.code).toBe('forbidden');
    const both = await Promise.all([backUp('a.db'), backUp('b.db')]);
    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409]);
    expect(both.find(({ status }) => status === 409)!.body.code).toBe('backup_running');
    const [made] = both.filter(({ status }) => status === 201);
    expect(lines.of('store_backed_up')).toMatchObject([
      { userId: 'root', tenant: 'default', target: made!.body.file, ip: '127.0.0.1' },
    ]);
    const { text } = await service.rest.get('/metrics');
    expect(text).toMatch(/^opstream_backups_total\{outcome="made"\} 1$/m);
    expect(text).toMatch(
      /^opstream_backup_timestamp_seconds 1\.\d+e\+09|^opstream_backup_timestamp_seconds \d{10}/m,
    );
  });

  it('reports the mark of the tenant that asks', async () => {
    await open('mine');
    const elsewhere = { authorization: `Bearer ${await sign({ sub: 'x', tenant: 'other', role: 'admin' })}` };
    expect((await backUp('other.db', elsewhere)).body).toMatchObject({ mark: '0', operations: 1 });
    expect((await backUp('default.db')).body).toMatchObject({ mark: '1', operations: 1 });
  });

  it('leaves nothing behind when the service stops while it copies', async () => {
    await open('big');
    for (let n = 0; n < 8; n++) {
      const batch = Array.from({ length: 500 }, () => ({
        event_type: 'log',
        data: { message: 'm'.repeat(2000) },
      }));
      await service.rest.post('/api/operations/big/events', batch);
    }
    const making = service.get(OperationStore).backup(join(root, 'cut.db'), 'default');
    const cut = expect(making).rejects.toMatchObject({ code: 'shutting_down' });
    expect(existsSync(join(root, 'cut.db.partial'))).toBe(true);
    await service.get(OperationStore).close();
    await cut;
    expect(readdirSync(root)).toEqual(['data']);
  });

  it('is refused where nothing is kept', async () => {
    const memory = await RunningService.start({
      STORE: 'memory',
      JWT_SECRET: SECRET,
      BACKUP_DIR: join(root, 'm'),
    });
    const { status, body } = await memory.rest.post('/api/admin/backup', {}, admin);
    expect([status, body.code]).toEqual([400, 'invalid_request']);
    await memory.stop();
  });
});
