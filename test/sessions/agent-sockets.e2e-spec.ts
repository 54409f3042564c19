import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JsonSocket, type Refused } from '../harness/json-socket.js';
import { RunningService } from '../harness/running-service.js';
import { inSeconds, SECRET, sign } from '../harness/tokens.js';
import { SessionAgent } from './session-client.js';

describe('the plain-JSON socket of agents (X-28)', () => {
  let service: RunningService;
  let agent: SessionAgent;
  beforeAll(async () => {
    service = await RunningService.start();
    agent = await SessionAgent.connect(service.ws);
  });
  afterAll(() => service.stop());

  const open = (session: string) => JsonSocket.connect(`${service.ws}/mcp/${session}`);

  it('greets on demand, and reads a session page by page', async () => {
    const session = await agent.newSession('agents');
    const ids: number[] = [];
    for (let n = 1; n <= 60; n++) ids.push((await agent.say(session, `m${n}`)).message_id);
    const socket = await open(session);
    expect(await socket.ask({ id: 1, method: 'initialize', params: {} })).toEqual({
      id: 1,
      result: {
        status: 'connected',
        session_id: session,
        server_time: expect.stringMatching(/\+00:00$/),
      },
    });
    expect(await socket.ask({ type: 'initialize' })).toMatchObject({ status: 'connected' });
    const first = await socket.ask({ type: 'get_messages' });
    expect(first).toMatchObject({ session_id: session, count: 50, since_id: null, has_more: true });
    const rows = first.messages as { id: number; content: string; seq: number }[];
    expect(rows[0]).toMatchObject({ content: 'm1', seq: 1, sender: 'anonymous', visibility: 'public' });
    const rest = await socket.ask({ id: 'x', method: '/tools/get_messages', params: { since_id: ids[49] } });
    expect(rest).toMatchObject({
      id: 'x',
      result: { count: 10, since_id: ids[49], has_more: false },
    });
    expect((rest.result as { messages: object[] }).messages[0]).toMatchObject({ content: 'm51' });
    expect(await socket.ask({ type: 'get_messages', since_id: String(ids[59]) })).toMatchObject({ count: 0 });
    expect(await socket.ask({ type: 'get_session_info' })).toMatchObject({
      session_id: session,
      session: { purpose: 'agents', is_active: 1 },
      status: 'active',
    });
    await socket.close();
  });

  it('is told what happens once it subscribes, from where it wants, and no longer than it wants', async () => {
    const session = await agent.newSession();
    await agent.say(session, 'one');
    const socket = await open(session);
    await socket.ask({ type: 'ping' });
    await agent.say(session, 'two');
    expect(await socket.ask({ id: 1, method: 'subscribe', params: { after_seq: 1 } })).toEqual({
      id: 1,
      result: { status: 'subscribed', session_id: session },
    });
    const contents = async (count: number) =>
      (await socket.take(2 * count))
        .filter(({ type }) => type === 'new_message')
        .map(({ data }) => (data as { content: string; seq: number }).content);
    expect(await contents(1)).toEqual(['two']);
    await agent.say(session, 'three');
    expect(await contents(1)).toEqual(['three']);
    // Again from the start: each message once more, none twice at a time.
    expect(await socket.ask({ type: 'subscribe', after_seq: 0 })).toMatchObject({ status: 'subscribed' });
    expect(await contents(3)).toEqual(['one', 'two', 'three']);
    expect(await socket.ask({ type: 'unsubscribe' })).toMatchObject({ status: 'unsubscribed' });
    await agent.say(session, 'four');
    expect(await socket.ask('ping')).toEqual({ type: 'pong' });
    await socket.close();
  });

  it.each([
    ['{bad', -32700],
    ['[]', -32600],
    ['{"id":1,"method":"tools/list"}', -32601],
    ['{"type":"get_messages","since_id":-1}', -32602],
    ['{"type":"subscribe","session_id":"another"}', -32602],
    ['{"type":"get_session_info","session_id":"nope"}', -32000],
    ['{"type":"get_messages","session_id":"nope"}', -32000],
  ])('answers %s with an error, and goes on', async (frame, code) => {
    const socket = await open('room');
    expect(await socket.ask(frame)).toMatchObject({ error: { code, message: expect.any(String) } });
    expect(await socket.ask({ type: 'ping' })).toEqual({ type: 'pong' });
    socket.socket.send(Buffer.from('zz'), { binary: true });
    expect(await socket.next()).toMatchObject({ error: { code: -32600 } });
    await socket.close();
  });

  it('answers in the order of the requests, however many come at once', async () => {
    const session = await agent.newSession();
    await agent.say(session, 'x');
    const socket = await open(session);
    for (let id = 0; id < 500; id++)
      socket.send({ id, method: id % 3 === 0 ? 'get_messages' : 'initialize', params: {} });
    const answers = await socket.take(500);
    expect(answers.map(({ id }) => id)).toEqual(Array.from({ length: 500 }, (_, id) => id));
    await socket.close();
  });

  it('takes frames up to 1 MiB, and says why it closes above', async () => {
    const socket = await open('room');
    expect(await socket.ask('x'.repeat(1_000_000))).toMatchObject({ error: { code: -32700 } });
    socket.send('x'.repeat(2_000_000));
    expect((await socket.closed).code).toBe(1009);
  });

  it('counts as present', async () => {
    const session = await agent.newSession();
    const socket = await open(session);
    const present = async () =>
      (await service.rest.request('GET', `/api/sessions/${session}/presence`)).body.participants;
    await expect.poll(present).toEqual([{ agent_id: 'anonymous', connections: 1 }]);
    await socket.close();
    await expect.poll(present).toEqual([]);
  });
});

describe('who gets a plain-JSON socket', () => {
  const settings = { JWT_SECRET: SECRET, MCP_AUTH_REQUIRED: 'true', HEARTBEAT_INTERVAL_MS: '100' };

  it('asks for a token and the scope before the upgrade, refuses foreign pages, and ends dead peers', async () => {
    const service = await RunningService.start(settings);
    const refused = async (query: string, headers = {}) => {
      try {
        await JsonSocket.connect(`${service.ws}/mcp/room${query}`, { headers });
      } catch (thrown) {
        return (thrown as Refused).status;
      }
      return undefined;
    };
    expect(await refused('')).toBe(401);
    expect(await refused('?token=nonsense')).toBe(401);
    expect(await refused(`?token=${await sign({ sub: 'x', scope: 'operations:read' })}`)).toBe(403);
    const token = await sign({ sub: 'x' });
    expect(await refused(`?token=${token}`, { origin: 'https://evil.example' })).toBe(403);
    const silent = await JsonSocket.connect(`${service.ws}/mcp/room?token=${token}`, { autoPong: false });
    expect((await silent.closed).code).toBe(1006);
    const soon = await JsonSocket.connect(
      `${service.ws}/mcp/room?token=${await sign({ sub: 'x', exp: inSeconds(4) })}`,
    );
    expect((await soon.closed).code).toBe(4401);
    await service.stop();
  });
});
