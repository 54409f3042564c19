import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunningService } from '../harness/running-service.js';
import { SessionAgent } from './session-client.js';

/** Where shared-context-server was seen to fail under several calls at once. */
describe('session tools called at once', () => {
  let service: RunningService;
  let agent: SessionAgent;
  beforeAll(async () => {
    service = await RunningService.start();
    agent = await SessionAgent.connect(service.ws);
  });
  afterAll(() => service.stop());

  const times = <Answer>(count: number, call: (n: number) => Promise<Answer>): Promise<Answer[]> =>
    Promise.all(Array.from({ length: count }, (_, n) => call(n)));

  it('every message is added, and get_session shows the newest fifty', async () => {
    const session = await agent.newSession();
    await times(60, (n) => agent.say(session, `m${n}`));
    const { messages, message_count: count } = await agent.call('get_session', { session_id: session });
    expect(count).toBe(50);
    const all = await agent.call('get_messages', { session_id: session, limit: 1000 });
    expect(all.total_count).toBe(60);
    expect(messages.map(({ id }) => id)).toEqual(
      all.messages
        .map(({ id }) => id)
        .toReversed()
        .slice(0, 50),
    );
  });

  it('every write of one new key succeeds, and each is a version of its own', async () => {
    const answers = await times(10, (n) => agent.call('set_memory', { key: 'new', value: n }));
    expect(new Set(answers.map(({ version }) => version))).toEqual(new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
    const only = await times(10, (n) =>
      agent.call('set_memory', { key: 'once', value: n, overwrite: false }),
    );
    expect(only.filter(({ success }) => success)).toHaveLength(1);
    expect(only.filter(({ code }) => code === 'KEY_EXISTS')).toHaveLength(9);
  });

  it('a token is replaced once', async () => {
    const { authToken } = await agent.as('alice');
    const answers = await times(4, () => agent.call('refresh_token', { current_token: authToken }));
    expect(answers.filter(({ success }) => success)).toHaveLength(1);
    expect(answers.filter(({ code }) => code === 'TOKEN_REFRESH_FAILED')).toHaveLength(3);
  });

  it('an agent has the permissions of its token and no others', async () => {
    const alice = await agent.as('alice', 'claude', ['read', 'write', 'debug', 'admin']);
    const { agent_info: info } = await alice.call('get_usage_guidance');
    expect(info).toMatchObject({ permissions: ['read', 'write'], can_refresh: true });
  });

  it('messages of the same words are found each by its own id', async () => {
    const session = await agent.newSession();
    const ids = (await times(3, () => agent.say(session, 'the same words'))).map(({ message_id: id }) => id);
    const { results } = await agent.call('search_context', { session_id: session, query: 'same words' });
    expect(results.map(({ message: { id } }) => id)).toEqual(ids.toSorted((a, b) => b - a));
  });

  it('what was said once with a message_key is said once, however often it is repeated at once', async () => {
    const session = await agent.newSession();
    const answers = await times(20, () => agent.say(session, 'once', { message_key: 'k' }));
    expect(new Set(answers.map(({ message_id: id }) => id)).size).toBe(1);
    expect(await agent.call('get_messages', { session_id: session })).toMatchObject({ total_count: 1 });
  });
});
