import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HubClient, OperationProducer, RestClient } from '../../src/client/index.js';
import { OperationsService } from '../../src/library.js';
import { eventually } from '../harness/eventually.js';
import { McpClient, modern } from '../harness/mcp-client.js';
import { McpHttpClient, modernHeaders } from '../harness/mcp-http.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';
import { ProbeTools, ProbeToolsModule } from '../mcp/probe-tools.js';

let service: RunningService;
let dataDir: string;
let rest: RestClient;
let keys = 0;

async function start(): Promise<void> {
  service = await RunningService.start({ DATA_DIR: dataDir }, [ProbeToolsModule]);
  rest = new RestClient({ url: service.http });
}

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'opstream-cache-'));
  await start();
});
afterAll(async () => {
  await service.stop();
  await rm(dataDir, { recursive: true, force: true });
});

/** Openings that another operation answered. */
async function hits(): Promise<number> {
  const { text } = await service.rest.get('/metrics');
  return Number(/opstream_cache_requests_total\{outcome="hit"\} (\d+)/.exec(text)?.[1] ?? 0);
}

const freshKey = () => `key-${++keys}`;
const open = (body: object, headers = {}) =>
  service.rest.post('/api/operations', { operation_type: 'report', ...body }, headers);

describe('S1-72 the result cache over REST and hub', () => {
  it('shares running work, then its result, across a restart of the service', async () => {
    const cache_key = freshKey();
    const first = await open({ cache_key, ttl: 60 });
    expect(first).toMatchObject({ status: 201, body: { cached: false, status: 'running' } });
    const id = first.body.operation_id as string;
    expect(await open({ cache_key })).toMatchObject({
      status: 200,
      body: { operation_id: id, cached: true, status: 'running' },
    });
    await service.rest.emit(id, 'result', { result: { rows: 3 } });
    await service.stop();
    await start();
    const after = await open({ cache_key, ttl: 60 });
    expect(after).toMatchObject({
      status: 200,
      body: { operation_id: id, cached: true, status: 'completed', result: { rows: 3 } },
    });
    expect((await open({ cache_key, ttl: 0 })).body).toMatchObject({ cached: false, status: 'running' });
    expect(await hits()).toBe(1);
  });

  it('of many openings at once exactly one may run', async () => {
    const cache_key = freshKey();
    const answers = await Promise.all(Array.from({ length: 50 }, () => open({ cache_key })));
    expect(new Set(answers.map(({ body }) => body.operation_id)).size).toBe(1);
    expect(answers.filter(({ body }) => body.cached === false)).toHaveLength(1);
  });

  it('refuses keys and times to live that are not valid; nothing is said of them without a key', async () => {
    for (const wrong of [
      { cache_key: '' },
      { cache_key: 5 },
      { cache_key: 'x'.repeat(1025) },
      { cache_key: 'a\u0000b' },
      { cache_key: 'k', ttl: -1 },
      { cache_key: 'k', ttl: '60' },
      { cache_key: 'k', ttl: 1e9 },
      { ttl: 60 },
    ]) {
      expect(await open(wrong)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    }
    expect((await open({})).body).not.toHaveProperty('cached');
  });

  it('over the hub, the second opener is told not to run', async () => {
    const hub = new HubClient({ url: service.http });
    try {
      const cacheKey = freshKey();
      const first = await hub.openShared('report', { cacheKey, ttl: 60 });
      expect(first.cached).toBe(false);
      const second = await hub.openShared('report', { cacheKey });
      expect(second).toMatchObject({ cached: true, operation_id: first.operation_id });
      const raw = await service.hub();
      expect(
        await raw.ask({ command: 'create_operation', operation_type: 'report', cache_key: cacheKey }),
      ).toMatchObject({ status: 'cached', data: { created: false, cached: true } });
    } finally {
      hub.close();
    }
  });

  it('a producer of the SDK learns whether to run', async () => {
    const cacheKey = freshKey();
    const first = new OperationProducer(rest, 'report', { cacheKey });
    expect((await first.opened).cached).toBe(false);
    const second = new OperationProducer(rest, 'report', { cacheKey });
    const shared = await second.opened;
    expect(shared).toMatchObject({ cached: true, operation_id: first.operationId });
    expect(second.log('info', 'not mine')).toBe(false);
    expect(second.stopped?.code).toBe('cached');
    await first.result('done');
    await expect(new OperationProducer(rest, 'report', { cacheKey }).opened).resolves.toMatchObject({
      cached: true,
      result: 'done',
    });
  });
});

describe('S1-72 the result cache for callers who may not read each other', () => {
  it('a caller without operations:read gets only its own, and no tenant another', async () => {
    const guarded = await RunningService.start({ JWT_SECRET: SECRET, STORE: 'memory' });
    const as = async (claims: object, cache_key: string) => {
      const authorization = `Bearer ${await sign({ ...claims })}`;
      const body = { operation_type: 'report', cache_key };
      return (await guarded.rest.post('/api/operations', body, { authorization })).body;
    };
    const writer = { scopes: ['operations:write'] };
    try {
      const reader = await as({ sub: 'ann' }, 'k');
      expect(await as({ sub: 'bob' }, 'k')).toMatchObject({
        operation_id: reader.operation_id,
        cached: true,
      });
      const own = await as({ sub: 'carl', ...writer }, 'k');
      expect(own.cached).toBe(false);
      expect(await as({ sub: 'carl', ...writer }, 'k')).toMatchObject({
        operation_id: own.operation_id,
        cached: true,
      });
      expect((await as({ sub: 'dora', ...writer }, 'k')).cached).toBe(false);
      expect((await as({ sub: 'ann', tenant: 'elsewhere' }, 'k')).cached).toBe(false);
    } finally {
      await guarded.stop();
    }
  });
});

describe('S1-72 the result cache of operations.run', () => {
  it('runs concurrent callers once and gives all of them the result', async () => {
    const operations = service.get(OperationsService);
    const cacheKey = freshKey();
    let runs = 0;
    const opened: boolean[] = [];
    const onOpened = ({ cached }: { cached: boolean }) => void opened.push(cached);
    const work = async () => {
      await eventually('all have opened', () => opened.length === 5);
      return { runs: ++runs };
    };
    const values = await Promise.all(
      Array.from({ length: 5 }, () => operations.run('report', { cacheKey, ttl: 60, onOpened }, work)),
    );
    expect(values).toEqual(Array.from({ length: 5 }, () => ({ runs: 1 })));
    expect(opened.filter((cached) => !cached)).toHaveLength(1);
    // What a caller does to its copy is its own business.
    values[1]!.runs = 99;
    expect(await operations.run('report', { cacheKey }, work)).toEqual({ runs: 1 });
    expect(runs).toBe(1);
  });

  it('shares a failure with those who wait, and keeps it for nobody else', async () => {
    const operations = service.get(OperationsService);
    const cacheKey = freshKey();
    let opened = 0;
    let runs = 0;
    const work = async (): Promise<string> => {
      if (++runs > 1) return 'better';
      await eventually('both have opened', () => opened === 2);
      throw new TypeError('Not today');
    };
    const onOpened = () => void opened++;
    const both = await Promise.allSettled(
      [1, 2].map(() => operations.run('report', { cacheKey, onOpened }, work)),
    );
    for (const one of both) {
      expect(one).toMatchObject({ status: 'rejected', reason: { name: 'TypeError', message: 'Not today' } });
    }
    expect(await operations.run('report', { cacheKey }, work)).toBe('better');
  });

  it('whoever waits for work that is cancelled runs it', async () => {
    const operations = service.get(OperationsService);
    const cacheKey = freshKey();
    const ids: string[] = [];
    const onOpened = ({ operationId }: { operationId: string }) => void ids.push(operationId);
    const hanging = operations.run('report', { cacheKey, onOpened }, ({ signal }) => {
      return new Promise<string>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    });
    const refused = expect(hanging).rejects.toMatchObject({ name: 'AbortError' });
    await eventually('it runs', () => ids.length === 1);
    const waiting = operations.run('report', { cacheKey, onOpened }, () => 'mine');
    await eventually('the other waits', () => ids.length === 2);
    await service.rest.post(`/api/operations/${ids[0]}/cancel`);
    await refused;
    expect(await waiting).toBe('mine');
    expect(ids[2]).not.toBe(ids[0]);
  });
});

describe('S1-72 the result cache of MCP tool calls', () => {
  const meta = (key: string) => ({ 'opstream/cache_key': key, 'opstream/ttl': 60 });

  it('runs the same call once; other arguments are another call', async () => {
    const client = await McpClient.connect(`${service.ws}/mcp`);
    await client.initialize();
    const probes = service.get(ProbeTools);
    const key = freshKey();
    const call = (name: string, args: object) =>
      client.request('tools/call', { name, arguments: args, _meta: meta(key) });
    const first = (await call('echo', { text: 'one' })).result;
    expect(first._meta).toEqual({ 'opstream/cached': false, 'opstream/operation_id': expect.any(String) });
    probes.context = undefined;
    const again = (await call('echo', { text: 'one' })).result;
    expect(again).toEqual({ ...first, _meta: { ...(first._meta as object), 'opstream/cached': true } });
    expect(probes.context).toBeUndefined();
    expect((await call('echo', { text: 'two' })).result).toMatchObject({
      content: [{ text: 'two' }],
      _meta: { 'opstream/cached': false },
    });
    expect((await call('user_error', {})).result._meta).toMatchObject({ 'opstream/cached': false });
    // It failed: the next call runs again.
    expect((await call('user_error', {})).result._meta).toMatchObject({ 'opstream/cached': false });
    client.terminate();
  });

  it('a call whose connection was cut is found again by its retry', async () => {
    const client = new McpHttpClient(`${service.http}/mcp`);
    const probes = service.get(ProbeTools);
    const key = freshKey();
    const params = { name: 'gate', arguments: {} };
    const cut = new AbortController();
    const lost = client.fetch(
      client.message('tools/call', modern(params, {}, meta(key))),
      modernHeaders('tools/call', params),
      cut.signal,
    );
    lost.catch(() => {});
    await eventually('the tool waits', () => probes.waiting);
    cut.abort();
    const before = await hits();
    const retry = client.modern('tools/call', params, {}, meta(key));
    await eventually('the retry has found the call', async () => (await hits()) > before);
    probes.open();
    expect((await retry).answer.result).toMatchObject({
      content: [{ text: 'passed' }],
      _meta: { 'opstream/cached': true },
    });
  });
});
