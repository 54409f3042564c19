import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LogLines } from '../harness/log-lines.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';
import { FACES, statusesOf } from '../harness/transports.js';

/** What others can reach, though it listens on a loopback address. */
const BEHIND_PROXY: Record<string, Record<string, string>> = {
  'TRUST_PROXY=true': { TRUST_PROXY: 'true' },
  'ALLOWED_HOSTS beyond loopback': { ALLOWED_HOSTS: 'ops.example' },
  'an address of the network': { HOST: '127.1' },
};
const DESCRIPTIONS = ['/docs', '/docs/', '/api-json', '/api-yaml', '/docs/swagger-ui-init.js'];

describe.each(Object.entries(BEHIND_PROXY))('exposure: %s', (_how, settings) => {
  let service: RunningService;
  beforeAll(async () => {
    service = await RunningService.start({ STORE: 'memory', JWT_SECRET: SECRET, ...settings });
  });
  afterAll(() => service.stop());

  it('lets nobody in without a token', async () => {
    expect(new Set(Object.values(await statusesOf(service, {})))).toEqual(new Set([401]));
  });

  it('keeps descriptions for those who may use it, and internals for administrators', async () => {
    const user = { authorization: `Bearer ${await sign({ sub: 'ann' })}` };
    const admin = { authorization: `Bearer ${await sign({ sub: 'root', scope: 'admin' })}` };
    for (const path of DESCRIPTIONS)
      expect([path, (await service.rest.get(path)).status]).toEqual([path, 401]);
    expect((await service.rest.request('GET', '/api-json', { headers: user })).status).toBe(200);
    for (const path of ['/metrics', '/health/details']) {
      expect((await service.rest.get(path)).status).toBe(401);
      expect((await service.rest.request('GET', path, { headers: user })).status).toBe(403);
      expect((await service.rest.request('GET', path, { headers: admin })).status).toBe(200);
    }
  });

  it('answers health whatever the Host', async () => {
    for (const path of ['/health', '/health/live', '/health/ready']) {
      for (const host of ['Host: 10.1.2.3:8765\r\n', 'Host: localhost\r\n', 'Host: evil.example\r\n', '']) {
        const version = host === '' ? '1.0' : '1.1';
        const status = await rawStatus(
          service,
          `GET ${path} HTTP/${version}\r\n${host}Connection: close\r\n\r\n`,
        );
        expect([path, host, status]).toEqual([path, host, 200]);
      }
    }
  });
});

describe('exposure: a local service', () => {
  let service: RunningService;
  const log = new LogLines();
  beforeAll(async () => {
    service = await RunningService.start({ STORE: 'memory', JWT_SECRET: SECRET }, [], log);
  });
  afterAll(() => service.stop());

  it.each(['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'forwarded', 'via'])(
    'a request with %s needs a token, and the log says why',
    async (name) => {
      const headers = { [name]: 'something' };
      expect(new Set(Object.values(await statusesOf(service, { headers })))).toEqual(new Set([401]));
      expect((await service.rest.request('GET', '/metrics', { headers })).status).toBe(401);
      expect(log.of('request_refused').at(-1)).toMatchObject({
        detail: expect.stringContaining('TRUST_PROXY') as unknown,
      });
      const statuses = await statusesOf(service, { headers, token: await sign({ sub: 'ann' }) });
      for (const [face, status] of Object.entries(statuses))
        expect([face, status < 300]).toEqual([face, true]);
    },
  );

  it('all its loopback names are one origin, on its own port alone', async () => {
    const { port } = new URL(service.http);
    const status = (origin: string): Promise<number> => FACES.hub!(service, { headers: { origin } });
    for (const name of ['localhost', '127.0.0.1', '[::1]'])
      expect([name, await status(`http://${name}:${port}`)]).toEqual([name, 101]);
    const foreign = [
      'http://localhost:1',
      `https://127.0.0.1:${port}`,
      `http://evil.example:${port}`,
      'null',
      'https://',
    ];
    for (const origin of foreign) expect([origin, await status(origin)]).toEqual([origin, 403]);
    const refused = await service.rest.request('GET', '/api/stats', {
      headers: { origin: 'http://localhost:1' },
    });
    expect(refused.body).toMatchObject({ detail: expect.stringContaining('ALLOWED_ORIGINS') as unknown });
  });

  it('pages of other sites load nothing, and may lead to its pages', async () => {
    const fetchMeta = {
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'no-cors',
      'sec-fetch-dest': 'image',
    };
    const visit = {
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
    };
    for (const path of ['/api/operations', '/metrics', '/docs', '/mcp', '/health/details'])
      expect([path, await statusOf(service, path, fetchMeta)]).toEqual([path, 403]);
    for (const path of ['/api/operations', '/metrics'])
      expect([path, await statusOf(service, path, visit)]).toEqual([path, 403]);
    expect(await statusOf(service, '/docs', visit)).toBe(200);
    expect(await statusOf(service, '/api/stats', { 'sec-fetch-site': 'same-origin' })).toBe(200);
    const { headers } = await service.rest.get('/api/stats');
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
    expect(headers.get('cache-control')).toBe('no-store');
    expect((await service.rest.get('/docs')).headers.get('content-security-policy')).toContain(
      "default-src 'none'",
    );
  });

  it('two Host headers are refused, and so is an address that is none', async () => {
    const get = (hosts: string): Promise<number> =>
      rawStatus(service, `GET /api/stats HTTP/1.1\r\n${hosts}\r\n\r\n`);
    expect(await get('Host: localhost\r\nHost: evil.example')).toBe(400);
    expect(await get('Host: 127.999.999.999')).toBe(403);
  });
});

describe('exposure: settings', () => {
  it.each([
    [{ HOST: '127.1', JWT_SECRET: 'a' }, 'fewer than 32 bytes'],
    [{ TRUST_PROXY: 'true', JWT_SECRET: 'your-256-bit-secret-for-every-service' }, 'of an example'],
    [{ ALLOWED_HOSTS: 'ops.example' }, 'ALLOWED_HOSTS=ops.example'],
    [{ JWKS_URL: 'https://idp.example/keys' }, 'JWT_ISSUER'],
  ])('%j does not start', async (settings, message) => {
    await expect(RunningService.start({ STORE: 'memory', ...settings })).rejects.toThrow(message);
  });
});

function statusOf(service: RunningService, path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    httpRequest(`${service.http}${path}`, { headers }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    })
      .on('error', reject)
      .end();
  });
}

function rawStatus(service: RunningService, text: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(service.http).port), '127.0.0.1', () => socket.write(text));
    socket.once('data', (data) => {
      socket.destroy();
      resolve(Number(data.toString().slice(9, 12)));
    });
    socket.once('error', reject);
  });
}
