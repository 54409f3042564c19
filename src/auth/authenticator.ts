import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import { Configuration, InvalidConfigurationError } from '../config/configuration.js';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { ApiKeys } from './api-keys/api-keys.js';
import { MISSING } from './audit-log.js';
import { toPrincipal } from './claims.js';
import { clientAddress } from './client-address.js';
import { Exposure } from './exposure.js';
import { type Credential, credentialOf } from './credentials.js';
import { anonymousPrincipal, type Principal } from './principal.js';
import { RateLimits } from './rate-limits.js';
import { mayBeGuess, RefusalCause } from './token-fault.js';
import { TokenVerifier } from './token-verifier.js';

/** The part of a request the authenticator needs; Node's, Fastify's and Express's requests all fit. */
export interface Credentials {
  readonly headers: IncomingHttpHeaders;
  /** Path and query of the request. */
  readonly url?: string;
  /** The client's address, for the limit on failed attempts. */
  readonly socket?: { readonly remoteAddress?: string | undefined };
}

/** Verifies tokens and API keys, and decides who a request without one acts as (docs/security.md). */
@Injectable()
export class Authenticator {
  /** Undefined: only for local requests. */
  private readonly allowAnonymous: boolean | undefined;
  private readonly roleClaim: string | undefined;
  private readonly trustProxy: boolean;
  private readonly forgeTenants: readonly string[];
  /** A key always has the same principal object; its narrowed copy stays the same, too. */
  private readonly narrowed = new WeakMap<Principal, Principal>();
  private readonly issuers = new Map<string, (token: string) => Promise<Principal>>();

  /** @throws InvalidConfigurationError when the service would be open on an address that others can reach */
  constructor(
    { auth, http, forge }: Configuration,
    private readonly tokens: TokenVerifier,
    private readonly apiKeys: ApiKeys,
    private readonly limits: RateLimits,
    private readonly exposure: Exposure,
  ) {
    this.trustProxy = http.trustProxy;
    this.allowAnonymous = auth.allowAnonymous;
    this.roleClaim = auth.roleClaim;
    this.forgeTenants = forge.tenants;
    if (!exposure.isLocal && !tokens.hasKey && auth.allowAnonymous !== true) {
      throw new InvalidConfigurationError(
        `With ${exposure.reason} others can reach the service: set JWT_SECRET or JWKS_URL, or ALLOW_ANONYMOUS=true to stay open`,
      );
    }
  }

  /**
   * @param tokenRequired true for protocols that never admit anonymous callers
   * @throws OpstreamError `unauthorized` for a missing or invalid credential; `too_many_requests` after too many
   *   failed attempts
   */
  async authenticate(request: Credentials, tokenRequired = false): Promise<Principal> {
    const address = clientAddress(request, this.trustProxy);
    const credential = credentialOf(request.headers, request.url ?? '/');
    if (credential !== undefined) return this.withinTenant(await this.verifyCredential(credential, address));
    const isLocal = this.exposure.isLocalRequest(request);
    if (!tokenRequired && (this.allowAnonymous ?? isLocal)) return this.withinTenant(anonymousPrincipal);
    const cause = this.exposure.isLocal && !isLocal ? new RefusalCause(PASSED_ON) : undefined;
    throw new OpstreamError('unauthorized', MISSING, {}, { cause });
  }

  /**
   * Accepts another kind of token, recognized by its prefix.
   * @param verify rejects with an OpstreamError for an invalid token
   */
  accept(prefix: string, verify: (token: string) => Promise<Principal>): void {
    this.issuers.set(prefix, verify);
  }

  /** @param address the client that presents it. @throws OpstreamError `unauthorized`, `too_many_requests` */
  async verify(token: string, address = ''): Promise<Principal> {
    return this.withinTenant(await this.verifyCredential({ kind: 'token', value: token }, address));
  }

  /** Forge has no tenants: only those the operator lists may use it, regardless of their tokens. */
  private withinTenant(principal: Principal): Principal {
    const { tenant, scopes } = principal;
    if (!scopes.has('forge') || this.forgeTenants.includes('*') || this.forgeTenants.includes(tenant))
      return principal;
    let narrowed = this.narrowed.get(principal);
    if (!narrowed) {
      narrowed = { ...principal, scopes: new Set([...scopes].filter((scope) => scope !== 'forge')) };
      this.narrowed.set(principal, narrowed);
    }
    return narrowed;
  }

  private async verifyCredential({ kind, value }: Credential, address: string): Promise<Principal> {
    this.limits.checkAttempt(address, value);
    try {
      if (kind === 'api-key') return this.apiKeys.verify(value);
      const issuer = [...this.issuers].find(([prefix]) => value.startsWith(prefix))?.[1];
      if (issuer) return await issuer(value);
      // Some clients can set only a token. A key in its place is recognized by its form.
      return this.apiKeys.principalOf(value) ?? toPrincipal(await this.tokens.verify(value), this.roleClaim);
    } catch (thrown) {
      if (thrown instanceof OpstreamError && thrown.entry.status === 401 && mayBeGuess(thrown)) {
        this.limits.failedAttempt(address, value);
      }
      throw thrown;
    }
  }
}

/** Why a local service requires a token nevertheless. */
const PASSED_ON =
  'the request came through a proxy or from another machine: set ALLOWED_HOSTS and TRUST_PROXY, or ALLOW_ANONYMOUS=true';
