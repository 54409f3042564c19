import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto';
import { errors, UnsecuredJWT, type JWTClaimVerificationOptions, type JWTPayload } from 'jose';

/** The algorithms of RFC 7518, section 3.2. No other is accepted, including `"alg": "none"`. */
const DIGESTS: ReadonlyMap<unknown, string> = new Map([
  ['HS256', 'sha256'],
  ['HS384', 'sha384'],
  ['HS512', 'sha512'],
]);
const NO_SIGNATURE = Buffer.from('{"alg":"none"}').toString('base64url');

export function secretKey(secret: string): KeyObject {
  return createSecretKey(secret, 'utf8');
}

/**
 * Verifies a JSON Web Token signed with a shared secret, synchronously. The library imports the key again and goes
 * through the thread pool twice per token. That costs eight times the CPU, and thousands of clients that reconnect at
 * once wait for those threads.
 * @throws errors.JOSEError for any defect of the token
 */
export function verifySecretSigned(
  token: string,
  key: KeyObject,
  wanted: JWTClaimVerificationOptions,
): JWTPayload {
  const [header, payload, signature, ...rest] = token.split('.');
  if (!header || !payload || !signature || rest.length > 0) throw new errors.JWTInvalid('Not three parts');
  const digest = digestOf(header);
  const expected = createHmac(digest, key).update(`${header}.${payload}`).digest('base64url');
  if (!sameText(expected, signature)) throw new errors.JWSSignatureVerificationFailed();
  // The library checks the claims (`exp`, `nbf`, `iss`, `aud` …); the token it gets has no signature.
  return UnsecuredJWT.decode(`${NO_SIGNATURE}.${payload}.`, wanted).payload;
}

function digestOf(header: string): string {
  const { alg, crit, b64 } = parseHeader(header);
  const digest = DIGESTS.get(alg);
  if (digest === undefined) throw new errors.JOSEAlgNotAllowed();
  // Critical extensions (RFC 7515, section 4.1.11): none is supported.
  if (crit !== undefined || b64 !== undefined) throw new errors.JOSENotSupported();
  return digest;
}

function parseHeader(header: string): { alg?: unknown; crit?: unknown; b64?: unknown } {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(header, 'base64url').toString());
    if (typeof parsed === 'object' && parsed !== null) return parsed;
  } catch (cause) {
    throw new errors.JWTInvalid('The header is not JSON', { cause });
  }
  throw new errors.JWTInvalid('The header is not a JSON object');
}

/** Compares in constant time; only the lengths, which are public, leak. */
function sameText(expected: string, given: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(given)];
  return a.length === b.length && timingSafeEqual(a, b);
}
