import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import { Configuration, InvalidConfigurationError } from '../config/configuration.js';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { isLoopback } from './loopback.js';
import {
  ANONYMOUS,
  anonymousPrincipal,
  DEFAULT_SCOPES,
  DEFAULT_TENANT,
  SCOPES,
  type Principal,
  type Scope,
} from './principal.js';

/** Where a token may stand in a request: header, `?token=`, or the WebSocket subprotocol `mcp.auth.<token>`. */
export interface Credentials {
  readonly headers: IncomingHttpHeaders;
  /** Path and query of the request. */
  readonly url: string;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._@:|-]{0,127}$/;
const SUBPROTOCOL_TOKEN = /(?:^|,\s*)(?:mcp\.auth|bearer)\.([A-Za-z0-9_.=-]+)/;

/** Verifies tokens and decides who a request without one is (the design's section Trust). */
@Injectable()
export class Authenticator {
  private readonly key: Uint8Array | JWTVerifyGetKey | undefined;
  private readonly algorithms: string[];
  private readonly anonymousAllowed: boolean;

  /** @throws InvalidConfigurationError when the service would be open on an address others can reach */
  constructor(private readonly configuration: Configuration) {
    const { auth, http } = configuration;
    if (auth.jwtSecret !== undefined && auth.jwksUrl !== undefined) {
      throw new InvalidConfigurationError('Set either JWT_SECRET or JWKS_URL, not both');
    }
    if (auth.jwtSecret !== undefined) this.key = new TextEncoder().encode(auth.jwtSecret);
    else if (auth.jwksUrl !== undefined) this.key = createRemoteJWKSet(new URL(auth.jwksUrl));
    // Naming the algorithms closes "alg": "none" and an HMAC over a public key.
    this.algorithms =
      auth.jwtSecret !== undefined
        ? ['HS256', 'HS384', 'HS512']
        : ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'];
    this.anonymousAllowed = auth.allowAnonymous ?? isLoopback(http.host);
    if (!isLoopback(http.host) && this.key === undefined && auth.allowAnonymous !== true) {
      throw new InvalidConfigurationError(
        `HOST=${http.host} can be reached by others: set JWT_SECRET or JWKS_URL, or ALLOW_ANONYMOUS=true to stay open`,
      );
    }
  }

  /**
   * @param tokenRequired true for protocols that never admit anonymous callers
   * @throws OpstreamError `unauthorized` for a missing token where one is wanted, or one that is not valid
   */
  async authenticate(credentials: Credentials, tokenRequired = false): Promise<Principal> {
    const token = tokenOf(credentials);
    if (token !== undefined) return this.verify(token);
    if (tokenRequired || !this.anonymousAllowed) throw new OpstreamError('unauthorized', 'Missing token');
    return anonymousPrincipal;
  }

  /** @throws OpstreamError `unauthorized` */
  async verify(token: string): Promise<Principal> {
    if (this.key === undefined) throw new OpstreamError('unauthorized', 'Invalid token');
    try {
      const { auth } = this.configuration;
      const options = {
        algorithms: this.algorithms,
        ...(auth.issuer !== undefined && { issuer: auth.issuer }),
        ...(auth.audience !== undefined && { audience: auth.audience }),
      };
      // jose has one overload per kind of key.
      const { payload } =
        this.key instanceof Uint8Array
          ? await jwtVerify(token, this.key, options)
          : await jwtVerify(token, this.key, options);
      return toPrincipal(payload);
    } catch (thrown) {
      if (thrown instanceof errors.JWKSTimeout) {
        throw new OpstreamError('store_unavailable', 'The key server does not answer', {}, { cause: thrown });
      }
      throw new OpstreamError('unauthorized', 'Invalid token', {}, { cause: thrown });
    }
  }
}

function tokenOf({ headers, url }: Credentials): string | undefined {
  const bearer = /^Bearer\s+(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  if (bearer !== undefined) return bearer;
  if (headers.authorization !== undefined) throw new OpstreamError('unauthorized', 'Invalid token');
  const query = url.indexOf('?');
  const inQuery = query < 0 ? null : new URLSearchParams(url.slice(query + 1)).get('token');
  if (inQuery !== null && inQuery !== '') return inQuery;
  return SUBPROTOCOL_TOKEN.exec(headers['sec-websocket-protocol'] ?? '')?.[1];
}

function toPrincipal(claims: JWTPayload): Principal {
  const userId = claims.sub ?? claims.id ?? ANONYMOUS;
  const tenant = claims.tenant ?? DEFAULT_TENANT;
  if (typeof userId !== 'string' || userId.length > 200 || typeof tenant !== 'string' || !NAME.test(tenant)) {
    throw new OpstreamError('unauthorized', 'Invalid token');
  }
  return {
    userId,
    tenant,
    scopes: scopesOf(claims),
    authenticated: true,
    ...(claims.exp !== undefined && { expiresAt: claims.exp }),
    claims,
  };
}

/** `scope` as a space-separated string (RFC 9068) or `scopes` as an array; without either the defaults. */
function scopesOf(claims: JWTPayload): ReadonlySet<Scope> {
  const claim = claims.scope ?? claims.scopes;
  if (claim === undefined) return DEFAULT_SCOPES;
  const named: unknown[] = typeof claim === 'string' ? claim.split(/\s+/) : Array.isArray(claim) ? claim : [];
  return new Set(SCOPES.filter((scope) => named.includes(scope)));
}
