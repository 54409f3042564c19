import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { Configuration } from '../config/configuration.js';
import { actingCaller } from './acting-principal.js';
import { Authenticator } from './authenticator.js';
import { clientAddress } from './client-address.js';
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

/** What pages of ALLOWED_ORIGINS may send and read (Fetch standard, CORS protocol). */
const CORS_METHODS = 'GET, HEAD, POST, PUT, DELETE';
/** The response to a preflight that names no headers. */
const CORS_REQUEST_HEADERS =
  'Authorization, Content-Type, Accept, X-API-Key, Last-Event-ID, Mcp-Session-Id, Mcp-Protocol-Version, Mcp-Method, ' +
  'Mcp-Name, traceparent, tracestate, baggage';
/**
 * Header names requested by a preflight. All are granted: a listed page may send what its tracing, its MCP client or
 * its proxy adds, and only the token decides who is calling.
 */
const HEADER_NAMES = /^[\w!#$%&'*+.^`|~-]+(?:[\t ]*,[\t ]*[\w!#$%&'*+.^`|~-]+)*$/;
const MAX_HEADER_NAMES_LENGTH = 4096;
const CORS_RESPONSE_HEADERS = 'Retry-After, Allow, WWW-Authenticate, Mcp-Session-Id, Mcp-Protocol-Version';
/** Seconds a browser caches a preflight. */
const CORS_MAX_AGE = '600';

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
   * Sets security and CORS headers, and answers preflights.
   * @returns true when the request was answered
   * @throws OpstreamError `forbidden` for a Host or Origin that is not allowed
   */
  open(request: IncomingMessage, response: ServerResponse): boolean {
    for (const [name, value] of SECURITY_HEADERS) response.setHeader(name, value);
    if (isDataPath(request.url)) response.setHeader('Cache-Control', 'no-store');
    this.origins.check(request);
    const { origin } = request.headers;
    if (origin === undefined || !this.origins.lists(origin)) return false;
    response.setHeader('Access-Control-Allow-Origin', origin);
    response.setHeader('Access-Control-Expose-Headers', CORS_RESPONSE_HEADERS);
    response.setHeader('Vary', 'Origin');
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined)
      return false;
    response.setHeader('Access-Control-Allow-Methods', CORS_METHODS);
    response.setHeader('Access-Control-Allow-Headers', grantedHeaders(request));
    response.setHeader('Vary', 'Origin, Access-Control-Request-Headers');
    response.setHeader('Access-Control-Max-Age', CORS_MAX_AGE);
    response.writeHead(204).end();
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

function grantedHeaders({ headers }: IncomingMessage): string {
  const asked = headers['access-control-request-headers'];
  if (asked === undefined || asked.length > MAX_HEADER_NAMES_LENGTH || !HEADER_NAMES.test(asked)) {
    return CORS_REQUEST_HEADERS;
  }
  return asked;
}
