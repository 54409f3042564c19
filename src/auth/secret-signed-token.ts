import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto';
import { errors, UnsecuredJWT, type JWTClaimVerificationOptions, type JWTPayload } from 'jose';

/** The algorithms of RFC 7518, section 3.2. No other is accepted, so neither is `"alg": "none"`. */
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
 * Verifies a JSON Web Token that is signed with a shared secret, in the turn of the event loop that asks. The library's
 * own way imports the key anew and goes through the thread pool twice for each token: eight times the CPU, and when
 * thousands of clients return at once, they wait for those threads.
 * @throws errors.JOSEError for any fault of the token
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
  // The claims (`exp`, `nbf`, `iss`, `aud` …) are the library's to check; what it is given has no signature any more.
  return UnsecuredJWT.decode(`${NO_SIGNATURE}.${payload}.`, wanted).payload;
}

function digestOf(header: string): string {
  const { alg, crit, b64 } = parseHeader(header);
  const digest = DIGESTS.get(alg);
  if (digest === undefined) throw new errors.JOSEAlgNotAllowed();
  // Extensions that must be understood (RFC 7515, section 4.1.11): none is.
  if (crit !== undefined || b64 !== undefined) throw new errors.JOSENotSupported();
  return digest;
}

function parseHeader(header: string): { alg?: unknown; crit?: unknown; b64?: unknown } {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(header, 'base64url').toString());
    if (typeof parsed === 'object' && parsed !== null) return parsed;
  } catch (cause) {
    throw new errors.JWTInvalid('The header is no JSON', { cause });
  }
  throw new errors.JWTInvalid('The header is no JSON object');
}

/** Takes the same time wherever they differ; only the lengths, which are known, show. */
function sameText(expected: string, given: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(given)];
  return a.length === b.length && timingSafeEqual(a, b);
}
