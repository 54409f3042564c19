import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';
import { sseEvents } from '../harness/stream-events.js';

interface Message {
  readonly seq: number;
  readonly content: string;
}

describe.each(['memory', 'sqlite'])('sessions as Durable Streams, STORE=%s', (store) => {
  let service: RunningService;
  const tokens: Record<string, string> = {};

  beforeAll(async () => {
    service = await RunningService.start({ STORE: store, JWT_SECRET: SECRET, ALLOW_ANONYMOUS: 'false' });
    tokens.ann = await sign({ sub: 'ann' });
    tokens.bob = await sign({ sub: 'bob' });
    tokens.eve = await sign({ sub: 'eve', tenant: 'other' });
    tokens.blind = await sign({ sub: 'blind', scope: 'streams:read streams:write' });
  });
  afterAll(() => service.stop());

  const read = (id: string, query: string, as: string) =>
    fetch(`${service.http}/v1/stream/sessions/${id}${query}`, {
      headers: { authorization: `Bearer ${tokens[as]}` },
    });
  const post = async (path: string, body: unknown, as = 'ann') => {
    const answer = await fetch(`${service.http}/api/sessions${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${tokens[as]}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(answer.ok).toBe(true);
  };
  const open = (id: string) => post('', { purpose: 'test', session_id: id });
  const say = (id: string, content: string, visibility = 'public') =>
    post(`/${id}/messages`, { content, visibility });
  const contents = (messages: unknown) => (messages as Message[]).map(({ content }) => content);

  it('a reader sees what it may see, catches up, resumes and ends with the session', async () => {
    await open('talk');
    const empty = await read('talk', '', 'bob');
    expect([await empty.json(), empty.headers.get('stream-up-to-date')]).toEqual([[], 'true']);
    const beginning = empty.headers.get('stream-next-offset')!;
    const ann = sseEvents(await read('talk', '?offset=-1&live=sse', 'ann'));
    const bob = sseEvents(await read('talk', `?offset=${beginning}&live=sse`, 'bob'));
    await eventually('both follow', () => ann.controls.length > 0 && bob.controls.length > 0);
    await say('talk', 'hello');
    await say('talk', 'secret', 'private');
    await say('talk', 'world');
    await say('talk', 'hidden', 'private');
    await eventually('ann has all', () => ann.data.length === 4);
    await eventually('bob has his', () => bob.data.length === 2);
    expect(contents(ann.data)).toEqual(['hello', 'secret', 'world', 'hidden']);
    expect(contents(bob.data)).toEqual(['hello', 'world']);
    expect(bob.controls.at(-1)).toMatchObject({ upToDate: true });

    const caught = await read('talk', '', 'bob');
    expect(contents(await caught.json())).toEqual(['hello', 'world']);
    expect(caught.headers.get('stream-up-to-date')).toBe('true');
    const offset = caught.headers.get('stream-next-offset')!;
    expect(offset).toBe(bob.controls.at(-1)!.streamNextOffset);
    const waiting = read('talk', `?offset=${offset}&live=long-poll`, 'bob');
    await say('talk', 'again');
    expect(contents(await (await waiting).json())).toEqual(['again']);

    await say('talk', 'hidden too', 'private');
    await post('/talk/close', {});
    await Promise.all([ann.ended, bob.ended]);
    expect(contents(bob.data)).toEqual(['hello', 'world', 'again']);
    expect(bob.controls.at(-1)).toMatchObject({ streamClosed: true });
    const end = await read('talk', `?offset=${bob.controls.at(-1)!.streamNextOffset}`, 'bob');
    expect([await end.json(), end.headers.get('stream-closed')]).toEqual([[], 'true']);
    const late = sseEvents(await read('talk', '?offset=-1&live=sse', 'bob'));
    await late.ended;
    expect(contents(late.data)).toEqual(['hello', 'world', 'again']);
    expect(late.controls.at(-1)).toMatchObject({ streamClosed: true });
  });

  it('nobody reads another tenant’s session, or any without the scope to', async () => {
    await open('private');
    expect((await read('private', '', 'eve')).status).toBe(404);
    expect((await read('private', '', 'blind')).status).toBe(403);
    expect((await read('none', '', 'ann')).status).toBe(404);
  });

  it('an offset of a message that was never there is gone, and no offset at all a mistake', async () => {
    await open('places');
    await say('places', 'one');
    const offset = (await read('places', '', 'ann')).headers.get('stream-next-offset')!;
    const [created, , at] = offset.split('_');
    const other = (seq: string, time: string, from = created) =>
      `?offset=${from}_${seq.padStart(16, '0')}_${time}`;
    expect((await read('places', other('1', at!), 'ann')).status).toBe(200);
    expect((await read('places', other('7', at!), 'ann')).status).toBe(410);
    expect((await read('places', other('1', '1'.repeat(16)), 'ann')).status).toBe(410);
    expect((await read('places', other('1', at!, '1'.repeat(16)), 'ann')).status).toBe(410);
    expect((await read('places', '?offset=1', 'ann')).status).toBe(400);
  });
});
