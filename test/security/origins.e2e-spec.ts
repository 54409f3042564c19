import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { everyFace, FACES, statusesOf } from '../harness/transports.js';
import { LogLines } from '../harness/log-lines.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';

describe('trust: where a browser comes from', () => {
  let service: RunningService;
  let token: string;
  const log = new LogLines();

  beforeAll(async () => {
    const settings = { STORE: 'memory', JWT_SECRET: SECRET, ALLOWED_ORIGINS: 'https://app.example' };
    service = await RunningService.start(settings, [], log);
    token = await sign({ sub: 'ann' });
  });
  afterAll(() => service.stop());

  it.each([
    'https://evil.example',
    'null',
    'http://localhost:1',
    'file://',
    'https://app.example.evil.example',
    '%%',
  ])('a page of %s reaches no face, whatever token it has', async (origin) => {
    expect(await statusesOf(service, { token, headers: { origin } })).toEqual(everyFace(403));
    expect(log.of('request_refused').at(-1)).toMatchObject({ reason: 'forbidden' });
    expect(log.of('websocket_auth_failed').at(-1)).toMatchObject({ reason: 'forbidden' });
  });

  it('pages of its own and of ALLOWED_ORIGINS do', async () => {
    for (const origin of [service.http, 'https://app.example']) {
      const statuses = await statusesOf(service, { token, headers: { origin } });
      for (const [face, status] of Object.entries(statuses))
        expect([face, status < 300]).toEqual([face, true]);
    }
  });

  it('a name that was rebound to the loopback address reaches no face', async () => {
    for (const host of ['evil.example', 'evil.example:8765', '127.0.0.1.evil.example', '[::2]']) {
      for (const path of ['/api/stats', '/health/details', '/mcp', '/']) {
        expect([host, path, await statusFor(host, path)]).toEqual([host, path, 403]);
      }
      expect(await FACES.hub!(service, { token, headers: { host } })).toBe(403);
    }
    for (const path of ['/health', '/health/live', '/health/ready']) {
      expect(await statusFor('evil.example', path)).toBe(200);
    }
    for (const host of ['localhost', 'LOCALHOST:1', '[::1]:8765', '127.0.0.1']) {
      expect(await statusFor(host, '/health')).toBe(200);
    }
  });

  it('S4-73: CORS headers go to listed origins only, and preflights are answered', async () => {
    const ask = (path: string, origin: string, init: RequestInit = {}): Promise<Response> =>
      fetch(`${service.http}${path}`, {
        ...init,
        headers: { origin, ...(init.headers as Record<string, string>) },
      });
    const listed = await ask('/api/stats', 'https://app.example');
    expect(listed.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(listed.headers.get('vary')).toContain('Origin');
    expect(listed.headers.get('access-control-allow-credentials')).toBeNull();
    for (const path of ['/api/operations', '/mcp']) {
      const preflight = { method: 'OPTIONS', headers: { 'access-control-request-method': 'POST' } };
      const answer = await ask(path, 'https://app.example', preflight);
      expect(answer.status).toBe(204);
      expect(answer.headers.get('access-control-allow-headers')).toContain('Authorization');
      expect((await ask(path, 'https://evil.example', preflight)).status).toBe(403);
    }
    const aborter = new AbortController();
    const stream = await ask('/api/stream', 'https://app.example', { signal: aborter.signal });
    expect(stream.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(stream.headers.get('x-content-type-options')).toBe('nosniff');
    aborter.abort();
    expect((await ask('/api/stats', service.http)).headers.get('access-control-allow-origin')).toBeNull();
  });

  /** `fetch` does not let a caller choose the Host. */
  function statusFor(host: string, path: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        { host: '127.0.0.1', port: service.port, path, headers: { host }, agent: false },
        (response) => {
          response.destroy();
          resolve(response.statusCode ?? 0);
        },
      );
      outgoing.on('error', reject).end();
    });
  }
});
