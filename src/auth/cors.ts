import type { IncomingHttpHeaders, ServerResponse } from 'node:http';

/** What pages of ALLOWED_ORIGINS may send and read (Fetch standard, CORS protocol). */
const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
/** The response to a preflight that names no headers. */
const REQUEST_HEADERS =
  'Authorization, Content-Type, Accept, X-API-Key, Last-Event-ID, Mcp-Session-Id, Mcp-Protocol-Version, Mcp-Method, ' +
  'Mcp-Name, traceparent, tracestate, baggage';
/**
 * Header names requested by a preflight. All are granted: a listed page may send what its tracing, its MCP client or
 * its proxy adds, and only the token decides who is calling.
 */
const HEADER_NAMES = /^[\w!#$%&'*+.^`|~-]+(?:[\t ]*,[\t ]*[\w!#$%&'*+.^`|~-]+)*$/;
const MAX_HEADER_NAMES_LENGTH = 4096;
/** Response headers that pages may read. Protocols with headers of their own append theirs. */
const RESPONSE_HEADERS =
  'Retry-After, Allow, WWW-Authenticate, Location, ETag, Content-Disposition, Content-Encoding, Date, Mcp-Session-Id, ' +
  'Mcp-Protocol-Version';
/** Seconds a browser caches a preflight. */
const MAX_AGE = '600';

/** Lets pages of a listed origin read the response, refusals included. */
export function grantReading(response: ServerResponse, origin: string): void {
  response.setHeader('Access-Control-Allow-Origin', origin);
  response.setHeader('Access-Control-Expose-Headers', RESPONSE_HEADERS);
}

/** Exposes further headers, when the page may read the response at all. */
export function exposeHeaders(response: ServerResponse, names: string): void {
  if (!response.hasHeader('Access-Control-Allow-Origin')) return;
  response.setHeader('Access-Control-Expose-Headers', `${RESPONSE_HEADERS}, ${names}`);
}

export function isPreflight({
  method,
  headers,
}: {
  readonly method?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;
}

/** Answers the preflight of a listed origin, whose headers `grantReading` has set. */
export function answerPreflight(headers: IncomingHttpHeaders, response: ServerResponse): void {
  response.setHeader('Access-Control-Allow-Methods', METHODS);
  response.setHeader('Access-Control-Allow-Headers', grantedHeaders(headers));
  response.setHeader('Access-Control-Max-Age', MAX_AGE);
  response.setHeader('Vary', 'Origin, Access-Control-Request-Headers');
  // Some browsers ask this before a page of the internet may reach a private address or loopback.
  if (headers['access-control-request-private-network'] === 'true') {
    response.setHeader('Access-Control-Allow-Private-Network', 'true');
  }
  response.writeHead(204).end();
}

function grantedHeaders(headers: IncomingHttpHeaders): string {
  const asked = headers['access-control-request-headers'];
  if (asked === undefined || asked.length > MAX_HEADER_NAMES_LENGTH || !HEADER_NAMES.test(asked)) {
    return REQUEST_HEADERS;
  }
  return asked;
}
