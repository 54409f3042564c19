import { withSelection } from '../../tools/tool-selection.js';
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { requireScope } from '../../../auth/auth.guard.js';
import { clientAddress } from '../../../auth/client-address.js';
import { HttpSecurity, type IncomingRequest } from '../../../auth/http-security.js';
import { RateLimits } from '../../../auth/rate-limits.js';
import type { Principal } from '../../../auth/principal.js';
import { Configuration } from '../../../config/configuration.js';
import { OpstreamError } from '../../../platform/errors/opstream-error.js';
import { requestTarget, withoutTrailingSlash } from '../../../platform/http/request-target.js';
import { readBody } from '../../../rest/body/read-body.js';
import { McpDispatcher } from '../../dispatch/dispatcher.service.js';
import { RequestMetrics } from '../../metrics/request.metrics.js';
import { endsWork } from '../../protocol/ends-work.js';
import { encodeError, parseMessages } from '../../protocol/json-rpc.js';
import { RPC, RpcError } from '../../protocol/rpc-error.js';
import { McpSessions } from '../../session/mcp-sessions.service.js';
import { SseResponse } from '../../session/sse-response.js';
import { HttpRefusals } from './http-refusals.js';
import { acceptPost, LegacySseConnection } from './legacy-sse-connection.js';
import { accepts, mediaTypeOf } from './media-types.js';
import { keepAlive } from './waiting-response.js';
import { whileValid } from './while-valid.js';

export const SSE_PATH = '/sse';
const MESSAGES_PATH = '/messages';
/** Bytes of one message. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;
/** Concurrent streams; each costs a socket, and a session that cannot be resumed. */
const MAX_CONNECTIONS = 1000;

/**
 * MCP's transport of 2024-11-05 (HTTP with SSE), for clients that support nothing else: `GET /sse` opens a stream
 * whose first event names the URL for POSTs. Enabled with `MCP_LEGACY_SSE=true`.
 */
@Injectable()
export class LegacySse implements OnModuleDestroy {
  private readonly connections = new Map<string, LegacySseConnection>();
  private closing = false;

  constructor(
    private readonly configuration: Configuration,
    private readonly security: HttpSecurity,
    private readonly limits: RateLimits,
    private readonly dispatcher: McpDispatcher,
    private readonly sessions: McpSessions,
    private readonly metrics: RequestMetrics,
    private readonly refusals: HttpRefusals,
  ) {}

  onModuleDestroy(): void {
    this.closing = true;
    for (const connection of this.connections.values()) connection.close();
  }

  /** Whether a request belongs to this transport. */
  takes({ url }: IncomingMessage): boolean {
    if (!this.configuration.mcp.legacySse) return false;
    const pathname = pathOf(url);
    return pathname === SSE_PATH || pathname === MESSAGES_PATH;
  }

  async serve(request: IncomingMessage & IncomingRequest, response: ServerResponse): Promise<void> {
    const isStream = pathOf(request.url) === SSE_PATH;
    try {
      if (this.security.open(request, response)) return;
      if (this.closing) throw new OpstreamError('shutting_down', 'The service is shutting down');
      const principal = await this.security.identify(request, this.configuration.mcp.authRequired);
      requireScope(principal, 'mcp');
      if (isStream && request.method === 'GET') return this.openStream(request, response, principal);
      if (!isStream && request.method === 'POST') return await this.post(request, response, principal);
      throw new OpstreamError('method_not_allowed', `${request.method} is not served here`);
    } catch (thrown) {
      const refused = { path: SSE_PATH, allowed: isStream ? 'GET' : 'POST' };
      this.refusals.answer(request, response, thrown, refused);
    }
  }

  private openStream(request: IncomingMessage, response: ServerResponse, principal: Principal): void {
    if (!accepts(request.headers.accept, 'text/event-stream')) {
      throw new RpcError(RPC.serverError, 'Accept must name text/event-stream', undefined, 406);
    }
    if (this.connections.size >= MAX_CONNECTIONS) {
      throw new OpstreamError('too_many_connections', `There are ${MAX_CONNECTIONS} streams already`);
    }
    const id = randomBytes(24).toString('base64url');
    const stream = new SseResponse(response, this.metrics);
    const connection = new LegacySseConnection(principal, stream, this.dispatcher, this.sessions);
    this.connections.set(id, connection);
    whileValid(principal, response);
    response.once('close', () => {
      this.connections.delete(id);
      connection.closed();
    });
    const { heartbeatIntervalMs } = this.configuration.streaming;
    keepAlive(response, { keepAlive: () => stream.comment() }, heartbeatIntervalMs);
    stream.event('endpoint', addressFor(id, request.url ?? ''));
  }

  private async post(
    request: IncomingMessage,
    response: ServerResponse,
    principal: Principal,
  ): Promise<void> {
    if (mediaTypeOf(request.headers['content-type']) !== 'application/json') {
      throw new OpstreamError('unsupported_media_type', 'A message must be application/json');
    }
    const connection = this.find(request.url ?? '', principal);
    const body = parseMessages(await readBody(request, MAX_BODY_BYTES));
    if ('kind' in body && body.kind === 'malformed' && body.id === null) {
      // A message without an id is not answered.
      const text = encodeError(null, body.error);
      response.writeHead(400, { 'Content-Type': 'application/json' }).end(text);
      return;
    }
    acceptPost(response);
    const address = clientAddress(request, this.configuration.http.trustProxy);
    connection.receive(body, {
      address,
      headers: withSelection(request.headers, request.url),
      count: (message) => this.limits.takeRequest(principal, address, endsWork(message)),
    });
  }

  /** @throws RpcError (404) for a stream that does not exist, or is another user's */
  private find(url: string, { tenant, userId }: Principal): LegacySseConnection {
    const id = new URLSearchParams(requestTarget(url).query).get('sessionId') ?? '';
    const connection = this.connections.get(id);
    const { principal } = connection ?? {};
    if (connection && principal?.tenant === tenant && principal.userId === userId) return connection;
    throw new RpcError(RPC.sessionNotFound, 'Session not found', undefined, 404);
  }
}

function pathOf(url: string | undefined): string {
  return withoutTrailingSlash(requestTarget(url).pathname);
}

/**
 * Relative to the address of the stream, so that it holds behind a proxy that strips a path prefix. Repeats a token
 * from the query, since these clients do not add it themselves.
 */
function addressFor(id: string, url: string): string {
  const { pathname, query: given } = requestTarget(url);
  const token = new URLSearchParams(given).get('token');
  const query = new URLSearchParams({ sessionId: id, ...(token !== null && { token }) });
  const base = pathname.endsWith('/') ? '..' : '.';
  return `${base}${MESSAGES_PATH}?${query.toString()}`;
}
