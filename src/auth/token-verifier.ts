import type { KeyObject } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import {
  createRemoteJWKSet,
  customFetch,
  errors,
  jwtVerify,
  type JWTPayload,
  type JWTVerifyGetKey,
} from 'jose';
import { Configuration, InvalidConfigurationError } from '../config/configuration.js';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { FetchError } from '../platform/http/fetch-error.js';
import { fetchFunction } from '../platform/http/fetch-function.js';
import { MAX_TOKEN_LENGTH } from './credentials.js';
import { Exposure } from './exposure.js';
import { secretKey, verifySecretSigned } from './secret-signed-token.js';
import { invalidToken } from './token-fault.js';

/** An explicit list prevents an HMAC made with a public key. */
const PUBLIC_KEY_ALGORITHMS = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(
  ' ',
);

/** RFC 7518 requires an HMAC key as long as its digest; a shorter one can be guessed from any token. */
const SECRET_BYTES = 32;
/** Secrets from documentation and templates. */
const EXAMPLE = /change[-_ ]?(?:me|this|in[-_ ]production)|your[-_ ].*secret|a-string-secret/i;

/** A key set is a few kilobytes, and every request with an unknown key waits for it. */
const KEY_SET_LIMITS = { maxBytes: 256 * 1024, totalMs: 5000 };

/** Verifies JSON Web Tokens (RFC 7519) with the secret or the key set of the configuration. */
@Injectable()
export class TokenVerifier {
  private readonly secret: KeyObject | undefined;
  private readonly keySet: JWTVerifyGetKey | undefined;

  /**
   * @throws InvalidConfigurationError when both kinds of key are set, when a key set would accept tokens for any
   *   service, or when a guessable secret is used where others can reach the service
   */
  constructor(
    private readonly configuration: Configuration,
    exposure: Exposure,
  ) {
    const { jwtSecret, jwksUrl, issuer } = configuration.auth;
    if (jwtSecret !== undefined && jwksUrl !== undefined) {
      throw new InvalidConfigurationError('Set either JWT_SECRET or JWKS_URL, not both');
    }
    if (jwtSecret !== undefined) this.secret = secretKey(jwtSecret);
    if (jwtSecret !== undefined) checkStrength(jwtSecret, exposure);
    if (jwksUrl === undefined) return;
    if (issuer === undefined) {
      throw new InvalidConfigurationError(
        'JWKS_URL needs JWT_ISSUER, and JWT_AUDIENCE unless tokens are for "opstream": otherwise a token for any other service of the issuer would be valid here',
      );
    }
    this.keySet = createRemoteJWKSet(new URL(jwksUrl), { [customFetch]: fetchFunction(KEY_SET_LIMITS) });
  }

  /** Whether any token can be valid. */
  get hasKey(): boolean {
    return this.secret !== undefined || this.keySet !== undefined;
  }

  /**
   * @throws OpstreamError `unauthorized` for any defect of the token, `store_unavailable` when the key set cannot be
   *   fetched
   */
  async verify(token: string): Promise<JWTPayload> {
    const { issuer, audience } = this.configuration.auth;
    const wanted = { ...(issuer !== undefined && { issuer }), ...(audience !== undefined && { audience }) };
    try {
      if (token.length > MAX_TOKEN_LENGTH) throw new errors.JWTInvalid();
      if (this.secret) return verifySecretSigned(token, this.secret, wanted);
      if (!this.keySet) throw new errors.JWTInvalid();
      const { payload } = await jwtVerify(token, this.keySet, {
        algorithms: PUBLIC_KEY_ALGORITHMS,
        ...wanted,
      });
      return payload;
    } catch (thrown) {
      if (isFaultOfKeySet(thrown)) {
        throw new OpstreamError('store_unavailable', 'The key server does not answer', {}, { cause: thrown });
      }
      throw invalidToken(thrown);
    }
  }
}

/** @throws InvalidConfigurationError for a weak secret on an address that others can reach */
function checkStrength(secret: string, exposure: Exposure): void {
  const isShort = Buffer.byteLength(secret) < SECRET_BYTES;
  if (!isShort && !EXAMPLE.test(secret)) return;
  const fault = isShort ? `has fewer than ${SECRET_BYTES} bytes` : 'is that of an example';
  if (exposure.isLocal) {
    new Logger('Auth').warn(`JWT_SECRET ${fault}: anyone with a token may guess it`);
    return;
  }
  throw new InvalidConfigurationError(
    `JWT_SECRET ${fault} and could be guessed; with ${exposure.reason} others can reach the service. Use: openssl rand -hex 32`,
  );
}

/** Network failures are not jose errors; a response that is not a key set gives its generic error. */
function isFaultOfKeySet(thrown: unknown): boolean {
  if (!(thrown instanceof errors.JOSEError)) return thrown instanceof FetchError;
  return (
    thrown instanceof errors.JWKSTimeout ||
    thrown instanceof errors.JWKSInvalid ||
    thrown.code === 'ERR_JOSE_GENERIC'
  );
}
