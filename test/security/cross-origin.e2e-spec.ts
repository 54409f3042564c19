import { createConnection } from 'node:net';
import { DiscoveryService } from '@nestjs/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { McpHttp } from '../../src/mcp/transports/http/mcp-http.service.js';
import { StreamsHttp } from '../../src/streams/http/streams-http.service.js';
import { JsonSocket } from '../harness/json-socket.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';

const LISTED = 'https://app.example';
const UNLISTED = 'https://evil.example';
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
/** What the document does not describe, and what nothing serves. */
const FURTHER_PATHS = [
  '/',
  '/mcp',
  '/sse',
  '/messages',
  '/.well-known/oauth-protected-resource',
  '/docs',
  '/api-json',
  '/examples/hub-client.html',
  '/items/1',
  '/api/nothing',
  '/nothing',
  '/api/%zz',
  '/hub',
  '/v1/stream/',
];
/** Answered regardless of the origin. */
const OPEN_PATHS = ['/health', '/health/live', '/health/ready'];
/** Refused before the origin is read. */
const UNREADABLE_PATHS = ['/api/%zz'];
const PREFLIGHT = { 'access-control-request-method': 'PATCH', 'access-control-request-headers': 'x-custom' };

/** Headers that every page may read, and those that browsers and proxies act on themselves. */
const NEED_NO_EXPOSURE =
  /^(?:cache-control|content-language|content-length|content-type|expires|last-modified|pragma|connection|keep-alive|transfer-encoding|vary|access-control-.*|x-content-type-options|x-frame-options|referrer-policy|cross-origin-.*|content-security-policy|x-accel-buffering)$/;

interface Answer {
  readonly status: number;
  readonly headers: Headers;
}

/** The response's head alone: streams would go on for ever. */
async function ask(url: string, init: RequestInit & { origin?: string }): Promise<Answer> {
  const { origin, ...rest } = init;
  const headers = { ...(init.headers as Record<string, string>), ...(origin !== undefined && { origin }) };
  const aborter = new AbortController();
  const { status, headers: answered } = await fetch(url, {
    ...rest,
    headers,
    redirect: 'manual',
    signal: aborter.signal,
  });
  aborter.abort();
  return { status, headers: answered };
}

function hiddenFrom({ headers }: Answer): string[] {
  const exposed = new Set((headers.get('access-control-expose-headers') ?? '').toLowerCase().split(', '));
  return [...headers.keys()].filter((name) => !NEED_NO_EXPOSURE.test(name) && !exposed.has(name));
}

/** What a browser goes by. */
function verdict({ headers }: Answer): object {
  return {
    allowed: headers.get('access-control-allow-origin'),
    credentials: headers.get('access-control-allow-credentials'),
    varies: /\borigin\b/i.test(headers.get('vary') ?? ''),
  };
}

const readable = { allowed: LISTED, credentials: null, varies: true };
const unreadable = { allowed: null, credentials: null, varies: true };

describe('pages of other origins: every route and method', () => {
  let service: RunningService;
  let paths: string[];

  beforeAll(async () => {
    service = await RunningService.start({
      STORE: 'memory',
      JWT_SECRET: SECRET,
      JWT_ISSUER: 'https://issuer.example',
      MCP_LEGACY_SSE: 'true',
      DEMO: 'true',
      ALLOWED_ORIGINS: LISTED,
    });
    const document = (await (await fetch(`${service.http}/api-json`)).json()) as { paths: object };
    const described = Object.keys(document.paths).map((path) => path.replaceAll(/\{\w+\}/g, 'x'));
    expect(described.length).toBeGreaterThan(30);
    paths = [...new Set([...described, ...FURTHER_PATHS])];
  });
  afterAll(() => service.stop());

  /** Asks every path with every method. */
  async function everywhere(
    origin: string | undefined,
    check: (answer: Answer, path: string, method: string) => void,
  ): Promise<void> {
    for (const path of paths) {
      await Promise.all(
        METHODS.map(async (method) => {
          const answer = await ask(service.http + path, {
            method,
            ...(origin !== undefined && { origin }),
          });
          check(answer, path, method);
        }),
      );
    }
  }

  it('a listed origin may read every response and every header of it', async () => {
    const statuses = new Set<number>();
    await everywhere(LISTED, (answer, path, method) => {
      statuses.add(answer.status);
      expect([method, path, verdict(answer)]).toEqual([method, path, readable]);
      expect([method, path, hiddenFrom(answer)]).toEqual([method, path, []]);
    });
    expect([...statuses]).toEqual(expect.arrayContaining([200, 400, 403, 404, 405, 415]));
  });

  it('a listed origin gets its preflight answered on every route', async () => {
    for (const path of paths.filter((one) => !UNREADABLE_PATHS.includes(one))) {
      const answer = await ask(service.http + path, {
        method: 'OPTIONS',
        origin: LISTED,
        headers: { ...PREFLIGHT, 'access-control-request-private-network': 'true' },
      });
      expect([path, answer.status, verdict(answer)]).toEqual([path, 204, readable]);
      const { headers } = answer;
      expect(headers.get('access-control-allow-methods')).toBe('GET, HEAD, POST, PUT, PATCH, DELETE');
      expect(headers.get('access-control-allow-headers')).toBe('x-custom');
      expect(headers.get('access-control-allow-private-network')).toBe('true');
      expect(headers.get('vary')).toContain('Access-Control-Request-Headers');
    }
  });

  it.each([UNLISTED, 'null', `${LISTED}.evil.example`])('%s may read nothing', async (origin) => {
    await everywhere(origin, (answer, path, method) => {
      expect([method, path, verdict(answer)]).toEqual([method, path, unreadable]);
      const isOpen = OPEN_PATHS.includes(path) && (method === 'GET' || method === 'HEAD');
      if (!isOpen && !UNREADABLE_PATHS.includes(path))
        expect([method, path, answer.status]).toEqual([method, path, 403]);
    });
    for (const path of paths.filter((one) => !UNREADABLE_PATHS.includes(one))) {
      const answer = await ask(service.http + path, { method: 'OPTIONS', origin, headers: PREFLIGHT });
      expect([path, answer.status, verdict(answer)]).toEqual([path, 403, unreadable]);
      expect(answer.headers.has('access-control-allow-methods')).toBe(false);
    }
  });

  it('without an origin nothing is granted, and caches learn that origins differ', async () => {
    await everywhere(undefined, (answer, path, method) => {
      expect([method, path, verdict(answer)]).toEqual([method, path, unreadable]);
    });
  });

  it('a listed page may read why it was refused: token, size, type, protocol', async () => {
    const json = { 'content-type': 'application/json' };
    const refusals: [number, string, RequestInit][] = [
      [401, '/api/operations', { headers: { authorization: 'Bearer a.b.c' } }],
      [401, '/mcp', { method: 'POST', headers: { authorization: 'Bearer a.b.c' } }],
      [401, '/v1/stream/x', { headers: { authorization: 'Bearer a.b.c' } }],
      [403, '/api/keys', {}],
      [404, '/api/operations/none/log?follow=true', {}],
      [400, '/api/operations', { method: 'POST', headers: json, body: '{' }],
      [406, '/mcp', { headers: { accept: 'text/plain' } }],
      [413, '/api/operations', { method: 'POST', headers: json, body: 'x'.repeat(20 * 1024 * 1024) }],
      [413, '/mcp', { method: 'POST', headers: json, body: 'x'.repeat(5 * 1024 * 1024) }],
    ];
    for (const [status, path, init] of refusals) {
      const accept: Record<string, string> =
        path === '/mcp' ? { accept: 'application/json, text/event-stream' } : {};
      const headers = { ...accept, ...(init.headers as Record<string, string>) };
      const answer = await ask(service.http + path, { ...init, headers, origin: LISTED });
      expect([path, answer.status, verdict(answer)]).toEqual([path, status, readable]);
      expect([path, hiddenFrom(answer)]).toEqual([path, []]);
    }
  });

  it('a listed page may read the refusal of a body that is not valid HTTP', async () => {
    const socket = createConnection(service.port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.write(
      `POST /api/operations HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: ${LISTED}\r\n` +
        'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    );
    await new Promise((resolve) => socket.once('close', resolve));
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text.toLowerCase()).toContain(`access-control-allow-origin: ${LISTED}\r\n`);
  });

  it('a listed page may read and download raw logs, and the headers of streams', async () => {
    await fetch(`${service.http}/api/operations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ operation_type: 't', operation_id: 'logged' }),
    });
    await fetch(`${service.http}/v1/stream/page`, {
      method: 'PUT',
      headers: { 'content-type': 'text/plain' },
    });
    const log = await ask(`${service.http}/api/operations/logged/log?download=true`, { origin: LISTED });
    expect([log.status, log.headers.has('content-disposition'), hiddenFrom(log)]).toEqual([200, true, []]);
    const stream = await ask(`${service.http}/v1/stream/page?offset=-1`, { origin: LISTED });
    expect([stream.status, stream.headers.has('stream-next-offset'), hiddenFrom(stream)]).toEqual([
      200,
      true,
      [],
    ]);
  });
});

it('a listed page may read that there is too much of something, and that the service ends', async () => {
  const settings = { STORE: 'memory', MAX_OPERATIONS: '1', ALLOWED_ORIGINS: LISTED };
  const service = await RunningService.start(settings);
  try {
    const create = (): Promise<Answer> =>
      ask(`${service.http}/api/operations`, {
        method: 'POST',
        origin: LISTED,
        headers: { 'content-type': 'application/json' },
        body: '{"operation_type":"t"}',
      });
    expect((await create()).status).toBe(201);
    const full = await create();
    expect([full.status, verdict(full), hiddenFrom(full)]).toEqual([429, readable, []]);
    service.get(McpHttp).onModuleDestroy();
    service.get(StreamsHttp).beforeApplicationShutdown();
    for (const path of ['/mcp', '/v1/stream/x']) {
      const answer = await ask(service.http + path, { method: 'POST', origin: LISTED });
      expect([path, answer.status, verdict(answer)]).toEqual([path, 503, readable]);
    }
  } finally {
    await service.stop();
  }
});

describe('tokens of browsers, by subprotocol', () => {
  /** Every socket by the path its gateway declares, with further paths that existing clients use. */
  const SOCKETS: Readonly<Record<string, readonly string[]>> = {
    '/hub': ['/hub', '/'],
    '/agents': ['/agents'],
    '/sessions/:session_id': ['/sessions/s', '/ws/s'],
    '/mcp': ['/mcp', '/ws'],
    '/mcp/:session_id': ['/mcp/s'],
    '/mcp/peer/:name': ['/mcp/peer/robot'],
  };
  const sockets = Object.values(SOCKETS).flat();
  let service: RunningService;
  let token: string;

  beforeAll(async () => {
    service = await RunningService.start({
      STORE: 'memory',
      JWT_SECRET: SECRET,
      ALLOW_ANONYMOUS: 'false',
      ALLOWED_ORIGINS: LISTED,
      MCP_PEERS: '[{"name":"robot","accept":true}]',
    });
    token = await sign({ sub: 'ann' });
  });
  afterAll(() => service.stop());

  async function connect(path: string, origin: string, subprotocols: readonly string[]): Promise<string> {
    const client = await JsonSocket.connect(service.ws + path, { subprotocols, origin });
    client.terminate();
    return client.socket.protocol;
  }

  it('this table has every socket', () => {
    const declared = service.app
      .get(DiscoveryService, { strict: false })
      .getProviders()
      .map(({ metatype }) => metatype && Reflect.getMetadata('websockets:gateway_options', metatype))
      .filter((options): options is { path: string } => options !== undefined && options !== null)
      .map(({ path }) => path);
    expect([...new Set(declared)].toSorted()).toEqual(Object.keys(SOCKETS).toSorted());
  });

  it.each(sockets)('%s admits a listed page with a token, alone or behind a plain name', async (path) => {
    const bearer = `bearer.${token}`;
    // A browser fails the connection unless one of its offers is chosen.
    expect(await connect(path, LISTED, [bearer])).toBe(bearer);
    for (const name of ['opstream', 'mcp']) {
      expect([name, bearer]).toContain(await connect(path, LISTED, [name, bearer]));
    }
  });

  it.each(sockets)('%s refuses no token, a wrong one, and the right one on another page', async (path) => {
    await expect(connect(path, LISTED, ['opstream'])).rejects.toMatchObject({ status: 401 });
    await expect(connect(path, LISTED, ['opstream', 'bearer.a.b.c'])).rejects.toMatchObject({ status: 401 });
    for (const origin of [UNLISTED, 'null']) {
      await expect(connect(path, origin, [`bearer.${token}`])).rejects.toMatchObject({ status: 403 });
    }
  });
});
