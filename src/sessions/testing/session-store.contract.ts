import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import type { NewMessage, SessionMessage } from '../session.js';
import type { Added, SessionStore } from '../session-store.js';
import type { Viewer } from '../viewer.js';
import {
  ADMIN,
  ALICE,
  BOB,
  contents,
  message,
  PAGE,
  RETENTION,
  TENANT,
  viewerOf,
  type SessionStoreFixture,
} from './fixture.contract.js';
import { describeMemory } from './memory.contract.js';

/** What every store of sessions does, with the real engine. */
export function describeSessionStore(name: string, prepare: () => Promise<SessionStoreFixture>): void {
  describe(`${name} session store`, () => {
    let fixture: SessionStoreFixture;
    let store: SessionStore;

    beforeEach(async () => {
      fixture = await prepare();
      store = await fixture.open(RETENTION);
      await create('s');
    });
    afterEach(() => fixture.cleanUp());

    const create = (sessionId: string, at = 1, tenant = TENANT) =>
      store.create({ tenant, sessionId, purpose: 'work', createdBy: 'alice', metadata: null }, at);
    const add = async (fields: Partial<NewMessage> = {}, at = 10): Promise<SessionMessage> => {
      const [outcome] = await store.add([message(fields)], at);
      if (outcome instanceof OpstreamError) throw outcome;
      return outcome!.message;
    };

    it('numbers the messages of each session 1, 2, 3 …, and gives each an id of its tenant', async () => {
      await create('t', 2);
      const outcomes = await store.add([message(), message({ sessionId: 't' }), message()], 10);
      expect(outcomes.map((outcome) => (outcome as Added).message)).toMatchObject([
        { sessionId: 's', seq: 1, id: 1 },
        { sessionId: 't', seq: 1, id: 2 },
        { sessionId: 's', seq: 2, id: 3 },
      ]);
      expect(await store.get(TENANT, 's')).toMatchObject({
        lastSeq: 2,
        firstSeq: 1,
        updatedAt: 10,
        createdAt: 1,
      });
    });

    it('refuses one message of a batch and adds the others', async () => {
      const outcomes = await store.add(
        [message({ sessionId: 'nope' }), message({ parentId: 99 }), message({ content: 'kept' })],
        10,
      );
      expect(outcomes[0]).toMatchObject({ code: 'session_not_found' });
      expect(outcomes[1]).toMatchObject({ code: 'parent_not_found' });
      expect(outcomes[2]).toMatchObject({ message: { content: 'kept', seq: 1 } });
    });

    it('adds a message with a message_key once for each sender, also after the session was closed', async () => {
      const first = await add({ messageKey: 'k', content: 'first' });
      const [repeated] = await store.add([message({ messageKey: 'k', content: 'second' })], 11);
      expect(repeated).toMatchObject({ repeated: true, message: { id: first.id, content: 'first' } });
      await add({ messageKey: 'k', sender: BOB });
      await store.close(TENANT, 's', 20);
      expect(await store.add([message({ messageKey: 'k' }), message()], 21)).toMatchObject([
        { repeated: true },
        { code: 'session_closed' },
      ]);
      expect((await store.get(TENANT, 's'))!.lastSeq).toBe(2);
    });

    it('shows each viewer what it may see, in pages, counts, the log and searches (X-32)', async () => {
      await add({ content: 'public word' });
      await add({ content: 'private word', visibility: 'private' });
      await add({ content: 'agents word', visibility: 'agent_only' });
      await add({ content: 'admins word', visibility: 'admin_only' });
      await add({ content: 'bobs private word', visibility: 'private', sender: BOB });
      await add({
        content: 'alices of another owner',
        visibility: 'private',
        sender: { id: 'alice', owner: 'eve' },
      });
      const cases: [Viewer, string[]][] = [
        [viewerOf(ALICE), ['public word', 'private word', 'agents word']],
        [viewerOf(BOB), ['public word', 'bobs private word']],
        [
          viewerOf({ id: 'alice', owner: 'eve' }),
          ['public word', 'private word', 'agents word', 'alices of another owner'],
        ],
        [viewerOf({ id: 'carol', owner: 'anonymous' }), ['public word']],
        [
          ADMIN,
          [
            'public word',
            'private word',
            'agents word',
            'admins word',
            'bobs private word',
            'alices of another owner',
          ],
        ],
      ];
      for (const [viewer, seen] of cases) {
        const found = await store.find(TENANT, 's', { viewer, order: 'oldest', limit: 100 });
        expect(contents(found!.messages)).toEqual(seen);
        expect(found!.total).toBe(seen.length);
        const newest = await store.find(TENANT, 's', { viewer, order: 'newest', limit: 1, offset: 1 });
        expect(contents(newest!.messages)).toEqual(seen.slice(0, -1).slice(-1));
        const log = await store.read(TENANT, 's', viewer, 0, PAGE);
        expect(contents(log!.events)).toEqual(seen);
        const search = await store.candidates(TENANT, 's', {
          viewer,
          visibility: 'all',
          text: 'word',
          limit: 100,
        });
        expect(contents(search!.messages)).toEqual(seen.toReversed());
        const hidden = await store.find(TENANT, 's', {
          viewer,
          visibility: 'private',
          order: 'oldest',
          limit: 100,
        });
        expect(hidden!.total).toBe(seen.filter((content) => /private|another/.test(content)).length);
      }
    });

    it('reads the log after a seq, to a bound, and says where it ends for the viewer', async () => {
      for (let n = 1; n <= 4; n++)
        await add({ content: `m${n}`, visibility: n === 4 ? 'private' : 'public' });
      const bob = viewerOf(BOB);
      expect(await store.read(TENANT, 's', bob, 0, { limit: 2, maxBytes: 1000 })).toMatchObject({
        first: 1,
        head: 4,
      });
      expect(await store.read(TENANT, 's', bob, 2, PAGE)).toMatchObject({ events: [{ seq: 3 }], head: 3 });
      expect(await store.read(TENANT, 's', bob, 4, PAGE)).toMatchObject({ events: [], head: 4 });
      expect(await store.read(TENANT, 's', bob, 9, PAGE)).toMatchObject({ events: [], head: 4 });
      expect(await store.read(TENANT, 's', ADMIN, 0, { limit: 10, maxBytes: 3 })).toMatchObject({
        events: [{ seq: 1 }, { seq: 2 }],
        head: 4,
      });
      expect(await store.read(TENANT, 'nope', bob, 0, PAGE)).toBeNull();
    });

    it('finds by sender and by time, and keeps times in the order of the messages when the clock steps back', async () => {
      await add({ content: 'one' }, 10);
      await add({ content: 'two', sender: BOB }, 20);
      await add({ content: 'three' }, 15);
      const viewer = viewerOf(BOB);
      const by = async (query: object) =>
        contents((await store.find(TENANT, 's', { viewer, order: 'oldest', limit: 10, ...query }))!.messages);
      expect(await by({ sender: 'alice', order: 'newest' })).toEqual(['three', 'one']);
      expect(await by({ from: 20, until: 20 })).toEqual(['two', 'three']);
      expect(await by({ from: 11 })).toEqual(['two', 'three']);
      expect(await by({ until: 19 })).toEqual(['one']);
    });

    it('proposes likely messages of a large session, whatever other sessions hold', async () => {
      await create('other', 2);
      const bulk = Array.from({ length: 1200 }, (_, n) => message({ content: `ordinary talk number ${n}` }));
      await store.add([message({ content: 'the zanzibar plan' }), ...bulk], 10);
      await store.add([message({ sessionId: 'other', content: 'zanzibar elsewhere' })], 10);
      const query = { viewer: viewerOf(BOB), visibility: 'all', limit: 50 } as const;
      const found = await store.candidates(TENANT, 's', { ...query, text: 'zanzbar' });
      expect(contents(found!.messages)).toContain('the zanzibar plan');
      expect(contents(found!.messages)).not.toContain('zanzibar elsewhere');
      expect(found!.none).toBe(false);
      const short = await store.candidates(TENANT, 's', { ...query, text: 'zz' });
      expect(short).toEqual({ messages: [], none: false });
    });

    it('trims by count and by age, and says from where on the log is whole', async () => {
      store = await fixture.open({ ...RETENTION, maxMessages: 3 });
      for (let n = 1; n <= 5; n++) await add({ content: `m${n} zanzibar`, messageKey: `k${n}` }, n * 10);
      expect(await store.read(TENANT, 's', ADMIN, 0, PAGE)).toMatchObject({
        events: [{ seq: 3 }, { seq: 4 }, { seq: 5 }],
        first: 3,
        head: 5,
      });
      expect((await store.find(TENANT, 's', { viewer: ADMIN, order: 'oldest', limit: 1 }))!.total).toBe(3);
      expect(await store.message(TENANT, 1)).toBeNull();
      while (await store.expire(145)) continue;
      expect(await store.read(TENANT, 's', ADMIN, 0, PAGE)).toMatchObject({
        events: [{ seq: 5 }],
        first: 5,
        head: 5,
      });
      while (await store.expire(1000)) continue;
      expect(await store.read(TENANT, 's', ADMIN, 0, PAGE)).toMatchObject({ events: [], first: 6 });
      const search = await store.candidates(TENANT, 's', {
        viewer: ADMIN,
        visibility: 'all',
        text: 'zanzibar',
        limit: 9,
      });
      expect(search).toEqual({ messages: [], none: true });
      expect((await add({ content: 'next' }, 2000)).seq).toBe(6);
    });

    it('ends a page with the message that makes it large, and proposes no more than can be scored', async () => {
      const content = 'long '.repeat(20_000);
      await store.add(
        Array.from({ length: 100 }, () => message({ content })),
        10,
      );
      const query = { viewer: ADMIN, order: 'newest', limit: 1000 } as const;
      const page = (await store.find(TENANT, 's', query))!;
      expect(page.messages.map(({ seq }) => seq)).toEqual(Array.from({ length: 42 }, (_, n) => 100 - n));
      expect(page.total).toBe(100);
      const search = {
        viewer: ADMIN,
        visibility: 'all',
        text: 'long',
        limit: 500,
      } as const;
      const { messages } = (await store.candidates(TENANT, 's', search))!;
      expect(messages.length).toBeLessThan(100);
    });

    it('finds the place in a log by the id of any message of the tenant', async () => {
      await create('t', 2);
      for (const sessionId of ['s', 't', 's', 't', 's']) await add({ sessionId });
      const places = await Promise.all([0, 1, 2, 3, 4, 5, 99].map((id) => store.seqAt(TENANT, 's', id)));
      expect(places).toEqual([0, 1, 1, 2, 2, 3, 3]);
      expect(await store.seqAt(TENANT, 'nope', 1)).toBeNull();
      expect(await store.seqAt('other', 's', 1)).toBeNull();
    });

    it('comes down to a lowered limit, in the background too', async () => {
      for (let n = 0; n < 3; n++)
        await store.add(
          Array.from({ length: 200 }, () => message()),
          10,
        );
      store = await fixture.open({ ...RETENTION, maxMessages: 5 });
      await add({ content: 'newest' }, 20);
      while (await store.expire(21)) continue;
      const { events, first, head } = (await store.read(TENANT, 's', ADMIN, 0, PAGE))!;
      expect([first, head, events.length]).toEqual([597, 601, 5]);
      expect(await store.counts()).toMatchObject({ messages: 5 });
    });

    it('leaves nothing of a removed session to the next one of its id', async () => {
      const old = await add({ content: 'zanzibar', messageKey: 'k', visibility: 'private' });
      await store.close(TENANT, 's', 20);
      store = await fixture.open({ ...RETENTION, maxSessions: 1 });
      await create('other', 30);
      expect(await store.get(TENANT, 's')).toBeNull();
      expect(await store.message(TENANT, old.id)).toBeNull();
      expect((await store.add([message({ sessionId: 'other', parentId: old.id })], 31))[0]).toMatchObject({
        code: 'parent_not_found',
      });
      await store.close(TENANT, 'other', 32);
      await create('s', 40);
      expect(await store.read(TENANT, 's', ADMIN, 0, PAGE)).toMatchObject({ events: [], head: 0 });
      const again = await add({ messageKey: 'k' }, 41);
      expect(again).toMatchObject({ seq: 1 });
      expect(again.id).toBeGreaterThan(old.id);
      while (await store.expire(50)) continue;
      const found = await store.find(TENANT, 's', { viewer: ADMIN, order: 'oldest', limit: 9 });
      expect(found).toMatchObject({ messages: [{ seq: 1 }], total: 1 });
    });

    it('lists sessions, last change first, and makes room by closed ones alone', async () => {
      for (const [index, id] of ['a', 'b', 'c', 'd'].entries()) await create(id, 10 + index);
      await expect(create('e', 20)).rejects.toMatchObject({ code: 'too_many_sessions' });
      await expect(create('a', 20)).rejects.toMatchObject({ code: 'session_exists' });
      await add({ sessionId: 'a' }, 30);
      const first = await store.list(TENANT, 3);
      expect(first.sessions.map(({ sessionId }) => sessionId)).toEqual(['a', 'd', 'c']);
      const rest = await store.list(TENANT, 3, first.nextCursor!);
      expect(rest).toMatchObject({ sessions: [{ sessionId: 'b' }, { sessionId: 's' }], nextCursor: null });
      await expect(store.list(TENANT, 3, 'nonsense')).rejects.toMatchObject({ code: 'invalid_cursor' });
      const removed: unknown[] = [];
      store.onRemoved = (keys) => removed.push(...keys);
      await store.close(TENANT, 'b', 40);
      await create('e', 50);
      expect(await store.get(TENANT, 'b')).toBeNull();
      await expect.poll(() => removed).toEqual([{ tenant: TENANT, sessionId: 'b' }]);
      expect(await store.close(TENANT, 'nope', 1)).toBeNull();
    });

    it('keeps tenants apart', async () => {
      await add({ content: 'ours' });
      expect(await store.get('other', 's')).toBeNull();
      expect(await store.find('other', 's', { viewer: ADMIN, order: 'oldest', limit: 1 })).toBeNull();
      expect(await store.message('other', 1)).toBeNull();
      expect((await store.list('other', 10)).sessions).toEqual([]);
      await create('s', 1, 'other');
      expect((await store.add([message({ tenant: 'other' })], 10))[0]).toMatchObject({
        message: { id: 1, seq: 1 },
      });
    });

    describeMemory(() => store);

    it('tells who is connected', async () => {
      const presence = { participants: 2, lastActivity: '2026-01-01T00:00:00.000Z', lastDisconnect: null };
      await store.setPresence(TENANT, 's', presence);
      await store.setPresence(TENANT, 'nope', presence);
      expect(await store.get(TENANT, 's')).toMatchObject({ presence });
      expect(await store.counts()).toEqual({ sessions: 1, messages: 0 });
    });
  });
}
