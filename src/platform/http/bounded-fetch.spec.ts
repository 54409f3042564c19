import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { boundedFetch, type OutgoingRequest } from './bounded-fetch.js';
import { fetchFunction } from './fetch-function.js';
import { FetchError, type FetchFailureKind } from './fetch-error.js';
import { isPublicAddress } from './public-address.js';

const MAX_BYTES = 64 * 1024;
type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A remote that misbehaves in one way for each path; it counts the connections that are open. */
const seen: { url: string | undefined; headers: IncomingMessage['headers'] }[] = [];
let elsewhere = 0;
const connections = { open: 0 };
const paths: Record<string, Handler> = {
  '/ok': (_request, response) => response.end('fine'),
  '/endless': (_request, response) => {
    const more = (): void => {
      while (!response.destroyed)
        if (!response.write(Buffer.alloc(16_384))) return void response.once('drain', more);
    };
    more();
  },
  '/huge': (_request, response) => response.writeHead(200, { 'content-length': 2 ** 40 }).write('x'),
  '/bomb': (_request, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(8 * 1024 * 1024))),
  '/gzip': (_request, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('packed')),
  '/br': (_request, response) =>
    response.writeHead(200, { 'content-encoding': 'br' }).end(brotliCompressSync('packed')),
  '/mute': () => {},
  '/slow': (_request, response) => {
    const timer = setInterval(() => response.write('.'), 20);
    response.on('close', () => clearInterval(timer));
  },
  '/reset': (request) => request.socket.resetAndDestroy(),
  '/half': (_request, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('half');
    setTimeout(() => response.destroy(), 20);
  },
  '/near': (_request, response) => response.writeHead(307, { location: '/ok' }).end(),
  '/away': (_request, response) =>
    response.writeHead(307, { location: `http://localhost:${port(other)}/` }).end(),
  '/circle': (_request, response) => response.writeHead(302, { location: '/circle' }).end(),
  '/file': (_request, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
};
const remote = createServer((request, response) => {
  seen.push({ url: request.url, headers: request.headers });
  paths[request.url ?? '']?.(request, response);
});
remote.on('connection', (socket) => {
  connections.open += 1;
  socket.on('close', () => (connections.open -= 1));
});
const other = createServer((_request, response) => {
  elsewhere += 1;
  response.end();
});

function port(server: Server): number {
  return (server.address() as AddressInfo).port;
}

beforeAll(async () => {
  for (const server of [remote, other]) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
});
afterAll(() => {
  for (const server of [remote, other]) {
    server.closeAllConnections();
    server.close();
  }
});

function to(path: string, more: Partial<OutgoingRequest> = {}): OutgoingRequest {
  return {
    url: `http://127.0.0.1:${port(remote)}${path}`,
    maxBytes: MAX_BYTES,
    headMs: 300,
    totalMs: 600,
    redirects: 'origin',
    ...more,
  };
}

async function failure(request: OutgoingRequest): Promise<FetchError> {
  const failed: unknown = await boundedFetch(request)
    .then((response) => response.bytes())
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
  expect(failed).toBeInstanceOf(FetchError);
  return failed as FetchError;
}

async function untilClosed(): Promise<void> {
  for (let tries = 0; connections.open > 0 && tries < 400; tries++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  expect(connections.open).toBe(0);
}

describe('a remote that misbehaves', () => {
  it.each<[string, FetchFailureKind, RegExp]>([
    ['/endless', 'too_large', /more than 65536 bytes/],
    ['/huge', 'too_large', /more than 65536 bytes/],
    ['/bomb', 'too_large', /more than 65536 bytes/],
    ['/mute', 'timeout', /no answer within 300 ms/],
    ['/slow', 'timeout', /no answer within 600 ms/],
    ['/reset', 'broken', /ECONNRESET|hang up/],
    ['/half', 'broken', /broke within the answer/],
    ['/away', 'broken', /redirects to http:\/\/localhost:\d+, which is not followed/],
    ['/circle', 'broken', /more than 5 times/],
    ['/file', 'broken', /redirects to null|redirects to nowhere/],
  ])('%s is cut off as %s, and its connection closed', async (path, kind, message) => {
    const failed = await failure(to(path, { headers: { 'x-api-key': 'k' } }));
    expect([failed.kind, failed.maybeCarriedOut]).toEqual([kind, true]);
    expect(failed.message).toMatch(message);
    await untilClosed();
    expect(elsewhere).toBe(0);
  });

  it('a request that is given up leaves no connection behind, before and within the answer', async () => {
    for (const path of ['/mute', '/slow']) {
      const giveUp = new AbortController();
      setTimeout(() => giveUp.abort(), 50);
      expect((await failure(to(path, { signal: giveUp.signal }))).kind).toBe('aborted');
      await untilClosed();
    }
  });

  it('a stream that its reader leaves is closed', async () => {
    const response = await boundedFetch(to('/slow', { totalMs: 60_000 }));
    for await (const chunk of response.chunks()) if (chunk.length > 0) break;
    await untilClosed();
  });
});

describe('a remote that cannot be reached', () => {
  it('says that nothing was carried out', async () => {
    const closed = createTcpServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port: free } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const refused = await failure(to('/', { url: `http://127.0.0.1:${free}/` }));
    expect([refused.kind, refused.maybeCarriedOut]).toEqual(['unreachable', false]);
    expect(refused.message).toMatch(/ECONNREFUSED/);
    expect((await failure(to('/', { url: 'http://name.invalid/' }))).kind).toBe('unreachable');
    // It accepts, and never shakes hands.
    const mute = createTcpServer().listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const url = `https://127.0.0.1:${(mute.address() as AddressInfo).port}/`;
    expect((await failure(to('/', { url }))).kind).toBe('unreachable');
    mute.close();
  });

  it.each([
    ['file:///etc/passwd', /not an http/],
    ['nonsense', /not an http/],
  ])('%s is refused', async (url, message) => {
    const failed = await failure(to('/', { url }));
    expect([failed.kind, failed.maybeCarriedOut]).toEqual(['refused', false]);
    expect(failed.message).toMatch(message);
  });

  it('a header that cannot be sent is refused', async () => {
    expect((await failure(to('/ok', { headers: { x: 'a\r\nb: c' } }))).kind).toBe('refused');
  });

  it('addresses that are not public are refused where that is asked, names too', async () => {
    for (const host of ['127.0.0.1', 'localhost', '2130706433', '0x7f.1', '[::1]', '[::ffff:127.0.0.1]']) {
      const url = `http://${host}:${port(remote)}/ok`;
      const failed = await failure(to('/', { url, addresses: 'public' }));
      expect([host, failed.kind, failed.message]).toEqual([host, 'refused', 'its address is not public']);
    }
  });
});

describe('an ordinary remote', () => {
  it.each([
    ['/ok', 'fine'],
    ['/near', 'fine'],
    ['/gzip', 'packed'],
    ['/br', 'packed'],
  ])('%s arrives as %s', async (path, text) => {
    expect(await (await boundedFetch(to(path))).text()).toBe(text);
  });

  it('credentials follow within the origin', async () => {
    seen.length = 0;
    const url = `http://user:pass@127.0.0.1:${port(remote)}/near`;
    await (await boundedFetch(to('', { url, headers: { 'x-api-key': 'k' } }))).text();
    expect(seen.map(({ headers }) => [headers['x-api-key'], headers.authorization])).toEqual([
      ['k', 'Basic dXNlcjpwYXNz'],
      ['k', 'Basic dXNlcjpwYXNz'],
    ]);
  });

  it('redirects are handed back where that is asked', async () => {
    const response = await boundedFetch(to('/away', { redirects: 'none' }));
    expect(response.status).toBe(307);
    response.cancel();
    expect(elsewhere).toBe(0);
  });

  it('libraries get it as a function like fetch', async () => {
    const fetch = fetchFunction({ maxBytes: MAX_BYTES, totalMs: 500 });
    expect(await (await fetch(to('/gzip').url as string)).text()).toBe('packed');
    expect((await fetch(to('/near').url as string)).status).toBe(307);
    await expect(fetch(to('/endless').url as string)).rejects.toThrow(/more than/);
  });
});

it.each([
  ['8.8.8.8', true],
  ['2606:4700::1111', true],
  ['10.1.2.3', false],
  ['172.31.255.255', false],
  ['172.32.0.1', true],
  ['192.168.0.1', false],
  ['169.254.169.254', false],
  ['100.64.0.1', false],
  ['0.0.0.0', false],
  ['::', false],
  ['::1', false],
  ['fd00:ec2::254', false],
  ['fe80::1', false],
  ['::ffff:10.0.0.1', false],
  ['::ffff:8.8.8.8', true],
  ['64:ff9b::7f00:1', false],
  ['2002:7f00:1::', false],
  ['nonsense', false],
])('%s is public: %s', (address, expected) => {
  expect(isPublicAddress(address)).toBe(expected);
});
