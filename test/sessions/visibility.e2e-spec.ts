import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunningService } from '../harness/running-service.js';
import { sign, SECRET } from '../harness/tokens.js';
import { SessionAgent, Viewer } from './session-client.js';

/** What each message says; the words are looked for in everything a viewer is given. */
const WORDS = ['publicword', 'privateword', 'agentsword', 'adminsword', 'bobsword'] as const;
const SEEN_BY = {
  alice: ['publicword', 'privateword', 'agentsword'],
  bob: ['publicword', 'bobsword'],
  carol: ['publicword'],
  anonymous: ['publicword'],
  impostor: ['publicword'],
  root: [...WORDS],
} as const;
type Who = keyof typeof SEEN_BY;
const EVERYONE = Object.keys(SEEN_BY) as Who[];

describe('a session as each viewer sees it (X-32)', () => {
  let service: RunningService;
  let session: string;
  let other: string;
  const tokens = {} as Record<Who, string>;
  const agents = {} as Record<Who, SessionAgent>;
  const sockets = {} as Record<Who, Viewer>;
  const notified = {} as Record<Who, number>;

  const query = (who: Who) => (tokens[who] === '' ? '' : `?token=${tokens[who]}`);
  const headers = (who: Who): Record<string, string> =>
    tokens[who] === '' ? {} : { authorization: `Bearer ${tokens[who]}` };
  const wordsIn = (value: unknown) => WORDS.filter((word) => JSON.stringify(value).includes(word));

  beforeAll(async () => {
    service = await RunningService.start({ JWT_SECRET: SECRET });
    tokens.alice = await sign({ sub: 'alice' });
    tokens.bob = await sign({ sub: 'bob' });
    tokens.carol = await sign({ sub: 'carol' });
    tokens.root = await sign({ sub: 'root', role: 'admin' });
    tokens.anonymous = '';
    // Somebody else who has a token made for the name.
    const eve = await SessionAgent.connect(service.ws, `?token=${await sign({ sub: 'eve' })}`);
    tokens.impostor = (await eve.as('alice')).authToken;
    for (const who of EVERYONE) agents[who] = await SessionAgent.connect(service.ws, query(who));
    session = await agents.alice.newSession();
    const mallory = await SessionAgent.connect(
      service.ws,
      `?token=${await sign({ sub: 'alice', tenant: 'other' })}`,
    );
    other = await mallory.newSession();
    await mallory.say(other, 'publicword of another tenant');
    for (const who of EVERYONE) {
      sockets[who] = await Viewer.open(`${service.ws}/sessions/${session}${query(who)}`);
      await agents[who].mcp.result('resources/subscribe', { uri: `session://${session}` });
    }
    const { alice, bob, root } = agents;
    await alice.say(session, 'privateword', { visibility: 'private' });
    await alice.say(session, 'agentsword', { visibility: 'agent_only' });
    await root.say(session, 'adminsword', { visibility: 'admin_only' });
    await bob.say(session, 'bobsword', { visibility: 'private' });
    for (const who of EVERYONE) notified[who] = agents[who].mcp.of('notifications/resources/updated').length;
    await alice.say(session, 'publicword');
    await alice.call('set_memory', { key: 'k', value: 'memoryword', session_id: session });
  });
  afterAll(() => service.stop());

  it.each(EVERYONE)('live on the socket, and when it is replayed: %s', async (who) => {
    const live = await sockets[who].everything();
    expect(new Set(wordsIn(live))).toEqual(new Set(SEEN_BY[who]));
    // Each message is two frames; whoever sees the memory's update sees two more.
    const own = who === 'alice';
    expect(live.length).toBe(2 * SEEN_BY[who].length + (own ? 2 : 0));
    expect(JSON.stringify(live).includes('memoryword')).toBe(own);
    const late = await Viewer.replaying(
      `${service.ws}/sessions/${session}${query(who)}${query(who) ? '&' : '?'}after_seq=0`,
    );
    const replayed = await late.contents(SEEN_BY[who].length);
    expect(new Set(replayed)).toEqual(new Set(SEEN_BY[who]));
    await late.socket.close();
  });

  it.each(EVERYONE)('by the tools, with their counts: %s', async (who) => {
    const agent = agents[who];
    const count = SEEN_BY[who].length;
    const all = await agent.call('get_messages', { session_id: session });
    expect(all).toMatchObject({ count, total_count: count, has_more: false });
    expect(new Set(wordsIn(all))).toEqual(new Set(SEEN_BY[who]));
    const shown = await agent.call('get_session', { session_id: session });
    expect(shown).toMatchObject({ message_count: count });
    expect(new Set(wordsIn(shown))).toEqual(new Set(SEEN_BY[who]));
    for (const word of WORDS) {
      const { results, total } = await agent.call('search_context', {
        session_id: session,
        query: word,
        fuzzy_threshold: 95,
      });
      expect(results.length).toBe((SEEN_BY[who] as readonly string[]).includes(word) ? 1 : 0);
      expect(total).toBe(results.length);
    }
    for (const sender of ['alice', 'bob', 'root']) {
      const { messages } = await agent.call('search_by_sender', { session_id: session, sender });
      expect(wordsIn(messages).every((word) => (SEEN_BY[who] as readonly string[]).includes(word))).toBe(
        true,
      );
    }
    const ranged = await agent.call('search_by_timerange', {
      session_id: session,
      start_time: '2020-01-01',
      end_time: '2099-01-01',
    });
    expect(ranged).toMatchObject({ count });
    for (const filter of ['private', 'agent_only', 'admin_only']) {
      const filtered = await agent.call('get_messages', { session_id: session, visibility_filter: filter });
      expect(wordsIn(filtered).every((word) => (SEEN_BY[who] as readonly string[]).includes(word))).toBe(
        true,
      );
    }
    const unknown = await agent.call('get_messages', { session_id: session, visibility_filter: 'nope' });
    expect(unknown).toMatchObject({ success: false, code: 'INVALID_VISIBILITY' });
  });

  it.each(EVERYONE)('over REST and the event stream: %s', async (who) => {
    const count = SEEN_BY[who].length;
    const get = (path: string) =>
      service.rest.request('GET', `/api/sessions/${session}${path}`, { headers: headers(who) });
    const { body } = await get('/messages');
    expect(body).toMatchObject({ total_count: count });
    expect(new Set(wordsIn(body))).toEqual(new Set(SEEN_BY[who]));
    const { body: found } = await get('/search?q=word&threshold=0&limit=100');
    expect(new Set(wordsIn(found))).toEqual(new Set(SEEN_BY[who]));
    expect(found).toMatchObject({ total: count });
    const stream = await fetch(`${service.http}/api/sessions/${session}/stream`, { headers: headers(who) });
    const reader = stream.body!.getReader();
    let text = '';
    while (text.split('\nevent: message\n').length <= count)
      text += new TextDecoder().decode((await reader.read()).value);
    await reader.cancel();
    expect(new Set(wordsIn(text))).toEqual(new Set(SEEN_BY[who]));
    expect(
      (await service.rest.request('GET', `/api/memory/k?session_id=${session}`, { headers: headers(who) }))
        .status,
    ).toBe(who === 'alice' ? 200 : 404);
  });

  it.each(EVERYONE)('as resources, and their change notifications: %s', async (who) => {
    const { mcp } = agents[who];
    const read = async (uri: string) => (await mcp.result('resources/read', { uri })).contents[0]!.text;
    expect(new Set(wordsIn(await read(`session://${session}`)))).toEqual(new Set(SEEN_BY[who]));
    expect(JSON.parse(await read(`session://${session}`))).toMatchObject({
      statistics: { message_count: SEEN_BY[who].length },
    });
    const newest = await read(`session://${session}/messages/500`);
    expect(new Set(wordsIn(newest))).toEqual(new Set(SEEN_BY[who]));
    expect(newest).toContain('"messages_filtered_by_visibility":0');
    // Nobody was told of a message that he does not see.
    if (SEEN_BY[who].length === 1) expect(notified[who]).toBe(0);
    else await expect.poll(() => mcp.of('notifications/resources/updated').length).toBeGreaterThan(0);
    const memory = await mcp.request('resources/read', { uri: 'agent://alice/memory' });
    expect(JSON.stringify(memory).includes('memoryword')).toBe(who === 'alice');
  });

  it('what is hidden is unknown: as a parent, and in the words of failures', async () => {
    const { messages } = await agents.alice.call('get_messages', { session_id: session });
    const hidden = messages.find(({ content }) => content === 'privateword')!.id;
    const missing = await agents.bob.call('add_message', {
      session_id: session,
      content: 'x',
      parent_message_id: 999_999,
    });
    const refused = await agents.bob.call('add_message', {
      session_id: session,
      content: 'x',
      parent_message_id: hidden,
    });
    expect(refused).toMatchObject({ success: false, code: 'PARENT_NOT_FOUND' });
    expect(String(refused.error).replace(String(hidden), '#')).toBe(
      String(missing.error).replace('999999', '#'),
    );
    const denied = await agents.bob.call('add_message', {
      session_id: session,
      content: 'x',
      visibility: 'admin_only',
    });
    expect(denied).toMatchObject({ code: 'PERMISSION_DENIED', recoverable: false });
  });

  it('a tenant sees nothing of another', async () => {
    for (const who of EVERYONE) {
      expect(await agents[who].call('get_session', { session_id: other })).toMatchObject({
        code: 'SESSION_NOT_FOUND',
      });
      const viewer = await Viewer.open(
        `${service.ws}/sessions/${other}${query(who)}${query(who) ? '&' : '?'}after_seq=0`,
      );
      expect(await viewer.everything()).toEqual([]);
      await viewer.socket.close();
    }
  });

  it('tokens never give more than their maker has, or than the one who presents them', async () => {
    const { root, bob } = agents;
    const admin = await root.as('helper', 'admin', ['read', 'write', 'admin']);
    const answer = await bob.call('get_messages', { session_id: session, auth_token: admin.authToken });
    expect(wordsIn(answer)).toEqual(['publicword']);
    expect(
      await bob.call('authenticate_agent', {
        agent_id: 'x',
        agent_type: 'admin',
        requested_permissions: ['admin'],
      }),
    ).toMatchObject({
      permissions: ['read'],
    });
    const stranger = await SessionAgent.connect(
      service.ws,
      `?token=${await sign({ sub: 'x', tenant: 'other' })}`,
    );
    expect(await stranger.call('get_usage_guidance', { auth_token: admin.authToken })).toMatchObject({
      code: 'TOKEN_AUTHENTICATION_FAILED',
    });
  });
});

describe('with SESSION_VISIBILITY=open', () => {
  it('everyone in the session sees everything, as with shared-context-server', async () => {
    const service = await RunningService.start({ SESSION_VISIBILITY: 'open' });
    const agent = await SessionAgent.connect(service.ws);
    const [alice, session] = [await agent.as('alice'), await agent.newSession()];
    const viewer = await Viewer.open(`${service.ws}/ws/${session}`);
    await alice.say(session, 'secret', { visibility: 'private' });
    await alice.call('set_memory', { key: 'k', value: 1, session_id: session });
    expect((await viewer.everything()).map(({ type }) => type)).toEqual([
      'session_update',
      'new_message',
      'session_update',
      'memory_update',
    ]);
    expect(await agent.call('get_messages', { session_id: session })).toMatchObject({ total_count: 1 });
    await service.stop();
  });
});
