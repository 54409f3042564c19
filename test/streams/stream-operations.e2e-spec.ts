import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';

interface Snapshot {
  readonly state: string;
  readonly status: string;
  readonly operation_type: string;
  readonly metadata: object;
  readonly message: string;
  readonly result?: unknown;
}

describe('a stream that is an operation', () => {
  let service: RunningService;
  let directory: string;
  let token: string;

  const start = () =>
    RunningService.start({
      JWT_SECRET: SECRET,
      ALLOW_ANONYMOUS: 'false',
      MAX_OPERATIONS: '5',
      DATA_DIR: directory,
      STORE: 'sqlite',
    });

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'opstream-'));
    token = await sign({ sub: 'w' });
    service = await start();
  });
  afterAll(async () => {
    await service.stop();
    await rm(directory, { recursive: true });
  });

  const TEXT = { 'content-type': 'text/plain' };
  const call = (
    method: string,
    path: string,
    headers: Record<string, string> = TEXT,
    body?: string,
    as = token,
  ) =>
    fetch(`${service.http}/v1/stream/${path}`, {
      method,
      headers: { authorization: `Bearer ${as}`, ...headers },
      ...(body !== undefined && { body }),
    });
  const create = async (
    path: string,
    headers: Record<string, string> = TEXT,
    body?: string,
  ): Promise<string> => {
    const answer = await call('PUT', path, { ...headers, 'opstream-operation': 'true' }, body);
    expect(answer.status).toBe(201);
    return answer.headers.get('opstream-operation')!;
  };
  const operation = async (id: string): Promise<Snapshot> =>
    (await (
      await fetch(`${service.http}/api/operations/${id}`, { headers: { authorization: `Bearer ${token}` } })
    ).json()) as Snapshot;
  const cancel = (id: string) =>
    fetch(`${service.http}/api/operations/${id}/cancel`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{}',
    });
  const ended = (id: string, status: string) =>
    eventually(`${id} is ${status}`, async () => (await operation(id)).status === status);
  const isClosed = async (path: string) => (await call('HEAD', path)).headers.get('stream-closed') === 'true';

  it('starts and ends with the stream, and shows its bytes and messages', async () => {
    const id = await create('answer', { 'content-type': 'application/json' });
    expect(await operation(id)).toMatchObject({
      operation_type: 'durable_stream',
      status: 'running',
      metadata: { path: 'answer', content_type: 'application/json' },
    });
    expect((await call('HEAD', 'answer')).headers.get('opstream-operation')).toBe(id);
    await call('POST', 'answer', { 'content-type': 'application/json' }, '["a","b"]');
    await eventually('progress', async () => (await operation(id)).message === '7 bytes');
    const events = await (await call('GET', `operations/${id}`)).json();
    expect(events).toContainEqual(
      expect.objectContaining({
        event_type: 'progress',
        data: expect.objectContaining({
          details: { bytes: 7, messages: 2, bytes_per_second: expect.any(Number) as number },
        }) as object,
      }),
    );
    await call('POST', 'answer', { 'stream-closed': 'true' });
    await ended(id, 'completed');
    expect(await operation(id)).toMatchObject({ result: { bytes: 7, messages: 2 } });
  });

  it('cancelling it closes the stream', async () => {
    const id = await create('cancelled', TEXT, 'x');
    await cancel(id);
    await eventually('the end', () => isClosed('cancelled'));
    const refused = await call('POST', 'cancelled', TEXT, 'y');
    expect([refused.status, refused.headers.get('stream-closed')]).toEqual([409, 'true']);
    expect(await operation(id)).toMatchObject({ status: 'cancelled' });
  });

  it('deleting the stream cancels it; creating it complete completes it', async () => {
    const deleted = await create('deleted');
    await call('DELETE', 'deleted');
    await ended(deleted, 'cancelled');
    const complete = await create('complete', { ...TEXT, 'stream-closed': 'true' }, 'all of it');
    await ended(complete, 'completed');
    expect(await operation(complete)).toMatchObject({ result: { bytes: 9 } });
  });

  it('a repeated request confirms it; one for a stream that has none is refused', async () => {
    const id = await create('repeated');
    const again = await call('PUT', 'repeated', { ...TEXT, 'opstream-operation': 'true' });
    expect([again.status, again.headers.get('opstream-operation')]).toEqual([200, id]);
    expect((await call('PUT', 'repeated')).status).toBe(200);
    await call('PUT', 'plain');
    expect((await call('PUT', 'plain', { ...TEXT, 'opstream-operation': 'true' })).status).toBe(409);
    await call('DELETE', 'repeated');
    await ended(id, 'cancelled');
  });

  it('without the scope, or beyond the limit of operations, there is neither', async () => {
    const weak = await sign({ sub: 'x', scope: 'streams:read streams:write' });
    const refused = await call('PUT', 'weak', { ...TEXT, 'opstream-operation': 'true' }, undefined, weak);
    expect(refused.status).toBe(403);
    expect((await call('HEAD', 'weak')).status).toBe(404);
    for (let index = 0; index < 5; index++) await create(`running/${index}`);
    const full = await call('PUT', 'one-too-many', { ...TEXT, 'opstream-operation': 'true' });
    expect(full.status).toBe(429);
    expect((await call('HEAD', 'one-too-many')).status).toBe(404);
    for (let index = 0; index < 5; index++) await call('DELETE', `running/${index}`);
  });

  it('goes on after a restart, and what ended meanwhile ends both', async () => {
    const id = await create('survivor', TEXT, 'one');
    await service.stop();
    service = await start();
    expect(await operation(id)).toMatchObject({ status: 'running' });
    await call('POST', 'survivor', { ...TEXT, 'stream-closed': 'true' }, ' two');
    await ended(id, 'completed');
    expect(await operation(id)).toMatchObject({ result: { bytes: 7 } });
  });
});
