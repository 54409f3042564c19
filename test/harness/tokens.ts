import { SignJWT, UnsecuredJWT } from 'jose';

/** The secret of test services; its tokens are what a real issuer would sign with it. */
export const SECRET = 'test-secret-of-thirty-two-bytes-or-more';

export interface SigningOptions {
  readonly secret?: string;
  readonly algorithm?: string;
}

export function sign(
  claims: Record<string, unknown>,
  { secret = SECRET, algorithm = 'HS256' }: SigningOptions = {},
): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: algorithm, typ: 'JWT' })
    .sign(new TextEncoder().encode(secret));
}

/** A token that claims to need no signature. */
export function unsigned(claims: Record<string, unknown>): string {
  return new UnsecuredJWT(claims).encode();
}

/** Unix seconds, from now. */
export function inSeconds(seconds: number): number {
  return Math.floor(Date.now() / 1000) + seconds;
}
