import { describe, expect, it } from 'vitest';
import { claimsOf } from './token-claims.js';

const token = (payload: string): string => `e30.${Buffer.from(payload).toString('base64url')}.sig`;

describe('claims of a token', () => {
  it('are read for display', () => {
    expect(claimsOf(token('{"sub":"Ada 文","tenant":"acme","exp":1800000000}'))).toEqual({
      user: 'Ada 文',
      tenant: 'acme',
      expiresAt: 1_800_000_000,
    });
    expect(claimsOf(token('{"id":7}'))).toEqual({ user: '7', tenant: undefined, expiresAt: undefined });
  });

  it.each(['', 'opk_abc123', 'a.b', token('null'), token('{'), token('"x"'), 'a.!!!.c'])(
    'a token without any: %j',
    (text) => {
      expect(claimsOf(text)).toBeUndefined();
    },
  );
});
