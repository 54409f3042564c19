import { Injectable } from '@nestjs/common';
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import { Configuration, InvalidConfigurationError } from '../config/configuration.js';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { MAX_TOKEN_LENGTH } from './credentials.js';

/** Naming the algorithms closes `"alg": "none"`, and each kind of key its own closes an HMAC over a public key. */
const SECRET_ALGORITHMS = ['HS256', 'HS384', 'HS512'];
const PUBLIC_KEY_ALGORITHMS = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(
  ' ',
);

/** Verifies JSON Web Tokens (RFC 7519) with the secret or the key set of the configuration. */
@Injectable()
export class TokenVerifier {
  private readonly key: Uint8Array | JWTVerifyGetKey | undefined;

  /** @throws InvalidConfigurationError when both kinds of key are set */
  constructor(private readonly configuration: Configuration) {
    const { jwtSecret, jwksUrl } = configuration.auth;
    if (jwtSecret !== undefined && jwksUrl !== undefined) {
      throw new InvalidConfigurationError('Set either JWT_SECRET or JWKS_URL, not both');
    }
    if (jwtSecret !== undefined) this.key = new TextEncoder().encode(jwtSecret);
    else if (jwksUrl !== undefined) this.key = createRemoteJWKSet(new URL(jwksUrl));
  }

  /** Whether any token can be valid. */
  get hasKey(): boolean {
    return this.key !== undefined;
  }

  /** @throws OpstreamError `unauthorized` for any fault of the token, `store_unavailable` when the key set cannot be had */
  async verify(token: string): Promise<JWTPayload> {
    const { issuer, audience } = this.configuration.auth;
    const wanted = { ...(issuer !== undefined && { issuer }), ...(audience !== undefined && { audience }) };
    try {
      if (this.key === undefined || token.length > MAX_TOKEN_LENGTH) throw new errors.JWTInvalid();
      // jose has one overload per kind of key.
      const { payload } =
        this.key instanceof Uint8Array
          ? await jwtVerify(token, this.key, { algorithms: SECRET_ALGORITHMS, ...wanted })
          : await jwtVerify(token, this.key, { algorithms: PUBLIC_KEY_ALGORITHMS, ...wanted });
      return payload;
    } catch (thrown) {
      if (isFaultOfKeySet(thrown)) {
        throw new OpstreamError('store_unavailable', 'The key server does not answer', {}, { cause: thrown });
      }
      throw new OpstreamError('unauthorized', 'Invalid token', {}, { cause: thrown });
    }
  }
}

/** Network failures of `fetch` are no errors of jose; answers that are no key set are its general ones. */
function isFaultOfKeySet(thrown: unknown): boolean {
  if (!(thrown instanceof errors.JOSEError)) return thrown instanceof TypeError;
  return (
    thrown instanceof errors.JWKSTimeout ||
    thrown instanceof errors.JWKSInvalid ||
    thrown.code === 'ERR_JOSE_GENERIC'
  );
}
