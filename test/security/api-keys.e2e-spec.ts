import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { everyFace, statusesOf } from '../harness/transports.js';
import { RunningService } from '../harness/running-service.js';
import { SseClient } from '../harness/sse-client.js';
import { SECRET, sign } from '../harness/tokens.js';

interface Key {
  readonly id: string;
  readonly key: string;
  readonly scopes: readonly string[];
  readonly expires_at: number | null;
}

describe('trust: API keys (S4-73)', () => {
  let service: RunningService;
  let dataDir: string;
  let admin: Record<string, string>;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'opstream-keys-'));
    service = await RunningService.start({ JWT_SECRET: SECRET, DATA_DIR: dataDir });
    admin = { authorization: `Bearer ${await sign({ sub: 'root', role: 'admin' })}` };
  });
  afterAll(async () => {
    await service.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  async function create(body: object, headers = admin): Promise<Key> {
    const answer = await service.rest.request('POST', '/api/keys', { body, headers });
    expect(answer.status).toBe(201);
    return answer.body as unknown as Key;
  }

  it('are 32 random bytes in hex, open every face, and are stored as a hash', async () => {
    const { key, scopes } = await create({ name: 'build' });
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    expect(scopes).not.toContain('admin');
    const statuses = await statusesOf(service, { headers: { 'x-api-key': key } });
    for (const [face, status] of Object.entries(statuses)) expect([face, status < 300]).toEqual([face, true]);
    const path = join(dataDir, 'api-keys.json');
    expect(await readFile(path, 'utf8')).not.toContain(key);
    expect((await stat(path)).mode & 0o077).toBe(0);
    const list = await service.rest.request('GET', '/api/keys', { headers: admin });
    expect(list.text).toContain('"name":"build"');
    expect(list.text).not.toMatch(/[0-9a-f]{64}/);
  });

  it('that are wrong open none', async () => {
    for (const key of ['0'.repeat(64), 'x', `${'a'.repeat(64)} `, 'A'.repeat(64)]) {
      expect(await statusesOf(service, { headers: { 'x-api-key': key } })).toEqual(everyFace(401));
    }
  });

  it('are for administrators, and for their own tenant', async () => {
    const rival = { authorization: `Bearer ${await sign({ sub: 'r', tenant: 'rival', role: 'admin' })}` };
    const mine = await create({ name: 'mine' });
    const theirs = await create({ name: 'theirs', role: 'admin', user_id: 'robot' }, rival);
    const list = await service.rest.request('GET', '/api/keys', { headers: rival });
    expect(list.body.keys).toMatchObject([{ id: theirs.id, user_id: 'robot' }]);
    const stolen = await service.rest.request('DELETE', `/api/keys/${mine.id}`, { headers: rival });
    expect(stolen.status).toBe(404);
    const asUser = await service.rest.request('GET', '/api/keys', { headers: { 'x-api-key': mine.key } });
    expect(asUser.status).toBe(403);
    const asAdmin = await service.rest.request('GET', '/api/keys', { headers: { 'x-api-key': theirs.key } });
    expect(asAdmin.status).toBe(200);
  });

  it('are limited to their scopes and to their time, on live connections as well', async () => {
    const { key } = await create({ name: 'brief', scopes: ['operations:read'], expires_in: 1 });
    const headers = { 'x-api-key': key };
    const refused = await service.rest.request('POST', '/api/operations', {
      body: { operation_type: 't' },
      headers,
    });
    expect(refused.status).toBe(403);
    const hub = await service.hub('/hub', { headers });
    expect((await hub.closed).code).toBe(4401);
    expect((await service.rest.request('GET', '/api/stats', { headers })).status).toBe(401);
  });

  it('survive a restart, and end everywhere at once when they are revoked', async () => {
    const { id, key } = await create({ name: 'long', expires_in: 3600 });
    await service.stop();
    service = await RunningService.start({ JWT_SECRET: SECRET, DATA_DIR: dataDir });
    const headers = { 'x-api-key': key };
    const hub = await service.hub('/hub', { headers });
    const stream = await SseClient.open(`${service.http}/api/stream`, headers);
    expect((await service.rest.request('DELETE', `/api/keys/${id}`, { headers: admin })).status).toBe(204);
    expect(await hub.closed).toEqual({ code: 4401, reason: 'Key revoked' });
    await stream.end();
    expect(stream.raw).toContain('Key revoked');
    expect(await statusesOf(service, { headers })).toEqual(everyFace(401));
    expect((await service.rest.request('DELETE', `/api/keys/${id}`, { headers: admin })).status).toBe(404);
  });

  it('made at the same time are all kept', async () => {
    const made = await Promise.all(Array.from({ length: 20 }, (_, n) => create({ name: `key ${n}` })));
    const stored = await readFile(join(dataDir, 'api-keys.json'), 'utf8');
    for (const { id } of made) expect(stored).toContain(id);
    expect(await readdir(dataDir)).not.toContain('api-keys.json.new');
  });

  it.each([
    {},
    { name: '' },
    { name: 'x', scopes: ['root'] },
    { name: 'x', role: 'god' },
    { name: 'x', expires_in: 0 },
    { name: 'x', extra: 1 },
  ])('are not made from %j', async (body) => {
    const answer = await service.rest.request('POST', '/api/keys', { body, headers: admin });
    expect(answer.status).toBe(400);
  });

  it('in a file that cannot be read keep the service from starting, and the file as it is', async () => {
    const broken = await mkdtemp(join(tmpdir(), 'opstream-keys-'));
    const path = join(broken, 'api-keys.json');
    await writeFile(path, '{"keys":[{}]}');
    await expect(RunningService.start({ JWT_SECRET: SECRET, DATA_DIR: broken })).rejects.toThrow(
      'not a valid API key file',
    );
    expect(await readFile(path, 'utf8')).toBe('{"keys":[{}]}');
    await eventually('cleaned up', () => rm(broken, { recursive: true, force: true }).then(() => true));
  });
});
