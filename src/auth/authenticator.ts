import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import { Configuration, InvalidConfigurationError } from '../config/configuration.js';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { ApiKeys } from './api-keys/api-keys.js';
import { MISSING } from './audit-log.js';
import { toPrincipal } from './claims.js';
import { clientAddress } from './client-address.js';
import { type Credential, credentialOf } from './credentials.js';
import { Exposure } from './exposure.js';
import { anonymousPrincipal, type Principal } from './principal.js';
import { RateLimits } from './rate-limits.js';
import { isOutOfTime, TokenVerifier } from './token-verifier.js';

/** A request as the authenticator sees it: Node's, Fastify's and Express's requests all fit. */
export interface Credentials {
  readonly headers: IncomingHttpHeaders;
  /** Path and query of the request. */
  readonly url?: string;
  /** Where it comes from, for the limit on failed attempts. */
  readonly socket?: { readonly remoteAddress?: string | undefined };
}

/** Verifies tokens and API keys, and decides who a request without one is (docs/security.md). */
@Injectable()
export class Authenticator {
  /** Undefined: only from this machine. */
  private readonly allowAnonymous: boolean | undefined;
  private readonly trustProxy: boolean;
  private readonly issuers = new Map<string, (token: string) => Promise<Principal>>();

  /** @throws InvalidConfigurationError when the service would be open on an address others can reach */
  constructor(
    { auth, http }: Configuration,
    private readonly tokens: TokenVerifier,
    private readonly apiKeys: ApiKeys,
    private readonly limits: RateLimits,
    private readonly exposure: Exposure,
  ) {
    this.trustProxy = http.trustProxy;
    this.allowAnonymous = auth.allowAnonymous;
    if (!exposure.isLocal && !tokens.hasKey && auth.allowAnonymous !== true) {
      throw new InvalidConfigurationError(
        `With ${exposure.reason} others can reach the service: set JWT_SECRET or JWKS_URL, or ALLOW_ANONYMOUS=true to stay open`,
      );
    }
  }

  /**
   * @param tokenRequired true for protocols that never admit anonymous callers
   * @throws OpstreamError `unauthorized` for a missing credential where one is wanted, or one that is not valid;
   * `too_many_requests` for an address that failed too often
   */
  async authenticate(request: Credentials, tokenRequired = false): Promise<Principal> {
    const address = clientAddress(request, this.trustProxy);
    const credential = this.guarded(address, () => credentialOf(request.headers, request.url ?? '/'));
    if (credential !== undefined) return this.verifyCredential(credential, address);
    if (tokenRequired || !this.admitsAnonymous(request.headers))
      throw new OpstreamError('unauthorized', MISSING);
    return anonymousPrincipal;
  }

  /**
   * Takes tokens of another kind, told by how they begin.
   * @param verify rejects with an OpstreamError for one that is not valid
   */
  accept(prefix: string, verify: (token: string) => Promise<Principal>): void {
    this.issuers.set(prefix, verify);
  }

  private admitsAnonymous(headers: IncomingHttpHeaders): boolean {
    return this.allowAnonymous ?? this.exposure.isFromHere(headers);
  }

  /** @param address whose attempt it is. @throws OpstreamError `unauthorized`, `too_many_requests` */
  verify(token: string, address = ''): Promise<Principal> {
    return this.verifyCredential({ kind: 'token', value: token }, address);
  }

  private async verifyCredential({ kind, value }: Credential, address: string): Promise<Principal> {
    this.limits.checkAttempt(address);
    try {
      if (kind === 'api-key') return this.apiKeys.verify(value);
      const issuer = [...this.issuers].find(([prefix]) => value.startsWith(prefix))?.[1];
      if (issuer) return await issuer(value);
      // Clients that know one place for what they present put a key where a token goes; its form tells them apart.
      return (
        this.apiKeys.principalOf(value) ?? toPrincipal(await this.tokens.verify(value), this.tokens.roleClaim)
      );
    } catch (thrown) {
      this.count(thrown, address);
      throw thrown;
    }
  }

  private guarded<Value>(address: string, read: () => Value): Value {
    try {
      return read();
    } catch (thrown) {
      this.count(thrown, address);
      throw thrown;
    }
  }

  private count(thrown: unknown, address: string): void {
    // A genuine token past its time is no guess.
    const isGuess =
      thrown instanceof OpstreamError && thrown.entry.status === 401 && !isOutOfTime(thrown.cause);
    if (isGuess) this.limits.failedAttempt(address);
  }
}
