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

/** What the page of `/docs` may load; its own styles stand in it. */
export const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** What pages of ALLOWED_ORIGINS may send and read (Fetch standard, CORS protocol). */
const CORS_METHODS = 'GET, HEAD, POST, PUT, DELETE';
/** The answer to a preflight that names no headers. */
const CORS_REQUEST_HEADERS =
  'Authorization, Content-Type, Accept, X-API-Key, Last-Event-ID, Mcp-Session-Id, Mcp-Protocol-Version, Mcp-Method, ' +
  'Mcp-Name, traceparent, tracestate, baggage';
/**
 * Names of headers that a preflight asks for. Every one is granted: a listed page may send what its tracing, its MCP
 * client or its proxy adds, and who calls is decided by the token alone.
 */
const HEADER_NAMES = /^[\w!#$%&'*+.^`|~-]+(?:[\t ]*,[\t ]*[\w!#$%&'*+.^`|~-]+)*$/;
const MAX_HEADER_NAMES_LENGTH = 4096;
const CORS_RESPONSE_HEADERS = 'Retry-After, Allow, WWW-Authenticate, Mcp-Session-Id, Mcp-Protocol-Version';
/** Seconds that a browser remembers a preflight. */
const CORS_MAX_AGE = '600';

/** An HTTP request on its way in; Node's, Fastify's and Express's all fit. */
export interface IncomingRequest {
  readonly headers: IncomingHttpHeaders;
  readonly method?: string;
  readonly url?: string;
  readonly socket?: { readonly remoteAddress?: string | undefined };
  /** Set as soon as it is known who asks. */
  principal?: Principal;
}

/** Everything that is decided about an HTTP request before anyone looks at what it wants; REST, SSE and MCP share it. */
@Injectable()
export class HttpSecurity {
  private readonly trustProxy: boolean;
  /** Who asks, where it is known; a member of the request itself could come from a host application. */
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
   * Puts security and CORS headers on the response, and answers preflights.
   * @returns true when the request was answered
   * @throws OpstreamError `forbidden` for a Host or Origin that may not come in
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
   * Finds out who asks, puts it on the request, and counts the request. One that this process makes on somebody's
   * behalf was let in and counted where it came from.
   * @param endsWork what ends something is counted, but never refused for being one too many
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

  /** As `admit`, for those who count the messages of a request themselves. @throws OpstreamError `unauthorized` */
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
