import type {
  IncomingHttpHeaders,
  IncomingMessage,
  RequestListener,
  Server,
  ServerResponse,
} from 'node:http';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { requireScope } from '../../../auth/auth.guard.js';
import { clientAddress } from '../../../auth/client-address.js';
import { HttpSecurity, type IncomingRequest } from '../../../auth/http-security.js';
import type { Principal } from '../../../auth/principal.js';
import { Configuration } from '../../../config/configuration.js';
import { OpstreamError, toOpstreamError } from '../../../platform/errors/opstream-error.js';
import { requestTarget, withoutTrailingSlash } from '../../../platform/http/request-target.js';
import { endsWork, refusalOf } from '../../protocol/ends-work.js';
import { RateLimits } from '../../../auth/rate-limits.js';
import { BatchAnswers, expectsAnswer, type BatchResponder } from '../../dispatch/batch-answers.js';
import {
  batchProblem,
  classifyFrame,
  classifyPost,
  classifyStream,
  type Classification,
} from '../../dispatch/classify.js';
import { McpDispatcher } from '../../dispatch/dispatcher.service.js';
import { RequestMetrics } from '../../metrics/request.metrics.js';
import type { MessageContext } from '../../session/request-context.js';
import { InFlight } from '../../protocol/in-flight.js';
import {
  isObject,
  parseMessages,
  type WrittenId,
  type RpcMessage,
  type RpcRequest,
} from '../../protocol/json-rpc.js';
import { withSelection } from '../../tools/tool-selection.js';
import { checkParameterHeaders } from '../../protocol/modern-headers.js';
import { RPC, RpcError } from '../../protocol/rpc-error.js';
import { MODERN_VERSION } from '../../protocol/versions.js';
import type { McpSession } from '../../session/mcp-session.js';
import { McpSessions } from '../../session/mcp-sessions.service.js';
import { ToolRegistry } from '../../tools/tool-registry.js';
import { HttpRefusals } from './http-refusals.js';
import { LegacySse, SSE_PATH } from './legacy-sse.service.js';
import { accepts, checkMediaTypes } from './media-types.js';
import { HttpResponder } from './http-responder.js';
import { readBody } from '../../../rest/body/read-body.js';
import { ProtectedResource } from './protected-resource.js';
import { RequestError } from './request-error.js';
import { serveGet } from './standalone-stream.js';
import { waitFor } from './waiting-response.js';
import { whileValid } from './while-valid.js';

export const MCP_PATH = '/mcp';
const REFUSED = { path: MCP_PATH, allowed: 'GET, POST, DELETE' };
/** Bytes of one message. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;

/**
 * MCP's Streamable HTTP transport on `/mcp`, for the stateless era (POST only) and the eras with sessions. It is
 * served ahead of the web framework on the same server, and therefore does its own checks.
 */
@Injectable()
export class McpHttp implements OnModuleDestroy {
  private closing = false;

  constructor(
    private readonly configuration: Configuration,
    private readonly security: HttpSecurity,
    private readonly limits: RateLimits,
    private readonly dispatcher: McpDispatcher,
    private readonly sessions: McpSessions,
    private readonly tools: ToolRegistry,
    private readonly metrics: RequestMetrics,
    private readonly resource: ProtectedResource,
    private readonly refusals: HttpRefusals,
    private readonly legacySse: LegacySse,
  ) {}

  /** Installs the endpoint ahead of everything else on the server. */
  mount(server: Server): void {
    const behind = server.listeners('request') as RequestListener[];
    server.removeAllListeners('request');
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      if (isMcp(request.url)) void this.serve(request, response);
      else if (this.legacySse.takes(request)) void this.legacySse.serve(request, response);
      else if (!this.servesMetadata(request, response)) {
        for (const listener of behind) listener(request, response);
      }
    });
  }

  private servesMetadata(request: IncomingMessage, response: ServerResponse): boolean {
    const paths = this.configuration.mcp.legacySse ? [MCP_PATH, SSE_PATH] : [MCP_PATH];
    const path = this.resource.pathOf(request, paths);
    if (path === undefined) return false;
    try {
      this.resource.serve(request, response, path);
    } catch (thrown) {
      this.refusals.answer(request, response, thrown, REFUSED);
    }
    return true;
  }

  onModuleDestroy(): void {
    this.closing = true;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (this.security.open(request, response)) return;
      if (this.closing) throw new OpstreamError('shutting_down', 'The service is shutting down');
      const principal = await this.authenticate(request);
      // Each message of a POST counts; opening or ending a stream is never refused by the limit.
      if (request.method !== 'POST') this.limits.takeRequest(principal, this.addressOf(request), true);
      if (request.method === 'POST') return await this.post(request, response, principal);
      if (request.method === 'GET') return this.openStream(request, response, principal);
      if (request.method === 'DELETE') return this.endSession(request, response, principal);
      throw new OpstreamError('method_not_allowed', `${request.method} is not served here`);
    } catch (thrown) {
      this.refusals.answer(request, response, thrown, REFUSED);
    }
  }

  private async authenticate(request: IncomingRequest): Promise<Principal> {
    const principal = await this.security.identify(request, this.configuration.mcp.authRequired);
    requireScope(principal, 'mcp');
    return principal;
  }

  private addressOf(request: IncomingMessage): string {
    return clientAddress(request, this.configuration.http.trustProxy);
  }

  private async post(
    request: IncomingMessage,
    response: ServerResponse,
    principal: Principal,
  ): Promise<void> {
    const acceptsSse = checkMediaTypes(request.headers);
    const body = parseMessages(await readBody(request, MAX_BODY_BYTES));
    const classified = classifyPost(body, request.headers);
    const session = this.sessionOf(classified, principal, 'id' in body ? body.id : null);
    const responder = new HttpResponder(response, session, acceptsSse, this.metrics);
    const link: BatchContext = {
      principal,
      address: this.addressOf(request),
      headers: withSelection(request.headers, request.url),
      session,
      responder,
      inFlight: classified.era === 'modern' ? new InFlight() : undefined,
      openSession: (params) => {
        const opened = this.sessions.open(principal, params, 'http');
        responder.headers.push('Mcp-Session-Id', opened.id);
        return opened;
      },
    };
    const awaited = 'kind' in body ? this.serveOne(body, classified, link) : this.serveBatch(body, link);
    if (!awaited) response.writeHead(202).end();
    else if (!response.writableEnded) this.keepOpen(response, responder, link);
  }

  private keepOpen(
    response: ServerResponse,
    responder: HttpResponder,
    { principal, inFlight }: BatchContext,
  ): void {
    waitFor(response, responder, inFlight, this.configuration.mcp.pingIntervalMs);
    whileValid(principal, response);
  }

  /** Counts one message. @returns the refusal if the caller is over the limit */
  private overLimit(message: RpcMessage, { principal, address }: MessageContext): OpstreamError | undefined {
    try {
      this.limits.takeRequest(principal, address, endsWork(message));
      return undefined;
    } catch (thrown) {
      return toOpstreamError(thrown);
    }
  }

  /** @returns whether the message is answered */
  private serveOne(message: RpcMessage, classified: Classification, link: MessageContext): boolean {
    const refusal = this.overLimit(message, link);
    if (refusal) throw new RequestError('id' in message ? message.id : null, refusal);
    if (classified.era === 'modern' && message.kind === 'request')
      this.checkParameters(message, link.headers);
    this.dispatcher.dispatch(message, classified, link);
    return expectsAnswer(message);
  }

  private serveBatch(messages: readonly RpcMessage[], link: BatchContext): boolean {
    const problem = batchProblem(link.session?.protocolVersion);
    if (problem) throw problem;
    const awaited = messages.filter(expectsAnswer).length;
    const answers = new BatchAnswers(link.responder, awaited);
    for (const message of messages) {
      const responder = answers.responder();
      const refusal = this.overLimit(message, link);
      if (!refusal) this.dispatcher.dispatch(message, classifyFrame(message), { ...link, responder });
      else if (expectsAnswer(message)) responder.respond(refusalOf(message, refusal));
    }
    return awaited > 0;
  }

  /**
   * The session that a message belongs to.
   * @throws RequestError when the message is refused, or when its session is not the caller's (404)
   */
  private sessionOf(
    { sessionId, refusal }: Pick<Classification, 'sessionId' | 'refusal'>,
    principal: Principal,
    id: WrittenId,
  ): McpSession | undefined {
    if (refusal) throw new RequestError(refusal.id, refusal.error);
    if (sessionId === undefined) return undefined;
    const session = this.sessions.find(sessionId, principal);
    if (session) return session;
    throw new RequestError(id, new RpcError(RPC.sessionNotFound, 'Session not found', undefined, 404));
  }

  private checkParameters({ id, method, params }: RpcRequest, headers: IncomingHttpHeaders): void {
    const tool =
      method === 'tools/call' && typeof params.name === 'string' ? this.tools.get(params.name) : undefined;
    if (!tool) return;
    const args = isObject(params.arguments) ? params.arguments : {};
    const problem = checkParameterHeaders(headers, tool.headerParameters, args);
    if (problem) throw new RequestError(id, problem);
  }

  private openStream(request: IncomingMessage, response: ServerResponse, principal: Principal): void {
    if (request.headers['mcp-protocol-version'] === MODERN_VERSION) throw modernIsPostOnly();
    if (!accepts(request.headers.accept, 'text/event-stream')) {
      throw new RpcError(RPC.serverError, 'Accept must name text/event-stream', undefined, 406);
    }
    const session = this.sessionOf(classifyStream(request.headers), principal, null);
    serveGet(request, response, session!, this.metrics, this.configuration.mcp.pingIntervalMs);
    whileValid(principal, response);
  }

  private endSession(request: IncomingMessage, response: ServerResponse, principal: Principal): void {
    if (request.headers['mcp-protocol-version'] === MODERN_VERSION) throw modernIsPostOnly();
    const session = this.sessionOf(classifyStream(request.headers), principal, null);
    this.sessions.end(session!, 'The client ended the session');
    response.writeHead(204).end();
  }
}

/** A batch is answered as a whole. */
type BatchContext = MessageContext & { readonly responder: BatchResponder };

function isMcp(url: string | undefined): boolean {
  return url === MCP_PATH || withoutTrailingSlash(requestTarget(url).pathname) === MCP_PATH;
}

function modernIsPostOnly(): OpstreamError {
  return new OpstreamError('method_not_allowed', `${MODERN_VERSION} uses POST only`);
}
