import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { mutualPeer } from '../../../src/config/peer-settings.js';
import type { Peer } from '../../../src/mcp/peers/peer.js';
import { Peers } from '../../../src/mcp/peers/peers.service.js';
import { eventually } from '../../harness/eventually.js';
import { RunningService } from '../../harness/running-service.js';
import { ScriptedPeer, text, type Exchange, type Script } from '../../harness/scripted-peer.js';

/**
 * The fate of a request, of its session and of the connection, for every class of status, content type and body that a
 * peer may answer with, while another call of the same peer runs.
 */

let service: RunningService;
let peers: Peers;
const remotes: ScriptedPeer[] = [];
let count = 0;
beforeAll(async () => {
  service = await RunningService.start({
    STORE: 'memory',
    LOG_LEVEL: 'silent',
    MCP_PEER_RETRY_MAX_MS: '200',
  });
  peers = service.get(Peers);
});
afterEach(async () => {
  await peers.stopAll();
  await Promise.all(remotes.splice(0).map((remote) => remote.stop()));
});
afterAll(() => service.stop());

const QUICK = { pingIntervalMs: 60_000, pingTimeoutMs: 300, requestMs: 4000, requestMaxMs: 4000 };

async function connected(script: Script, timeouts = {}): Promise<{ remote: ScriptedPeer; peer: Peer }> {
  const remote = await ScriptedPeer.start(script);
  remotes.push(remote);
  const settings = { ...mutualPeer(`p${++count}`, remote.url), role: 'client' as const };
  const peer = peers.add(settings, { ...QUICK, ...timeouts });
  await peer.whenConnected(AbortSignal.timeout(5000));
  return { remote, peer };
}

/** What a call of a tool comes to. */
async function call(peer: Peer, name: string): Promise<string> {
  const { client } = peer;
  if (!client) return `not connected: ${peer.problem ?? ''}`;
  return client.request('tools/call', { name, arguments: {} }).then(
    ({ result, error }) =>
      error
        ? `error: ${JSON.stringify(error.message)}`
        : (result as { content: { text: string }[] }).content[0]!.text,
    (thrown: Error & { maybeCarriedOut?: boolean }) =>
      `${thrown.maybeCarriedOut ? 'maybe carried out' : 'not carried out'}: ${thrown.message}`,
  );
}

/** A call that runs for a while; resolves when the remote has it. */
function slowly(exchange: Exchange, ms: number): void {
  const say = exchange.stream();
  setTimeout(() => {
    say(text(exchange.message.id, 'slow done'));
    exchange.response.end();
  }, ms);
}

type Answer = (exchange: Exchange) => void;
const raw =
  (status: number, type: string | undefined, body: (id: unknown) => string): Answer =>
  ({ response, message }) =>
    void response.writeHead(status, type === undefined ? {} : { 'content-type': type }).end(body(message.id));
const rpc = (message: object) => (id: unknown) =>
  JSON.stringify({
    jsonrpc: '2.0',
    ...JSON.parse(JSON.stringify(message).replaceAll('"$id"', JSON.stringify(id))),
  });

const JSON_TYPE = 'application/json';
const BODIES: [name: string, type: string | undefined, body: (id: unknown) => string][] = [
  ['nothing', undefined, () => ''],
  ['a page', 'text/html', () => '<p>oops</p>'],
  ['broken JSON', JSON_TYPE, () => '{'],
  ['JSON of no kind', JSON_TYPE, () => '{"detail":"oops"}'],
  ['an error without an id', JSON_TYPE, rpc({ error: { code: -32000, message: 'oops' } })],
  [
    'an error of another id',
    JSON_TYPE,
    rpc({ id: 'server-error', error: { code: -32600, message: 'oops' } }),
  ],
  ['an error of its id', JSON_TYPE, rpc({ id: '$id', error: { code: -32000, message: 'oops' } })],
  ['an unknown method', JSON_TYPE, rpc({ id: '$id', error: { code: -32601, message: 'oops' } })],
  ['a notification', JSON_TYPE, rpc({ method: 'notifications/message', params: {} })],
];
/** Statuses, and what is said of a request that got no message with one. */
const STATUSES: [status: number, carriedOut: 'maybe' | 'not'][] = [
  [200, 'maybe'],
  [202, 'maybe'],
  [302, 'not'],
  [401, 'not'],
  [403, 'not'],
  [409, 'not'],
  [429, 'not'],
  [500, 'maybe'],
  [502, 'maybe'],
  [503, 'not'],
];

describe('an answer settles its own request and nothing else', () => {
  it('every status, with every kind of body', () =>
    Promise.all(
      STATUSES.map(async ([status, carriedOut]) => {
        const { peer, remote } = await connected({
          call: (exchange) => {
            const name = String(exchange.message.params?.name);
            if (name === 'slow') return slowly(exchange, 600);
            if (name === 'quick') return exchange.json(text(exchange.message.id, 'quick done'));
            const [, type, body] = BODIES.find(([what]) => what === name)!;
            raw(status, type, body)(exchange);
          },
        });
        const slow = call(peer, 'slow');
        for (const [what] of BODIES) {
          const outcome = await call(peer, what);
          const isError = /error|method/.test(what);
          const expected = isError
            ? 'error: "oops"'
            : `${carriedOut === 'maybe' ? 'maybe' : 'not'} carried out: the peer answered ${status}`;
          expect(`${what}: ${outcome}`).toContain(`${what}: ${expected}`);
          expect(await call(peer, 'quick')).toBe('quick done');
        }
        expect(await slow).toBe('slow done');
        expect([remote.handshakes, peer.state, peer.problem]).toEqual([1, 'connected', undefined]);
      }),
    ));

  const ODD: [what: string, answer: Answer, outcome: RegExp][] = [
    [
      'a reset',
      ({ request }) => request.socket.resetAndDestroy(),
      /^maybe carried out: .*(ECONNRESET|hang up)/,
    ],
    [
      'a result of another id',
      raw(200, JSON_TYPE, rpc({ id: 99_999, result: {} })),
      /^maybe carried out: .*without a message/,
    ],
    [
      'a redirect elsewhere',
      ({ response }) => void response.writeHead(307, { location: 'http://localhost:1/' }).end(),
      /redirects to http:\/\/localhost:1, which is not followed/,
    ],
    [
      'a stream that ends',
      ({ response }) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(),
      /^maybe carried out: the stream of the answer ended/,
    ],
    [
      'a stream that breaks',
      ({ response }) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {');
        setTimeout(() => response.destroy(), 20);
      },
      /^maybe carried out: the stream of the answer ended/,
    ],
    ['an answer in a batch', raw(200, JSON_TYPE, (id) => JSON.stringify([text(id, 'ok')])), /^ok$/],
    ['an id as text', raw(200, JSON_TYPE, (id) => JSON.stringify(text(String(id), 'ok'))), /^(ok|maybe)/],
    [
      'an answer without end',
      ({ response }) => {
        response.writeHead(200, { 'content-type': JSON_TYPE });
        const more = (): void => {
          while (!response.destroyed)
            if (!response.write(Buffer.alloc(1 << 20, 0x20))) return void response.once('drain', more);
        };
        more();
      },
      /^maybe carried out: the answer has more than 33554432 bytes/,
    ],
  ];
  it('odd answers', () =>
    Promise.all(
      ODD.map(async ([_what, answer, outcome]) => {
        const { peer, remote } = await connected({
          call: (exchange) => {
            if (exchange.message.params?.name === 'slow') return slowly(exchange, 400);
            if (exchange.message.params?.name === 'quick')
              return exchange.json(text(exchange.message.id, 'quick done'));
            answer(exchange);
          },
        });
        const slow = call(peer, 'slow');
        expect(await call(peer, 'odd')).toMatch(outcome);
        expect(await call(peer, 'quick')).toBe('quick done');
        expect(await slow).toBe('slow done');
        expect([remote.handshakes, peer.state]).toEqual([1, 'connected']);
      }),
    ));

  it('no answer in time: it is given up there, too', async () => {
    let closed = 0;
    const { peer, remote } = await connected(
      { call: ({ response }) => void response.on('close', () => (closed += 1)) },
      { requestMs: 100 },
    );
    expect(await call(peer, 'mute')).toMatch(/^maybe carried out: no answer to tools\/call within 100 ms/);
    await eventually('the connection of the call is closed', () => closed === 1);
    await eventually('and it was cancelled', () =>
      remote.seen.some(({ method }) => method === 'notifications/cancelled'),
    );
    expect([remote.handshakes, peer.state]).toEqual([1, 'connected']);
  });
});

describe('a session that the peer forgot', () => {
  const FORGOTTEN = [404, 400].flatMap((status) =>
    BODIES.filter(([what]) => what !== 'an unknown method').map(
      ([what, type, body]) => [status, what, type, body] as const,
    ),
  );
  it('whatever its words: the call is made again in a new one', () =>
    Promise.all(
      FORGOTTEN.map(async ([status, _what, type, body]) => {
        const { peer, remote } = await connected({
          first: (exchange) => {
            const { method, params } = exchange.message;
            const session = String(exchange.request.headers['mcp-session-id']);
            if (method !== 'tools/call' || params?.name !== 'a' || !session.startsWith('s1-')) return false;
            raw(status, type, body)(exchange);
            return true;
          },
          call: (exchange) =>
            exchange.message.params?.name === 'slow'
              ? slowly(exchange, 300)
              : exchange.json(text(exchange.message.id, 'a done')),
        });
        const slow = call(peer, 'slow');
        expect(await Promise.all([call(peer, 'a'), call(peer, 'a')])).toEqual(['a done', 'a done']);
        expect(await slow).toBe('slow done');
        expect([remote.handshakes, peer.state, peer.problem]).toEqual([2, 'connected', undefined]);
      }),
    ));

  it.each([404, 400])(
    'status %i with an error that shows that the request was understood is an answer',
    async (status) => {
      const { peer, remote } = await connected({
        call: raw(status, JSON_TYPE, rpc({ id: '$id', error: { code: -32602, message: 'no such tool' } })),
      });
      expect(await call(peer, 'a')).toBe('error: "no such tool"');
      expect(remote.handshakes).toBe(1);
    },
  );

  it('a request that is refused in every session ends, and new sessions are begun ever more slowly', async () => {
    const { peer, remote } = await connected({ call: raw(400, undefined, () => '') });
    expect(await call(peer, 'a')).toMatch(
      /^not carried out: the session is not known any more \(400\), in a new session as well/,
    );
    expect(remote.handshakes).toBe(2);
    const began = performance.now();
    await call(peer, 'a');
    expect(performance.now() - began).toBeGreaterThan(900);
    expect(remote.handshakes).toBe(3);
  });

  it('is noticed by the ping, and is not called up until then', async () => {
    const { peer, remote } = await connected({}, { pingIntervalMs: 100 });
    remote.forget();
    await eventually('a new session', () => remote.handshakes === 2 && peer.state === 'connected');
  });
});

describe('pings', () => {
  const signs: [what: string, answer: Answer, alive: boolean][] = [
    ['a result', raw(200, JSON_TYPE, rpc({ id: '$id', result: {} })), true],
    [
      'an unknown method',
      raw(200, JSON_TYPE, rpc({ id: '$id', error: { code: -32601, message: 'no' } })),
      true,
    ],
    [
      'an unknown method by its status',
      raw(404, JSON_TYPE, rpc({ id: '$id', error: { code: -32601, message: 'no' } })),
      true,
    ],
    [
      'an invalid request',
      raw(200, JSON_TYPE, rpc({ id: '$id', error: { code: -32600, message: 'no' } })),
      true,
    ],
    [
      'an internal error',
      raw(200, JSON_TYPE, rpc({ id: '$id', error: { code: -32603, message: 'no' } })),
      false,
    ],
    ['a page', raw(200, 'text/html', () => 'hello'), false],
    ['503', raw(503, undefined, () => ''), false],
    ['a reset', ({ request }) => request.socket.resetAndDestroy(), false],
    ['nothing', () => {}, false],
  ];
  it('signs of life, and others', () =>
    Promise.all(
      signs.map(async ([_what, answer, alive]) => {
        let pings = 0;
        const { peer, remote } = await connected(
          {
            first: (exchange) => {
              if (exchange.message.method !== 'ping') return false;
              pings += 1;
              // Once is no pattern: the second one is answered as it should be.
              if (!alive && pings > 1) return false;
              answer(exchange);
              return true;
            },
            call: (exchange) => slowly(exchange, 1500),
          },
          { pingIntervalMs: 150 },
        );
        const slow = call(peer, 'slow');
        await eventually('a ping', () => pings > 0);
        if (!alive) {
          await eventually(
            'the reason is known',
            () => peer.state === 'waiting' && peer.problem !== undefined,
          );
          await eventually(
            'it is alive again',
            () => peer.state === 'connected' && peer.problem === undefined,
          );
        }
        await eventually('more pings', () => pings > 2);
        expect([await slow, remote.handshakes, peer.state]).toEqual(['slow done', 1, 'connected']);
      }),
    ));
});

describe('the standing stream', () => {
  it('refused with any status it costs nothing', () =>
    Promise.all(
      [405, 404, 400, 403, 500, 503, 200, 302].map(async (status) => {
        const { peer, remote } = await connected({
          first: ({ request, response }) => {
            if (request.method !== 'GET') return false;
            response.writeHead(status, { 'content-type': 'text/plain' }).end('no');
            return true;
          },
          call: (exchange) => slowly(exchange, 1300),
        });
        expect(await call(peer, 'slow')).toBe('slow done');
        expect([remote.handshakes, peer.state]).toEqual([1, 'connected']);
        // It waits longer each time.
        expect(remote.gets).toBeLessThanOrEqual(status === 405 ? 1 : 2);
      }),
    ));
});

describe('the handshake', () => {
  it.each([
    [503, /answered 503/],
    [401, /answered 401: check the token/],
    [200, /without a message/],
  ])('refused with %i it is tried again, with the reason', async (status, reason) => {
    let attempts = 0;
    const remote = await ScriptedPeer.start({
      first: (exchange) => {
        if (exchange.message.method !== 'initialize' || ++attempts > 2) return false;
        raw(status, 'text/plain', () => 'no')(exchange);
        return true;
      },
    });
    remotes.push(remote);
    const peer = peers.add({ ...mutualPeer(`p${++count}`, remote.url), role: 'client' }, QUICK);
    await eventually('the reason is known', () => reason.test(peer.problem ?? ''));
    await peer.whenConnected(AbortSignal.timeout(5000));
    expect(attempts).toBe(3);
  });
});

it('a peer that cannot be reached has not carried anything out; what it still answers arrives', async () => {
  const { peer, remote } = await connected({ call: (exchange) => slowly(exchange, 700) });
  const slow = call(peer, 'slow');
  await eventually('the call is there', () => remote.seen.some(({ method }) => method === 'tools/call'));
  const stopped = remote.stopListening();
  // An idle connection that was kept may notice only when it is used.
  await eventually('nothing is carried out any more', async () =>
    /^not (carried out|connected): .*ECONNREFUSED/.test(await call(peer, 'other')),
  );
  await eventually('it counts as away', () => peer.client === undefined);
  expect(await slow).toBe('slow done');
  await remote.stop();
  await stopped;
});
