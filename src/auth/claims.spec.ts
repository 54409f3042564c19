import { describe, expect, it } from 'vitest';
import { toPrincipal } from './claims.js';
import { DEFAULT_SCOPES, SCOPES } from './principal.js';
import { faultOf } from './token-fault.js';

const refusalOf = (claims: Record<string, unknown>): string | undefined => {
  try {
    toPrincipal(claims, 'role');
    return undefined;
  } catch (thrown) {
    return faultOf(thrown as Error);
  }
};

describe('claims', () => {
  it.each([
    [{}, 'anonymous'],
    [{ id: 42 }, '42'],
    [{ id: 0 }, '0'],
    [{ sub: 'ann', id: 42 }, 'ann'],
  ])('%j is a user', (claims, userId) => {
    expect(toPrincipal(claims, 'role').userId).toBe(userId);
  });

  it.each(['sub', 'id', 'tenant', 'role', 'scope', 'scopes', 'rate_limits'])(
    'a %s that makes no sense is refused by name, and never read as a default',
    (name) => {
      const nonsense = [null, '', [1], {}, true, 1.5, 'x'.repeat(300)];
      // Any text is a list of scopes, if of none that exists; no limits are limits.
      const sense: Record<string, unknown[]> = {
        scope: ['', 'x'.repeat(300)],
        scopes: ['', 'x'.repeat(300)],
      };
      for (const value of nonsense) {
        if (sense[name]?.includes(value) || (name === 'rate_limits' && JSON.stringify(value) === '{}'))
          continue;
        expect([value, refusalOf({ [name]: value })]).toEqual([value, `claim ${name}`]);
      }
    },
  );

  it('a role counts in the claim that is named, and nowhere else', () => {
    expect(toPrincipal({ role: 'admin' }, 'role').scopes).toEqual(new Set(SCOPES));
    expect(toPrincipal({ role: 'admin' }, undefined).scopes).toEqual(DEFAULT_SCOPES);
    expect(toPrincipal({ role: 'admin', job: 'user' }, 'job').scopes).toEqual(DEFAULT_SCOPES);
    expect(refusalOf({ role: 'viewer' })).toBe('claim role');
    expect(toPrincipal({ scope: 'mcp other:thing' }, 'role').scopes).toEqual(new Set(['mcp']));
  });
});
