import { createHmac } from 'node:crypto';
import * as fc from 'fast-check';
import { jwtVerify, SignJWT, type JWTClaimVerificationOptions } from 'jose';
import { describe, expect, it } from 'vitest';
import { secretKey, verifySecretSigned } from './secret-signed-token.js';

const SECRET = 'a secret of more than thirty-two characters';
const bytes = new TextEncoder().encode(SECRET);
const key = secretKey(SECRET);
const algorithms = ['HS256', 'HS384', 'HS512'];

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token with any header, signed as its `alg` says, or with SHA-256. */
function forge(header: object, claims: unknown, secret = SECRET): string {
  const { alg } = header as { alg?: unknown };
  const digest = alg === 'HS384' ? 'sha384' : alg === 'HS512' ? 'sha512' : 'sha256';
  const body = `${encode(header)}.${encode(claims)}`;
  return `${body}.${createHmac(digest, secret).update(body).digest('base64url')}`;
}

function verdict(token: string, wanted: JWTClaimVerificationOptions = {}): unknown {
  try {
    return verifySecretSigned(token, key, wanted);
  } catch {
    return 'refused';
  }
}

/** What the library says of the same token. */
async function reference(token: string, wanted: JWTClaimVerificationOptions = {}): Promise<unknown> {
  try {
    return (await jwtVerify(token, bytes, { algorithms, ...wanted })).payload;
  } catch {
    return 'refused';
  }
}

const soon = Math.floor(Date.now() / 1000) + 3600;
const header = fc.record(
  {
    alg: fc.constantFrom<unknown>(
      'HS256',
      'HS384',
      'HS512',
      'none',
      'RS256',
      'constructor',
      'hs256',
      7,
      null,
    ),
    typ: fc.constantFrom<unknown>('JWT', 'at+jwt', 3),
    crit: fc.constantFrom<unknown>(['b64'], ['exp'], []),
  },
  { requiredKeys: ['alg'] },
);
const claims = fc.oneof(
  { weight: 8, arbitrary: claimsLike() },
  { weight: 1, arbitrary: fc.constantFrom<unknown>(null, [], 'text', 5) },
);

function claimsLike() {
  return fc.record(
    {
      sub: fc.string(),
      exp: fc.constantFrom<unknown>(soon, soon - 7200, 'soon', null, -1, 1.5e12),
      nbf: fc.constantFrom<unknown>(soon, soon - 7200, '0'),
      iss: fc.constantFrom<unknown>('us', 'them', 4),
      aud: fc.constantFrom<unknown>('hub', ['hub', 'other'], 'other', []),
    },
    { requiredKeys: [] },
  );
}
const wanted = fc.record({ issuer: fc.constant('us'), audience: fc.constant('hub') }, { requiredKeys: [] });

describe('tokens signed with the secret', () => {
  it.each(algorithms)('gives the claims of a token signed with %s', async (alg) => {
    const token = await new SignJWT({ sub: 'ann', tenant: 'acme' })
      .setProtectedHeader({ alg })
      .setExpirationTime('1h')
      .sign(bytes);
    expect(verdict(token)).toMatchObject({ sub: 'ann', tenant: 'acme' });
  });

  it('says of every header and every claim what the library says (S4-08)', async () => {
    await fc.assert(
      fc.asyncProperty(header, claims, wanted, fc.boolean(), async (header, claims, wanted, ours) => {
        const token = forge(header, claims, ours ? SECRET : `${SECRET}!`);
        const said = verdict(token, wanted);
        expect(said).toEqual(await reference(token, wanted));
        if (!ours) expect(said).toBe('refused');
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses a token with any character changed, added or left out', () => {
    const token = forge({ alg: 'HS256' }, { sub: 'ann', exp: soon });
    fc.assert(
      fc.property(
        fc.nat(token.length),
        fc.nat(1),
        fc.constantFrom('', 'A', 'x', '.', '=', ' ', '\n'),
        (at, cut, put) => {
          const changed = token.slice(0, at) + put + token.slice(at + cut);
          if (changed !== token) expect(verdict(changed)).toBe('refused');
        },
      ),
      { numRuns: 2000 },
    );
  });
});
