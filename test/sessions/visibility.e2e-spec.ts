import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunningService } from '../harness/running-service.js';
import { sign } from '../harness/tokens.js';
import { SessionAgent, Viewer } from './session-client.js';
import { EVERYONE, Scene, SEEN_BY, WAYS, wordsIn } from './visibility-matrix.js';

const MATRIX = WAYS.flatMap((way) => EVERYONE.map((who) => ({ who, way, name: way.name })));

describe('a session as each viewer sees it (X-32)', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.start();
  });
  afterAll(() => scene.stop());

  it.each(MATRIX)('$name: $who', async ({ who, way }) => {
    const answer = await way.look(scene, who);
    expect(wordsIn(answer)).toEqual(new Set(SEEN_BY[who]));
    expect(JSON.stringify(answer).includes('memoryword')).toBe(who === 'alice' && /live/.test(way.name));
    if (way.count) expect(way.count(answer as Record<string, unknown>)).toBe(SEEN_BY[who].length);
  });

  it('the session itself and who is present are the same for everyone', async () => {
    const shown = await Promise.all(
      EVERYONE.map(async (who) => [await scene.rest(who, ''), await scene.rest(who, '/presence')]),
    );
    for (const each of shown) expect(each).toEqual(shown[0]);
  });

  it('memory is for its agent, also where its name is known', async () => {
    for (const who of EVERYONE) {
      const { status } = await scene.service.rest.request(
        'GET',
        `/api/memory/k?session_id=${scene.session}`,
        {
          headers: scene.headers(who),
        },
      );
      expect(status).toBe(who === 'alice' ? 200 : 404);
      const memory = await scene.agents[who].mcp.request('resources/read', { uri: 'agent://alice/memory' });
      expect(JSON.stringify(memory).includes('memoryword')).toBe(who === 'alice');
    }
  });

  it.each(EVERYONE)(
    'a hidden message is as unknown as one that does not exist, in every word: %s',
    async (who) => {
      const { messages } = await scene.agents.root.call('get_messages', { session_id: scene.session });
      const timeless = (text: string): string => text.replaceAll(/"timestamp":"[^"]+"/g, '');
      const hidden = messages.filter(({ content }) => !(SEEN_BY[who] as readonly string[]).includes(content));
      const answers = await Promise.all(
        [...hidden.map(({ id }) => id), 999_999].map(async (id) => {
          const answer = await scene.tool(who, 'add_message', { content: 'x', parent_message_id: id });
          expect(answer).toMatchObject({ code: 'PARENT_NOT_FOUND' });
          return timeless(JSON.stringify(answer).replaceAll(String(id), '#'));
        }),
      );
      expect(new Set(answers).size).toBe(1);
    },
  );

  it('a tenant sees nothing of another', async () => {
    const { ws } = scene.service;
    const stranger = await SessionAgent.connect(
      ws,
      `?token=${await sign({ sub: 'alice', tenant: 'other' })}`,
    );
    const session = await stranger.newSession();
    await stranger.say(session, 'publicword of another tenant');
    for (const who of EVERYONE) {
      expect(await scene.agents[who].call('get_session', { session_id: session })).toMatchObject({
        code: 'SESSION_NOT_FOUND',
      });
      const viewer = await Viewer.open(`${ws}/sessions/${session}${scene.query(who, 'after_seq=0')}`);
      expect(await viewer.everything()).toEqual([]);
      await viewer.socket.close();
    }
  });

  it('tokens never give more than their maker has, or than the one who presents them', async () => {
    const { root, bob } = scene.agents;
    const admin = await root.as('helper', 'admin', ['read', 'write', 'admin']);
    const answer = await bob.call('get_messages', {
      session_id: scene.session,
      auth_token: admin.authToken,
    });
    expect(wordsIn(answer)).toEqual(new Set(['publicword']));
    expect(
      await bob.call('authenticate_agent', {
        agent_id: 'x',
        agent_type: 'admin',
        requested_permissions: ['admin'],
      }),
    ).toMatchObject({ permissions: ['read'] });
    const stranger = await SessionAgent.connect(
      scene.service.ws,
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
