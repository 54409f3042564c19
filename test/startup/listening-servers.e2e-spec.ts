import dns from 'node:dns';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { freePort } from '../harness/free-port.js';
import { RunningService } from '../harness/running-service.js';
import { INITIALIZE } from '../harness/transports.js';

/** One address and port that the service listens on. */
interface Place {
  readonly host: string;
  readonly port: number;
}

/**
 * Sends the parts one after the other, each once something has come back for the one before, and gives all that came
 * until the connection ended or was quiet.
 */
async function exchange(place: Place, parts: readonly (string | Buffer)[], until?: RegExp): Promise<string> {
  const socket = connect(place.port, place.host);
  socket.on('error', () => {});
  let text = '';
  socket.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')));
  await once(socket, 'connect');
  for (const part of parts) {
    const before = text.length;
    socket.write(part);
    await vi.waitFor(
      () => {
        if (text.length === before && !socket.destroyed && !socket.readableEnded)
          throw new Error('nothing came');
      },
      { timeout: 5000, interval: 10 },
    );
  }
  if (until) {
    await vi.waitFor(
      () => {
        if (!until.test(text) && !socket.destroyed) throw new Error(`not yet: ${text.slice(0, 500)}`);
      },
      { timeout: 5000, interval: 10 },
    );
  }
  socket.destroy();
  return text;
}

function get(path: string, headers = '', method = 'GET'): string {
  return `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`;
}

function post(path: string, body: string | Buffer, headers = ''): Buffer {
  const head =
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${headers}` +
    `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), Buffer.from(body)]);
}

const H2C = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n';
const WEBSOCKET =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';
const MCP = 'Accept: application/json, text/event-stream\r\n';
const LARGE = Buffer.alloc(9 * 1024 * 1024, 'x');

/** What is asked everywhere, and what has to be answered. */
const QUESTIONS: readonly (readonly [
  name: string,
  ask: (place: Place) => Promise<string>,
  answers: readonly RegExp[],
])[] = [
  ['REST', (place) => exchange(place, [get('/api/stats')]), [/^HTTP\/1\.1 200 /]],
  [
    'REST, behind an offer of h2c, twice on one connection',
    (place) => exchange(place, [get('/health/live', H2C), get('/api/stats', H2C)], /"total_operations"/),
    [/^HTTP\/1\.1 200 /, /"UP"/],
  ],
  [
    'a body behind an offer of h2c',
    (place) => exchange(place, [post('/api/operations', '{"operation_type":"a"}', H2C)]),
    [/^HTTP\/1\.1 201 /],
  ],
  [
    'MCP behind an offer of h2c',
    (place) => exchange(place, [post('/mcp', JSON.stringify(INITIALIZE), MCP + H2C)]),
    [/^HTTP\/1\.1 200 /],
  ],
  [
    'an event stream',
    (place) => exchange(place, [get('/api/stream', H2C)]),
    [/^HTTP\/1\.1 200 /, /event-stream/],
  ],
  [
    'HEAD of an event stream, and the next request',
    (place) => exchange(place, [get('/api/stream', '', 'HEAD'), get('/health/live')], /"UP"/),
    [/^HTTP\/1\.1 200 /, /event-stream/, /"UP"/],
  ],
  ['the hub', (place) => exchange(place, [get('/hub', WEBSOCKET)]), [/^HTTP\/1\.1 101 /]],
  [
    'the hub, offered beside h2c',
    (place) => exchange(place, [get('/hub', WEBSOCKET.replace('e: w', 'e: h2c, w'))]),
    [/^HTTP\/1\.1 101 /],
  ],
  ['MCP over WebSocket', (place) => exchange(place, [get('/mcp', WEBSOCKET)]), [/^HTTP\/1\.1 101 /]],
  [
    'agents, which want a token',
    (place) => exchange(place, [get('/agents', WEBSOCKET)]),
    [/^HTTP\/1\.1 401 /],
  ],
  ...['http://localhost/mcp', '/%6dcp', '/mcp/', '/mcp/?a=b?c'].flatMap((path): typeof QUESTIONS => [
    [
      `MCP at ${path}`,
      (place) => exchange(place, [post(path, JSON.stringify(INITIALIZE), MCP)]),
      [/^HTTP\/1\.1 200 /],
    ],
    [
      `MCP over WebSocket at ${path}`,
      (place) => exchange(place, [get(path, WEBSOCKET)]),
      [/^HTTP\/1\.1 101 /],
    ],
  ]),
  [
    'MCP without Accept',
    (place) => exchange(place, [post('/mcp', JSON.stringify(INITIALIZE), 'Accept:\r\n')]),
    [/^HTTP\/1\.1 200 /],
  ],
  ...['http://localhost/hub', '/%68ub', '/hub/'].map((path): (typeof QUESTIONS)[number] => [
    `the hub at ${path}`,
    (place) => exchange(place, [get(path, WEBSOCKET)]),
    [/^HTTP\/1\.1 101 /],
  ]),
  ['a socket on no path', (place) => exchange(place, [get('/nothing', WEBSOCKET)]), [/^HTTP\/1\.1 400 /]],
  [
    'an offer of compression that cannot be taken',
    (place) =>
      exchange(place, [
        get('/hub', `${WEBSOCKET}Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n`),
      ]),
    [/^HTTP\/1\.1 101 (?![^]*Sec-WebSocket-Extensions)/],
  ],
  [
    'a body that is too large, from a client that reads when it has written',
    (place) =>
      exchange(place, [post('/api/operations', LARGE, 'Connection: close\r\n')], /payload_too_large/),
    [/^HTTP\/1\.1 413 /, /problem\+json/],
  ],
  [
    'a body that is too large, in chunks, and the next request',
    (place) => {
      const head = get(
        '/api/operations',
        'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n',
        'POST',
      );
      const chunk = Buffer.concat([
        Buffer.from(`${LARGE.length.toString(16)}\r\n`),
        LARGE,
        Buffer.from('\r\n0\r\n\r\n'),
      ]);
      return exchange(place, [Buffer.concat([Buffer.from(head), chunk])], /payload_too_large/);
    },
    [/^HTTP\/1\.1 413 /],
  ],
  [
    'a body that is too large for MCP',
    (place) => exchange(place, [post('/mcp', LARGE, MCP)], /"error"/),
    [/^HTTP\/1\.1 413 /],
  ],
  [
    'Expect: 100-continue, and then the body',
    (place) => {
      const body = '{"operation_type":"a"}';
      const [head = ''] = post('/api/operations', body, 'Expect: 100-continue\r\n').toString().split(body);
      return exchange(place, [head, body], /operation_type/);
    },
    [/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201 /],
  ],
  [
    'Expect: 100-continue before a body that is too large',
    (place) =>
      exchange(
        place,
        [
          `POST /api/operations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: ${LARGE.length}\r\n\r\n`,
        ],
        /too_large/,
      ),
    [/^HTTP\/1\.1 413 /],
  ],
  [
    'Expect: 100-continue from a page elsewhere',
    (place) =>
      exchange(
        place,
        [
          'POST /api/operations HTTP/1.1\r\nHost: localhost\r\nOrigin: https://elsewhere.example\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 20\r\n\r\n',
        ],
        /forbidden/,
      ),
    [/^HTTP\/1\.1 403 /],
  ],
  [
    '40 KB of cookies',
    (place) => exchange(place, [get('/api/stats', `Cookie: ${'c'.repeat(40_000)}\r\n`)]),
    [/^HTTP\/1\.1 200 /],
  ],
  [
    'more headers than anyone needs',
    (place) => exchange(place, [get('/api/stats', `Cookie: ${'c'.repeat(80_000)}\r\n`)], /headers_too_large/),
    [/^HTTP\/1\.1 431 /, /problem\+json/, /nosniff/, /"id":"[\w-]{36}"/],
  ],
  [
    'a malformed header',
    (place) => exchange(place, [get('/api/stats', 'no colon\r\n')], /invalid_request/),
    [/^HTTP\/1\.1 400 /, /problem\+json/, /nosniff/],
  ],
  [
    'no Host',
    (place) => exchange(place, ['GET /api/stats HTTP/1.1\r\n\r\n'], /Host header is missing/),
    [/^HTTP\/1\.1 400 /, /problem\+json/],
  ],
  [
    'an invalid chunk',
    (place) =>
      exchange(
        place,
        [
          get('/api/operations', 'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n', 'POST') +
            'zz\r\n',
        ],
        /invalid_request/,
      ),
    [/^HTTP\/1\.1 400 /, /problem\+json/],
  ],
  [
    'a method that a path does not take',
    (place) => exchange(place, [get('/api/stats', 'Content-Length: 0\r\n', 'POST')], /method_not_allowed/),
    [/^HTTP\/1\.1 405 /, /allow: GET, HEAD\r\n/i],
  ],
  [
    'a path that does not exist, with a body that is no JSON',
    (place) => exchange(place, [post('/api/nothing', '{')], /not_found/),
    [/^HTTP\/1\.1 404 /],
  ],
  [
    'a preflight of a listed page',
    (place) =>
      exchange(place, [
        get(
          '/api/operations',
          'Origin: https://app.example\r\nAccess-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: traceparent,x-custom\r\n',
          'OPTIONS',
        ),
      ]),
    [
      /^HTTP\/1\.1 204 /,
      /access-control-allow-headers: traceparent,x-custom\r\n/i,
      /access-control-allow-methods: [^\r]*PUT/i,
    ],
  ],
  [
    'a packed body',
    (place) =>
      exchange(place, [
        post('/api/operations', gzipSync('{"operation_type":"a"}'), 'Content-Encoding: gzip\r\n'),
      ]),
    [/^HTTP\/1\.1 201 /],
  ],
  [
    'a body in an encoding that nobody knows',
    (place) =>
      exchange(
        place,
        [post('/api/operations', '{"operation_type":"a"}', 'Content-Encoding: snappy\r\n')],
        /snappy/,
      ),
    [/^HTTP\/1\.1 415 /, /gzip/],
  ],
  [
    'a page behind a path of a proxy',
    (place) => exchange(place, [get('/api-json')], /"servers"/),
    [/"servers":\s*\[\s*\{\s*"url":\s*"\.\/"/],
  ],
];

const IPV6 = await new Promise<boolean>((resolve) => {
  const probe = createServer();
  probe.once('error', () => resolve(false));
  probe.listen(0, '::1', () => probe.close(() => resolve(true)));
});
const HOSTS = IPV6 ? ['127.0.0.1', '::1'] : ['127.0.0.1'];

describe('every address and port serves every protocol in the same way', () => {
  let service: RunningService;
  const ports: number[] = [];

  beforeAll(async () => {
    // What a name server says of `localhost` on most machines, whatever it is on this one.
    const { lookup } = dns;
    const found = HOSTS.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    vi.spyOn(dns, 'lookup').mockImplementation(((
      host: string,
      ...rest: [object, (...all: unknown[]) => void]
    ) => {
      if (host === 'localhost') rest[1](null, found);
      else (lookup as (...all: unknown[]) => void)(host, ...rest);
    }) as typeof dns.lookup);
    ports.push(await freePort(), await freePort());
    service = await RunningService.start({
      STORE: 'memory',
      HOST: 'localhost',
      PORT: String(ports[0]),
      EXTRA_PORTS: String(ports[1]),
      ALLOWED_ORIGINS: 'https://app.example',
    });
    vi.restoreAllMocks();
  });
  afterAll(() => service.stop());

  describe.each(HOSTS)('on %s', (host) => {
    describe.each(['PORT', 'EXTRA_PORTS'])('at %s', (which) => {
      it.each(QUESTIONS)('%s', async (_name, ask, answers) => {
        const answer = await ask({ host, port: ports[which === 'PORT' ? 0 : 1]! });
        for (const wanted of answers) expect(answer).toMatch(wanted);
      });
    });
  });
});
