import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { Configuration } from '../config/configuration.js';
import { actingCaller } from './acting-principal.js';
import { Authenticator } from './authenticator.js';
import { clientAddress } from './client-address.js';
import { answerPreflight, grantReading, isPreflight } from './cors.js';
import { isDataPath } from './open-paths.js';
import { OriginPolicy } from './origin-policy.js';
import type { Principal } from './principal.js';
import { RateLimits } from './rate-limits.js';

export const SECURITY_HEADERS: readonly (readonly [string, string])[] = [
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'DENY'],
  ['Referrer-Policy', 'no-referrer'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
];

/** Content security policy of the `/docs` page, whose styles are inline. */
export const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** An incoming HTTP request; Node's, Fastify's and Express's all fit. */
export interface IncomingRequest {
  readonly headers: IncomingHttpHeaders;
  readonly method?: string;
  readonly url?: string;
  readonly socket?: { readonly remoteAddress?: string | undefined };
  /** Set as soon as the caller is known. */
  principal?: Principal;
}

/** Every security decision about an HTTP request that precedes its handler; shared by REST, SSE and MCP. */
@Injectable()
export class HttpSecurity {
  private readonly trustProxy: boolean;
  /**
   * The authenticated callers. Not read from the request itself, where a host application could have put a member of
   * that name.
   */
  private readonly admitted = new WeakMap<IncomingRequest, Principal>();

  constructor(
    private readonly origins: OriginPolicy,
    private readonly authenticator: Authenticator,
    private readonly limits: RateLimits,
    { http }: Configuration,
  ) {
    this.trustProxy = http.trustProxy;
  }

  /**
   * Sets the headers that every response has, so that a page of a listed origin can read each of them: refusals of the
   * framework and of the server, too. Call it before anything answers the request.
   */
  setHeaders(request: IncomingMessage, response: ServerResponse): void {
    for (const [name, value] of SECURITY_HEADERS) response.setHeader(name, value);
    // A cache must not give one origin's response to another.
    response.setHeader('Vary', 'Origin');
    if (isDataPath(request.url)) response.setHeader('Cache-Control', 'no-store');
    const { origin } = request.headers;
    if (origin !== undefined && this.origins.lists(origin)) grantReading(response, origin);
  }

  /**
   * Checks Host and Origin, and answers preflights.
   * @returns true when the request was answered
   * @throws OpstreamError `forbidden` for a Host or Origin that is not allowed
   */
  open(request: IncomingMessage, response: ServerResponse): boolean {
    // A server that a host application made may not have set them.
    if (!response.hasHeader(SECURITY_HEADERS[0]![0])) this.setHeaders(request, response);
    this.origins.check(request);
    const { origin } = request.headers;
    if (origin === undefined || !isPreflight(request) || !this.origins.lists(origin)) return false;
    answerPreflight(request.headers, response);
    return true;
  }

  /**
   * Authenticates the caller, attaches it to the request, and counts the request. An inner request on a caller's
   * behalf was admitted and counted where it came in.
   * @param endsWork a request that ends work is counted but never refused by the rate limit
   * @throws OpstreamError `unauthorized`, `too_many_requests`
   */
  async admit(
    request: IncomingRequest,
    tokenRequired = false,
    endsWork = endsOperation(request),
  ): Promise<Principal> {
    const known = this.admitted.get(request);
    if (known) return known;
    const principal = await this.identify(request, tokenRequired);
    if (actingCaller(request.headers) === undefined) {
      this.limits.takeRequest(principal, this.addressOf(request), endsWork);
    }
    this.admitted.set(request, principal);
    return principal;
  }

  /**
   * Like `admit`, for protocols that count the messages of a request themselves. @throws OpstreamError `unauthorized`
   */
  async identify(request: IncomingRequest, tokenRequired = false): Promise<Principal> {
    const acting = actingCaller(request.headers);
    const principal = acting ?? (await this.authenticator.authenticate(request, tokenRequired));
    request.principal = principal;
    return principal;
  }

  private addressOf(request: IncomingRequest): string {
    return clientAddress(request, this.trustProxy);
  }
}

function endsOperation({ method, url = '/' }: IncomingRequest): boolean {
  return method === 'DELETE' || (method === 'POST' && url.split('?', 1)[0]!.endsWith('/cancel'));
}
