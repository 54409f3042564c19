import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FACES, statusesOf } from '../harness/transports.js';
import { JsonSocket } from '../harness/json-socket.js';
import { LogLines } from '../harness/log-lines.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';

/** The kernel reads it as 127.0.0.1; the service does not count it as a loopback address. Tests stay off the network. */
const PUBLIC = { HOST: '127.1', STORE: 'memory' };

describe('trust: on an address that others can reach', () => {
  let service: RunningService;
  const log = new LogLines();

  beforeAll(async () => {
    const limits = { RATE_LIMIT_API: '5', RATE_LIMIT_WS: '20', RATE_LIMIT_AUTH: '100' };
    service = await RunningService.start({ ...PUBLIC, ...limits, JWT_SECRET: SECRET }, [], log);
  });
  afterAll(() => service.stop());

  const bearer = async (claims: Record<string, unknown>): Promise<Record<string, string>> => ({
    authorization: `Bearer ${await sign(claims)}`,
  });

  it('wants a token on every face, but not for health', async () => {
    const statuses = await statusesOf(service, {});
    expect(new Set(Object.values(statuses))).toEqual(new Set([401]));
    for (const path of ['/health', '/health/live', '/health/ready']) {
      expect((await service.rest.get(path)).status).toBe(200);
    }
  });

  it('S4-70: shows metrics to administrators', async () => {
    expect((await service.rest.get('/metrics')).status).toBe(401);
    const user = await service.rest.request('GET', '/metrics', { headers: await bearer({ sub: 'm' }) });
    expect(user.status).toBe(403);
    const admin = await service.rest.request('GET', '/metrics', {
      headers: await bearer({ sub: 'm', role: 'admin' }),
    });
    expect(admin.text).toContain('websocket_connections');
  });

  it('S4-73: limits requests per user, says how long to wait, and leaves others alone', async () => {
    const headers = await bearer({ sub: 'eager' });
    const get = (): ReturnType<typeof service.rest.request> =>
      service.rest.request('GET', '/api/stats', { headers });
    for (let n = 0; n < 5; n += 1) expect((await get()).status).toBe(200);
    const refused = await get();
    expect(refused.status).toBe(429);
    expect(refused.body).toMatchObject({ code: 'too_many_requests', error: { code: 'TOO_MANY_REQUESTS' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(log.of('request_refused').at(-1)).toMatchObject({ reason: 'too_many_requests', userId: 'eager' });
    expect(await FACES['MCP over HTTP']!(service, { headers })).toBe(429);
    const other = await service.rest.request('GET', '/api/stats', { headers: await bearer({ sub: 'calm' }) });
    expect(other.status).toBe(200);
    const namesake = await bearer({ sub: 'eager', tenant: 'elsewhere' });
    expect((await service.rest.request('GET', '/api/stats', { headers: namesake })).status).toBe(200);
  });

  it('S4-73: a token may carry limits of its own', async () => {
    const headers = await bearer({ sub: 'favoured', rate_limits: { api: 0, ws: 0 } });
    for (let n = 0; n < 30; n += 1) {
      expect((await service.rest.request('GET', '/api/stats', { headers })).status).toBe(200);
    }
    const tight = await bearer({ sub: 'tight', rate_limits: { api: 1 } });
    expect((await service.rest.request('GET', '/api/stats', { headers: tight })).status).toBe(200);
    expect((await service.rest.request('GET', '/api/stats', { headers: tight })).status).toBe(429);
  });

  it('S4-73: limits messages of sockets, of any protocol and any content, and items of batches', async () => {
    const hub = await service.hub('/hub', { headers: await bearer({ sub: 'chatty' }) });
    const answers = [];
    for (let n = 0; n < 25; n += 1)
      answers.push(await hub.ask(n % 2 ? 'garbage' : { command: 'ping', request_id: n }));
    const refused = answers.filter(({ data }) => data.code === 'too_many_requests');
    // The upgrade was one, and the allowance grows while it is used.
    expect(refused.length).toBeGreaterThanOrEqual(4);
    expect(refused.length).toBeLessThanOrEqual(6);
    expect(refused[0]).toMatchObject({ data: { retry_after: expect.any(Number) as unknown } });
    // A row of refusals is one line.
    expect(log.of('command_refused').filter(({ userId }) => userId === 'chatty')).toHaveLength(1);

    const mcp = await JsonSocket.connect(`${service.ws}/mcp?token=${await sign({ sub: 'caller' })}`);
    for (let id = 0; id < 25; id += 1) mcp.send(id % 2 ? 'garbage' : { jsonrpc: '2.0', id, method: 'ping' });
    const limited = (await mcp.take(25)).filter((answer) => JSON.stringify(answer).includes('retry_after'));
    expect(limited.length).toBeGreaterThanOrEqual(4);
    expect(limited[0]).toMatchObject({ error: { data: { code: 'too_many_requests' } } });
    expect(log.of('command_refused').filter(({ userId }) => userId === 'caller')).toHaveLength(1);
    mcp.terminate();

    const agent = await service.agent({ sub: 'batcher' });
    agent.send({
      type: 'batch',
      id: 1,
      messages: Array.from({ length: 30 }, (_, id) => ({ id, type: 'ping' })),
    });
    const { responses } = (await agent.next()) as { responses: { code?: string }[] };
    expect(responses.filter(({ code }) => code === 'too_many_requests').length).toBeGreaterThanOrEqual(10);
  });
});

/** Services of their own: the newest one takes Nest's logger, so these come after the tests of the log. */
describe('trust: settings of a public address', () => {
  it('refuses to start open', async () => {
    await expect(RunningService.start({ ...PUBLIC, PORT: '0' })).rejects.toThrow('JWT_SECRET or JWKS_URL');
    await expect(RunningService.start({ STORE: 'memory', HOST: '0.0.0.0' })).rejects.toThrow('0.0.0.0');
    await expect(
      RunningService.start({ ...PUBLIC, JWT_SECRET: SECRET, JWKS_URL: 'http://127.0.0.1:1/' }),
    ).rejects.toThrow('not both');
  });

  it('starts open when told so', async () => {
    const open = await RunningService.start({ ...PUBLIC, ALLOW_ANONYMOUS: 'true' });
    expect((await open.rest.get('/api/stats')).status).toBe(200);
    await open.stop();
  });

  it('S4-73: who guesses too often has to wait, and locks out nobody else', async () => {
    const guarded = await RunningService.start({ ...PUBLIC, RATE_LIMIT_AUTH: '3', JWT_SECRET: SECRET });
    try {
      for (let n = 0; n < 3; n += 1) expect(await FACES.hub!(guarded, { token: 'a.b.c' })).toBe(401);
      for (const face of Object.values(FACES)) expect(await face(guarded, { token: 'a.b.c' })).toBe(429);
      expect(await FACES.hub!(guarded, { token: await sign({ sub: 'u' }) })).toBe(101);
      const refused = await JsonSocket.connect(`${guarded.ws}/hub?token=a.b.d`).catch(
        (error: unknown) => error,
      );
      expect(refused).toMatchObject({
        status: 429,
        headers: { 'retry-after': expect.any(String) as unknown },
      });
    } finally {
      await guarded.stop();
    }
  });

  it('tells clients behind its own proxy apart, and believes nobody else', async () => {
    for (const [TRUST_PROXY, expected] of [
      ['true', 401],
      ['false', 429],
    ] as const) {
      const settings = { ...PUBLIC, RATE_LIMIT_AUTH: '2', JWT_SECRET: SECRET, TRUST_PROXY };
      const proxied = await RunningService.start(settings);
      const guess = (from: string): Promise<number> =>
        FACES.SSE!(proxied, { token: 'a.b.c', headers: { 'x-forwarded-for': `6.6.6.6, ${from}` } });
      await guess('1.1.1.1');
      await guess('1.1.1.1');
      expect(await guess('1.1.1.1')).toBe(429);
      expect(await guess('2.2.2.2')).toBe(expected);
      await proxied.stop();
    }
  });
});
