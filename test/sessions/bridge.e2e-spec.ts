import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { JsonSocket } from '../harness/json-socket.js';
import { RunningService } from '../harness/running-service.js';
import { SessionAgent, Viewer } from './session-client.js';

describe('the session sockets and the bridge', () => {
  let service: RunningService;
  let agent: SessionAgent;

  beforeAll(async () => {
    service = await RunningService.start();
    agent = await SessionAgent.connect(service.ws);
  });
  afterAll(() => service.stop());

  it.each(['/ws', '/sessions'])(
    'a message added over MCP reaches the session on %s, after its update, once (S2-21, S2-22, X-30)',
    async (path) => {
      const session = await agent.newSession();
      const other = await agent.newSession();
      const [here, there] = await Promise.all([
        Viewer.open(`${service.ws}${path}/${session}`),
        Viewer.open(`${service.ws}${path}/${other}`),
      ]);
      const { message_id: id } = await agent.say(session, 'test-message', { metadata: { k: [1, null] } });
      const [update, message] = await here.everything();
      expect(update).toEqual({
        type: 'session_update',
        session_id: session,
        agent_id: 'anonymous',
        timestamp: expect.stringMatching(/\+00:00$/),
      });
      expect(message).toMatchObject({
        type: 'new_message',
        data: {
          id,
          sender: 'anonymous',
          sender_type: 'generic',
          content: 'test-message',
          metadata: { k: [1, null] },
        },
      });
      expect('seq' in (message!.data as object)).toBe(path === '/sessions');
      expect(await here.everything()).toEqual([]);
      expect(await there.everything()).toEqual([]);
    },
  );

  it('replays from a seq for those who come late, then goes on live', async () => {
    const session = await agent.newSession();
    for (const content of ['one', 'two', 'three']) await agent.say(session, content);
    const late = await JsonSocket.connect(`${service.ws}/sessions/${session}?after_seq=1`);
    const seqs = async (count: number) => {
      const frames = await late.take(count * 2);
      return frames
        .filter(({ type }) => type === 'new_message')
        .map(({ data }) => (data as { seq: number }).seq);
    };
    expect(await seqs(2)).toEqual([2, 3]);
    await agent.say(session, 'four');
    expect(await seqs(1)).toEqual([4]);
  });

  it.each([
    [
      '{"type":"subscribe","session_id":"other"}',
      { type: 'subscribed', session_id: 'room', status: 'success' },
    ],
    ['subscribe:x', { type: 'subscribed', session_id: 'room', status: 'success' }],
    ['{"type":"zzz"}', { type: 'error', message: 'Unknown message type: zzz' }],
    ['{"type":null}', { type: 'error', message: 'Unknown message type: None' }],
    ['{}', { type: 'error', message: 'Unknown message type: None' }],
    ['{"type":5}', { type: 'error', message: 'Unknown message type: 5' }],
    ['', { type: 'error', message: 'Unknown command' }],
    ['{bad', { type: 'error', message: 'Unknown command' }],
    ['PING', { type: 'error', message: 'Unknown command' }],
    ['123', { type: 'error', message: expect.any(String) }],
    ['[]', { type: 'error', message: expect.any(String) }],
  ])('answers %j and goes on (X-20 … X-25)', async (frame, answer) => {
    const socket = await JsonSocket.connect(`${service.ws}/ws/room`);
    expect(await socket.ask(frame)).toEqual(answer);
    expect(await socket.ask({ type: 'ping' })).toEqual({ type: 'pong' });
    socket.socket.send(Buffer.from('zz'), { binary: true });
    expect(await socket.next()).toMatchObject({ type: 'error' });
  });

  it('broadcasts any object as it is, to ids with blanks and slashes too (X-26)', async () => {
    const socket = await JsonSocket.connect(`${service.ws}/ws/a%20b%2Fc`);
    await socket.ask({ type: 'ping' });
    const big = '{"x":[1,null,"ü🙂"],"n":12345678901234567890}';
    const answer = await service.rest.request('POST', '/broadcast/a%20b%2Fc', { body: big });
    expect(answer).toMatchObject({ status: 200, body: { success: true, session_id: 'a b/c' } });
    const [frame] = await Promise.all([
      new Promise<string>((resolve) =>
        socket.socket.once('message', (data: Buffer) => resolve(data.toString())),
      ),
      service.rest.request('POST', '/broadcast/a%20b%2Fc', { body: big }),
    ]);
    expect(frame).toBe(big);
    for (const [body, type] of [
      ['[1]', 'dict_type'],
      ['{bad', 'json_invalid'],
      ['null', 'missing'],
      ['', 'missing'],
    ] as const) {
      const refused = await service.rest.request('POST', '/broadcast/room', { body });
      expect(refused).toMatchObject({
        status: 422,
        body: { detail: [{ type, loc: expect.arrayContaining(['body']) }] },
      });
    }
    expect((await service.rest.request('GET', '/broadcast/room')).status).toBe(405);
    expect((await service.rest.request('POST', '/broadcast/', { body: {} })).status).toBe(404);
    const page = await service.rest.request('POST', '/broadcast/room', {
      body: {},
      headers: { origin: 'https://evil.example' },
    });
    expect(page.status).toBe(403);
  });

  it('one order for all, each message once, while 20 agents add at once (S2-27, S2-29)', async () => {
    const session = await agent.newSession();
    const viewers = await Promise.all(
      Array.from({ length: 5 }, () => Viewer.open(`${service.ws}/ws/${session}`)),
    );
    const agents = await Promise.all(Array.from({ length: 20 }, () => SessionAgent.connect(service.ws)));
    await Promise.all(
      agents.map(async (each, index) => {
        for (let n = 0; n < 10; n++) await each.say(session, `${index}/${n}`);
      }),
    );
    const received = await Promise.all(viewers.map((viewer) => viewer.contents(200)));
    const { messages } = await agent.call('get_messages', { session_id: session, limit: 1000 });
    const stored = messages.map(({ content }) => content);
    expect(new Set(stored).size).toBe(200);
    for (const contents of received) expect(contents).toEqual(stored);
  });

  it('tells the browser client where the sockets are, and who is connected (X-31, X-29)', async () => {
    const config = await service.rest.request('GET', '/ui/config');
    expect(config.body).toEqual({ websocket_port: service.port, websocket_host: '127.0.0.1' });
    const session = await agent.newSession();
    const metadata = async () => {
      const { session: row } = await agent.call('get_session', { session_id: session });
      return JSON.parse((row as { metadata: string | null }).metadata ?? '{}') as Record<string, unknown>;
    };
    const viewer = await Viewer.open(`${service.ws}/ws/${session}`);
    await expect
      .poll(metadata)
      .toMatchObject({ participant_count: 1, last_websocket_activity: expect.any(String) });
    await viewer.socket.close();
    await expect
      .poll(metadata)
      .toMatchObject({ participant_count: 0, last_websocket_disconnect: expect.any(String) });
  });
});

describe('two processes as the document has them', () => {
  const services: RunningService[] = [];
  let far: Server | undefined;
  afterEach(async () => {
    for (const service of services.splice(0)) await service.stop();
    far?.closeAllConnections();
    far?.close();
    far = undefined;
  });
  const start = async (settings: Record<string, string>) => {
    const service = await RunningService.start(settings);
    services.push(service);
    return service;
  };
  const tokenFor = async (service: RunningService, agentId: string): Promise<string> =>
    (await (await SessionAgent.connect(service.ws)).as(agentId)).authToken;
  const listen = async (answer: RequestListener | undefined): Promise<string> => {
    far = answer ? createServer(answer) : createServer();
    await new Promise<void>((resolve) => far!.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(far.address() as AddressInfo).port}`;
  };

  it.each<Record<string, string>>([{}, { BRIDGE_SECRET: 'both-ends-know-it' }])(
    'what is added at the one end reaches the sockets at the other, and nobody else there (S2-01 … S2-04, X-32) %j',
    async (secret) => {
      const sockets = await start(secret);
      const mcp = await start({ ...secret, BRIDGE_URL: sockets.http });
      const root = await SessionAgent.connect(mcp.ws);
      const [alice, session] = [await root.as('alice'), await root.newSession()];
      const viewer = await Viewer.open(`${sockets.ws}/ws/${session}`);
      await alice.say(session, 'hidden', { visibility: 'private' });
      await alice.call('set_memory', { key: 'k', value: 1, session_id: session });
      await alice.say(session, 'shown');
      expect(await viewer.contents(1)).toEqual(['shown']);
      for (let n = 0; n < 20; n++) await alice.say(session, `m${n}`);
      expect(await viewer.contents(20)).toEqual(Array.from({ length: 20 }, (_, n) => `m${n}`));
      expect(await viewer.everything()).toEqual([]);
      expect((await mcp.rest.request('GET', '/ui/config')).body).toMatchObject({
        websocket_port: sockets.port,
      });
    },
  );

  it('tells several at once what waits, each viewer what is for it, and in order', async () => {
    const sockets = await start({});
    const mcp = await start({ BRIDGE_URL: sockets.http });
    const root = await SessionAgent.connect(mcp.ws);
    const [alice, session] = [await root.as('alice'), await root.newSession()];
    const viewer = await Viewer.open(`${sockets.ws}/ws/${session}`);
    const own = await Viewer.open(`${sockets.ws}/ws/${session}?token=${await tokenFor(sockets, 'alice')}`);
    let requests = 0;
    sockets.app.getHttpServer().on('request', () => (requests += 1));
    await alice.say(session, 'first');
    await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        alice.say(session, `m${n}`, { visibility: n % 3 === 0 ? 'private' : 'public' }),
      ),
    );
    const { messages } = await alice.call('get_messages', { session_id: session, limit: 1000 });
    const stored = messages.map(({ content }) => content);
    const shown = messages.filter(({ visibility }) => visibility === 'public').map(({ content }) => content);
    expect(await viewer.contents(shown.length)).toEqual(shown);
    expect(await own.contents(stored.length)).toEqual(stored);
    expect(await viewer.everything()).toEqual([]);
    expect(requests).toBeLessThan(50);
  });

  it('tells other programs one message in one request', async () => {
    const bodies: string[] = [];
    const url = await listen((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        bodies.push(body);
        response.end('{"success":true}');
      });
    });
    const service = await start({ BRIDGE_URL: url });
    const agent = await SessionAgent.connect(service.ws);
    const session = await agent.newSession();
    await Promise.all(Array.from({ length: 30 }, (_, n) => agent.say(session, `m${n}`)));
    await expect.poll(() => bodies.length).toBe(30);
    for (const body of bodies) expect(JSON.parse(body)).toMatchObject({ type: 'new_message' });
  });

  it.each([
    ['{"announcements":[1]}', 'is not a batch'],
    ['{"announcements":[{"context":{"tenant":"other"},"body":{}}]}', 'is not a batch'],
    ['{}', 'is not a batch'],
  ])('takes no batch that is none: %s', async (body, error) => {
    const { rest } = await start({});
    const answer = await rest.request('POST', '/broadcast/s', {
      body,
      headers: { 'x-opstream-bridge-batch': '1' },
    });
    expect(answer.body).toMatchObject({ success: false, error: expect.stringContaining(error) });
  });

  it('does not tell its own viewers twice when the bridge leads back to itself', async () => {
    const port = await listen(undefined);
    far!.close();
    const service = await start({ PORT: new URL(port).port, BRIDGE_URL: port });
    const agent = await SessionAgent.connect(service.ws);
    const session = await agent.newSession();
    const viewer = await Viewer.open(`${service.ws}/ws/${session}`);
    await agent.say(session, 'one');
    await agent.say(session, 'two');
    expect(await viewer.contents(2)).toEqual(['one', 'two']);
    await agent.say(session, 'three');
    expect(await viewer.contents(1)).toEqual(['three']);
    expect(await viewer.everything()).toEqual([]);
  });

  it('takes announcements of those only who know the secret, once there is one', async () => {
    const { rest } = await start({ BRIDGE_SECRET: 'both-ends-know-it' });
    const status = async (headers: Record<string, string>) =>
      (await rest.request('POST', '/broadcast/s', { body: {}, headers })).status;
    expect(await status({})).toBe(403);
    expect(await status({ 'x-opstream-bridge-secret': 'wrong' })).toBe(403);
    expect(await status({ 'x-opstream-bridge-secret': 'both-ends-know-it' })).toBe(200);
  });

  it.each([
    ['is down', undefined],
    ['never answers', () => {}],
    ['answers 500', (_: unknown, response: ServerResponse) => response.writeHead(500).end('{}')],
    [
      'says that it failed',
      (_: unknown, response: ServerResponse) => response.end('{"success":false,"error":"no"}'),
    ],
    [
      'redirects',
      (_: unknown, response: ServerResponse) =>
        response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end(),
    ],
    ['answers nonsense', (_: unknown, response: ServerResponse) => response.end('<html>')],
  ])(
    'the tool succeeds within 2 s, and everything is stored, when the other end %s (S2-13, S2-16, S2-31)',
    async (_what, answer) => {
      const url = answer ? await listen(answer) : 'http://127.0.0.1:9';
      const service = await start({ BRIDGE_URL: url });
      const agent = await SessionAgent.connect(service.ws);
      const session = await agent.newSession();
      const viewer = await Viewer.open(`${service.ws}/ws/${session}`);
      const began = performance.now();
      for (let n = 0; n < 5; n++) await agent.say(session, `m${n}`);
      // Were each of them waited for, ten seconds.
      expect(performance.now() - began).toBeLessThan(8000);
      expect(await viewer.contents(5)).toEqual(['m0', 'm1', 'm2', 'm3', 'm4']);
      const { messages } = await agent.call('get_messages', { session_id: session });
      expect(messages.map(({ content }) => content)).toEqual(['m0', 'm1', 'm2', 'm3', 'm4']);
    },
  );
});
