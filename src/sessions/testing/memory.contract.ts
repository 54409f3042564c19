import { expect, it } from 'vitest';
import type { SessionStore } from '../session-store.js';
import { ALICE, BOB, TENANT } from './fixture.contract.js';

/** What every store does with agents' memory and tokens. @param opened a store with the session `s` */
export function describeMemory(opened: () => SessionStore): void {
  it('keeps memory by agent and scope, until it expires, with versions (X-39)', async () => {
    const store = opened();
    const scope = { tenant: TENANT, agent: ALICE, sessionId: null };
    const put = (key: string, fields: object = {}) =>
      store.remember({
        ...scope,
        key,
        value: '1',
        metadata: {},
        expiresAt: null,
        overwrite: true,
        at: 10,
        ...fields,
      });
    expect(await put('k')).toMatchObject({ version: 1, createdAt: 10 });
    expect(await put('k', { value: '2', at: 11 })).toMatchObject({
      version: 2,
      createdAt: 10,
      updatedAt: 11,
    });
    await expect(put('k', { overwrite: false })).rejects.toMatchObject({ code: 'key_exists' });
    await expect(put('k', { ifVersion: 1 })).rejects.toMatchObject({ code: 'version_conflict' });
    await expect(put('new', { ifVersion: 1 })).rejects.toMatchObject({ code: 'version_conflict' });
    expect(await put('k', { ifVersion: 2, value: '"third"' })).toMatchObject({ version: 3 });
    await expect(put('x', { sessionId: 'nope' })).rejects.toMatchObject({ code: 'session_not_found' });
    await put('k', { sessionId: 's', value: '4' });
    await put('short', { expiresAt: 20 });
    await put('k%', {});
    expect(await store.recall(scope, 'k', 15)).toMatchObject({ value: '"third"', sessionId: null });
    expect(await store.recall({ ...scope, sessionId: 's' }, 'k', 15)).toMatchObject({ value: '4' });
    expect(await store.recall({ ...scope, agent: BOB }, 'k', 15)).toBeNull();
    expect(await store.recall({ ...scope, agent: { id: 'alice', owner: 'eve' } }, 'k', 15)).toBeNull();
    const list = async (query: object) => {
      const all = { kind: 'all' } as const;
      const entries = await store.memories({
        tenant: TENANT,
        agent: ALICE,
        scope: all,
        prefix: '',
        limit: 10,
        at: 15,
        ...query,
      });
      return entries.map(({ key, sessionId }) => `${key}@${sessionId}`);
    };
    expect(await list({})).toEqual(['k%@null', 'short@null', 'k@s', 'k@null']);
    expect(await list({ at: 20 })).toEqual(['k%@null', 'k@s', 'k@null']);
    expect(await list({ prefix: 'k%' })).toEqual(['k%@null']);
    expect(await list({ scope: { kind: 'one', sessionId: null }, limit: 2 })).toEqual([
      'k%@null',
      'short@null',
    ]);
    expect(await list({ scope: { kind: 'one', sessionId: 's' } })).toEqual(['k@s']);
    expect(await put('short', { overwrite: false, at: 30 })).toMatchObject({ version: 1, expiresAt: null });
    expect(await store.forget(scope, 'k', 30)).toBe(true);
    expect(await store.forget(scope, 'k', 30)).toBe(false);
    await put('gone', { expiresAt: 31, at: 30 });
    await store.expire(40);
    expect(await list({ at: 1 })).not.toContain('gone@null');
  });

  it('lists keys with the sizes of their values, and values as far as they go into a page', async () => {
    const store = opened();
    const entry = {
      tenant: TENANT,
      agent: ALICE,
      sessionId: null,
      metadata: {},
      expiresAt: null,
      at: 10,
    };
    const value = JSON.stringify('v'.repeat(900_000));
    for (let n = 0; n < 8; n++) await store.remember({ ...entry, key: `k${n}`, value, overwrite: true });
    await store.remember({
      ...entry,
      key: 'last',
      value: '{"a":[1,2]}',
      overwrite: true,
    });
    const all = { kind: 'all' } as const;
    const query = {
      tenant: TENANT,
      agent: ALICE,
      scope: all,
      prefix: '',
      limit: 100,
      at: 15,
    };
    const keys = await store.memoryKeys(query);
    expect(keys.map(({ key }) => key)).toEqual(['last', 'k7', 'k6', 'k5', 'k4', 'k3', 'k2', 'k1', 'k0']);
    expect(keys.map(({ size }) => size).slice(0, 2)).toEqual(['{"a": [1, 2]}'.length, value.length]);
    expect(keys[0]).not.toHaveProperty('value');
    expect((await store.memories(query)).map(({ key }) => key)).toEqual([
      'last',
      'k7',
      'k6',
      'k5',
      'k4',
      'k3',
    ]);
  });

  it('gives a token to one taker alone, and forgets it once it cannot be replaced any more', async () => {
    const store = opened();
    const token = {
      tenant: TENANT,
      agent: ALICE,
      agentType: 'claude',
      permissions: ['read', 'write'],
      expiresAt: 100,
    } as const;
    await store.keepToken('digest', token);
    expect(await store.token('digest')).toEqual(token);
    const taken = await Promise.all([store.takeToken('digest'), store.takeToken('digest')]);
    expect(taken.filter((each) => each !== null)).toEqual([token]);
    await store.keepToken('old', token);
    await store.expire(101);
    expect(await store.token('old')).toEqual(token);
    await store.expire(3701);
    expect(await store.token('old')).toBeNull();
  });
}
