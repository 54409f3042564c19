// The servers that are compared: how each is started, and how a subscriber of it introduces itself.
import { createHmac, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { LineProcess } from './line-process.mjs';
import { BENCH, native } from './preparation.mjs';

/** The server has the first core, load generator and this process share the second. */
const SERVER_CORE = 0;
const GENERATOR_CORE = 1;

const secret = randomBytes(32).toString('hex');

const node = (file) => [process.execPath, ['--expose-gc', join(BENCH, file)]];

/** `greetings`: frames a subscriber receives before it is ready; `hello`: what it sends after the upgrade. */
export const CONTESTANTS = {
  floor: { title: 'C send() loop', start: [native('floor'), []], path: '/', greetings: 0 },
  opstream: {
    title: 'Opstream',
    start: node('servers/opstream.mjs'),
    path: '/hub',
    greetings: 2,
    headers: () => [`Authorization: Bearer ${token()}`],
    hello: '{"command":"subscribe","operation_id":"bench"}',
  },
  ws: { title: 'plain ws', start: node('peers/plain-ws.mjs'), path: '/', greetings: 0 },
  nest: { title: 'Nest gateway', start: node('peers/nest-gateway.mjs'), path: '/', greetings: 0 },
  socketio: {
    title: 'Socket.IO',
    start: node('peers/socket-io.mjs'),
    path: '/socket.io/?EIO=4&transport=websocket',
    greetings: 2,
    hello: '40',
  },
};

/** What is compared with Opstream alone. */
const OTHERS = {
  /** A shared session of the same service; the pong says that the viewer is there. */
  session: {
    title: 'Opstream session',
    start: node('servers/sessions-fanout.mjs'),
    path: '/sessions/bench',
    greetings: 1,
    headers: () => [`Authorization: Bearer ${token()}`],
    hello: '{"type":"ping"}',
  },
};

/** A token that the Opstream under test accepts. */
export function token() {
  const claims = { sub: 'bench', exp: Math.floor(Date.now() / 1000) + 3600 };
  const body = `${base64url({ alg: 'HS256', typ: 'JWT' })}.${base64url(claims)}`;
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
}

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** One server with its load generator, each pinned to its own core. */
export class Match {
  /** @param {string} name of a contestant @param {{nodeFlags?: string[], headers?: string[], hello?: string, greetings?: number}} [options] */
  static async start(name, options = {}) {
    const contestant = CONTESTANTS[name] ?? OTHERS[name];
    const [command, args] = contestant.start;
    const flags = command === process.execPath ? (options.nodeFlags ?? []) : [];
    const server = new LineProcess(SERVER_CORE, command, [...flags, ...args], { BENCH_SECRET: secret });
    const { port } = await server.answer();
    const headers = [...(contestant.headers?.() ?? []), ...(options.headers ?? [])];
    const hello = options.hello ?? contestant.hello;
    const generator = new LineProcess(GENERATOR_CORE, native('generator'), [
      String(port),
      contestant.path,
      String(options.greetings ?? contestant.greetings),
      ...headers.flatMap((header) => ['-H', header]),
      ...(hello ? ['-m', hello] : []),
    ]);
    return new Match(name, server, generator, port);
  }

  constructor(name, server, generator, port) {
    Object.assign(this, { name, server, generator, port });
  }

  /** Opens subscribers, at most `window` handshakes at a time. @throws Error when one is refused */
  async open(count, window = 128) {
    const opened = await this.generator.ask('open', count, window);
    if (opened.failed > 0) throw new Error(`${this.name}: ${opened.failed} refused: ${opened.failure}`);
    this.subscribers = opened.ready;
    return opened;
  }

  async stop() {
    await Promise.all([this.server.stop(), this.generator.stop()]);
  }
}
