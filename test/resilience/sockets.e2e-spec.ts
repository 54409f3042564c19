import { deflateRawSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { JsonSocket } from '../harness/json-socket.js';
import { frame, RawWebSocket, tcp, upgradeRequest, type FrameOptions } from '../harness/raw-websocket.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';

const PING = JSON.stringify({ command: 'ping', type: 'ping', id: 1 });

describe('faults of clients', () => {
  let service: RunningService;
  let paths: string[];
  let operationId: string;

  beforeAll(async () => {
    service = await RunningService.start({
      JWT_SECRET: SECRET,
      HEARTBEAT_INTERVAL_MS: '200',
      MCP_PING_INTERVAL_MS: '200',
      MCP_PING_TIMEOUT_MS: '200',
      MAX_CONNECTIONS_PER_USER: '1000',
    });
    paths = ['/hub', `/agents?token=${await sign({ id: 'u' })}`, '/mcp'];
    operationId = await service.rest.open();
  });
  afterAll(() => service.stop());

  /** Whatever a test did: the service is well, and has let go of everything. */
  afterEach(async () => {
    await eventually('no socket and no subscription is left', async () => {
      const { text } = await service.rest.get('/metrics');
      return /^websocket_connections 0$/m.test(text) && /^opstream_subscriptions 0$/m.test(text);
    });
    const hub = await service.hub();
    await hub.subscribe(operationId);
    await service.rest.emit(operationId, 'log', { level: 'info', message: 'well' });
    expect(await hub.next()).toMatchObject({ event_type: 'log' });
    await hub.close();
  });

  it('sockets cut at any byte, of the upgrade or of a frame', async () => {
    for (const path of paths) {
      const subscribe = { command: 'subscribe', type: 'subscribe', operation_id: operationId, after_seq: 0 };
      const stream = Buffer.concat([
        Buffer.from(upgradeRequest(path, 'permessage-deflate')),
        frame(JSON.stringify(subscribe)),
        frame('x'.repeat(70_000), { fin: false }),
        frame('', { opcode: 9 }),
        frame('y', { opcode: 0 }),
      ]);
      const cuts = Array.from({ length: 60 }, () => Math.floor(Math.random() * stream.length));
      // The beginning of a frame is where its header is cut.
      const start = upgradeRequest(path, 'permessage-deflate').length;
      for (let at = start; at < start + 20; at += 1) cuts.push(at);
      await Promise.all(
        cuts.map(async (at, index) => {
          const socket = await tcp(service.port);
          socket.resume();
          socket.write(stream.subarray(0, at), () =>
            index % 2 ? socket.destroy() : socket.resetAndDestroy(),
          );
        }),
      );
    }
  });

  it('peers that vanish without a word are found by the heartbeat', async () => {
    for (const path of paths) {
      const peers = await Promise.all(Array.from({ length: 5 }, () => RawWebSocket.open(service.port, path)));
      // Their kernel is there, they are not: pings are read by nobody.
      for (const { socket } of peers) socket.pause();
      await eventually('they are ended', async () =>
        /^websocket_connections 0$/m.test((await service.rest.get('/metrics')).text),
      );
      for (const { socket } of peers) socket.destroy();
    }
  });

  const wrong: [string, number, () => Buffer][] = [
    ['an unmasked frame', 1002, () => frame(PING, { masked: false })],
    ['a reserved opcode', 1002, () => frame(PING, { opcode: 3 })],
    ['a reserved bit', 1002, () => frame(PING, { rsv: 0x20 })],
    ['compression that was not negotiated', 1002, () => frame(PING, { rsv: 0x40 })],
    ['a fragmented control frame', 1002, () => frame('', { opcode: 9, fin: false })],
    ['a long control frame', 1002, () => frame('x'.repeat(126), { opcode: 9 })],
    ['a continuation of nothing', 1002, () => frame('x', { opcode: 0 })],
    ['a close code that does not exist', 1002, () => frame(Buffer.from([0x03, 0xe7]), { opcode: 8 })],
    ['text that is no UTF-8', 1007, () => frame(Buffer.from([0xff, 0xfe, 0x80]))],
    ['a length of 8 exabytes', 1009, () => frame('', { claimedLength: (1n << 63n) - 1n })],
    ['a length above the limit', 1009, () => frame('', { claimedLength: 4n * 1024n * 1024n + 1n })],
  ];
  it.each(wrong)('%s ends the connection with %i', async (_what, code, bytes) => {
    for (const path of paths) {
      const peer = await RawWebSocket.open(service.port, path);
      await peer.write(bytes());
      expect([path, await peer.closeCode()]).toEqual([path, code]);
    }
  });

  it('S4-10 X-53: fragments add up to the limit, too', async () => {
    const peer = await RawWebSocket.open(service.port, '/hub');
    const options = (first: boolean): FrameOptions => ({ opcode: first ? 1 : 0, fin: false });
    for (let n = 0; n < 20; n += 1) await peer.write(frame('x'.repeat(64_000), options(n === 0)));
    expect(await peer.closeCode()).toBe(1009);
  });

  it('a message in fragments of one byte, with pings in between, is a message', async () => {
    for (const path of paths.slice(0, 2)) {
      const peer = await RawWebSocket.open(service.port, path);
      for (const [index, letter] of PING.split('').entries()) {
        await peer.write(frame(letter, { opcode: index === 0 ? 1 : 0, fin: index === PING.length - 1 }));
        await peer.write(frame('', { opcode: 9 }));
      }
      await eventually('its answer', () => peer.text.includes('pong'));
      peer.socket.destroy();
    }
  });

  it('S4-10: a compression bomb ends at the limit of a message, in bounded memory', async () => {
    const bomb = deflateRawSync(Buffer.alloc(256 * 1024 * 1024), { level: 9 });
    expect(bomb.length).toBeLessThan(1024 * 1024);
    for (const path of paths.slice(0, 2)) {
      const before = process.memoryUsage().rss;
      const peer = await RawWebSocket.open(service.port, path, 'permessage-deflate');
      await peer.write(frame(bomb, { rsv: 0x40 }));
      expect([path, await peer.closeCode()]).toEqual([path, 1009]);
      expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
    }
  });

  it('bytes that are no compressed data end the connection with 1007', async () => {
    const peer = await RawWebSocket.open(service.port, '/hub', 'permessage-deflate');
    await peer.write(frame(Buffer.from('this is no deflate stream'), { rsv: 0x40 }));
    expect(await peer.closeCode()).toBe(1007);
  });

  it.each([
    ['another version', (text: string) => text.replace('Version: 13', 'Version: 99'), 400],
    ['no key', (text: string) => text.replace(/Sec-WebSocket-Key: .*\r\n/, ''), 400],
    ['a key that is none', (text: string) => text.replace('AAAAAAAAAAAAAAAAAAAAAA==', 'short'), 400],
    ['another method', (text: string) => text.replace('GET', 'POST'), 404],
    ['another protocol', (text: string) => text.replace('Upgrade: websocket', 'Upgrade: h2c'), 404],
    ['a path that leaves', (text: string) => text.replace('GET /hub', 'GET /../../etc/passwd'), 400],
    ['a path that cannot be decoded', (text: string) => text.replace('GET /hub', 'GET /sessions/%ff'), 400],
  ])('an upgrade with %s is refused', async (_what, spoil, status) => {
    const socket = await tcp(service.port);
    let answer = '';
    socket.on('data', (bytes: Buffer) => (answer += bytes.toString('latin1')));
    socket.write(spoil(upgradeRequest('/hub')));
    await eventually('an answer', () => answer.includes('\r\n'));
    expect(answer).toContain(`HTTP/1.1 ${status} `);
    socket.destroy();
  });

  it('an upgrade with an absolute path of this server is taken (RFC 9112, section 3.2.2)', async () => {
    const socket = await tcp(service.port);
    let answer = '';
    socket.on('data', (bytes: Buffer) => (answer += bytes.toString('latin1')));
    socket.write(upgradeRequest('/hub').replace('GET /hub', 'GET http://127.0.0.1/hub'));
    await eventually('an answer', () => answer.includes('\r\n'));
    expect(answer).toContain('HTTP/1.1 101 ');
    socket.destroy();
  });
});

/** With heartbeats as they are by default: so many large frames in one process would miss shorter ones. */
describe('faults of clients: nesting', () => {
  let service: RunningService;

  beforeAll(async () => {
    service = await RunningService.start({ STORE: 'memory', JWT_SECRET: SECRET });
  });
  afterAll(() => service.stop());

  it.each([
    ['lists', '['.repeat(10_000) + ']'.repeat(10_000)],
    ['objects', '{"a":'.repeat(10_000) + '1' + '}'.repeat(10_000)],
  ])('%s nested beyond any stack are refused wherever a client puts them', async (_what, deep) => {
    const members =
      'type command jsonrpc method id request_id params messages data operation_id agentId token'.split(' ');
    const frames = [deep, `{"type":"batch","messages":[{"type":"ping","id":${deep}}]}`];
    for (const name of ['ping', 'emit', 'batch', 'agent_status', 'nope', 'tools/call']) {
      const command = JSON.stringify({ jsonrpc: '2.0', id: 1, type: name, command: name, method: name });
      frames.push(...members.map((member) => `${command.slice(0, -1)},"${member}":${deep}}`));
    }
    const last = {
      type: 'ping',
      command: 'ping',
      method: 'ping',
      jsonrpc: '2.0',
      id: 'well',
      request_id: 'well',
    };
    for (const path of ['/hub', `/agents?token=${await sign({ id: 'u' })}`, '/mcp']) {
      const client = await JsonSocket.connect(service.ws + path);
      for (const text of [...frames, last]) client.send(text);
      await eventually('its answer', () => JSON.stringify(client.inbox).includes('"well"'));
      client.terminate();
    }
    const body = `{"operation_type":"t","metadata":${deep}}`;
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${service.http}/api/operations`, { method: 'POST', headers, body });
    expect(await answer.json()).toMatchObject({ status: 400, code: 'invalid_request' });
  });
});
