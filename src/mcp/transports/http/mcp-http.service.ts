import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { AuditLog } from '../../../auth/audit-log.js';
import { requireScope } from '../../../auth/auth.guard.js';
import { clientAddress } from '../../../auth/client-address.js';
import { HttpSecurity, type IncomingRequest } from '../../../auth/http-security.js';
import type { Principal } from '../../../auth/principal.js';
import { Configuration } from '../../../config/configuration.js';
import { OpstreamError, toOpstreamError } from '../../../platform/errors/opstream-error.js';
import { eraOf, McpDispatcher } from '../../dispatch/dispatcher.service.js';
import { RequestMetrics } from '../../metrics/request.metrics.js';
import type { MessageContext } from '../../session/request-context.js';
import { InFlight } from '../../protocol/in-flight.js';
import { encodeError, parseMessages, type RpcMessage } from '../../protocol/json-rpc.js';
import { httpStatusOf, RPC, RpcError, toRpcError } from '../../protocol/rpc-error.js';
import { MODERN_VERSION, type Era } from '../../protocol/versions.js';
import type { McpSession } from '../../session/mcp-session.js';
import { McpSessions } from '../../session/mcp-sessions.service.js';
import { ToolRegistry } from '../../tools/tool-registry.js';
import { BatchAnswers, checkBatch, expectsAnswer } from './batch.js';
import { HttpResponder } from './http-responder.js';
import { checkHeaders } from './modern-headers.js';
import { namedSession } from './named-session.js';
import { readBody } from './request-body.js';
import { RequestError } from './request-error.js';
import { openStandaloneStream } from './standalone-stream.js';
import { keepAlive, waitFor } from './waiting-response.js';

export const MCP_PATH = '/mcp';
/** Bytes of one message. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;

/**
 * MCP's Streamable HTTP transport on `/mcp`, for the stateless era (POST only) and the eras with sessions. It is
 * served ahead of the web framework on the same server, and therefore does its own checks.
 */
@Injectable()
export class McpHttp implements OnModuleDestroy {
  private readonly logger = new Logger('Mcp');
  private closing = false;

  constructor(
    private readonly configuration: Configuration,
    private readonly security: HttpSecurity,
    private readonly audit: AuditLog,
    private readonly dispatcher: McpDispatcher,
    private readonly sessions: McpSessions,
    private readonly tools: ToolRegistry,
    private readonly metrics: RequestMetrics,
  ) {}

  /** Puts the endpoint in front of whatever the server serves. */
  mount(server: Server): void {
    const behind = server.listeners('request') as RequestListener[];
    server.removeAllListeners('request');
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      if (isMcp(request.url)) void this.serve(request, response);
      else for (const listener of behind) listener(request, response);
    });
  }

  onModuleDestroy(): void {
    this.closing = true;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (this.closing) throw new OpstreamError('shutting_down', 'The service is shutting down');
      if (this.security.open(request, response)) return;
      const principal = await this.authenticate(request);
      if (request.method === 'POST') return await this.post(request, response, principal);
      if (request.method === 'GET') return this.openStream(request, response, principal);
      if (request.method === 'DELETE') return this.endSession(request, response, principal);
      throw new OpstreamError('method_not_allowed', `${request.method} is not served here`);
    } catch (thrown) {
      this.refuse(request, response, thrown);
    }
  }

  private async authenticate(request: IncomingRequest): Promise<Principal> {
    const principal = await this.security.admit(request, this.configuration.mcp.authRequired);
    requireScope(principal, 'mcp');
    return principal;
  }

  private async post(
    request: IncomingMessage,
    response: ServerResponse,
    principal: Principal,
  ): Promise<void> {
    const { headers } = request;
    if (!/^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '')) {
      throw new OpstreamError('unsupported_media_type', 'A message must be application/json');
    }
    const accept = headers.accept ?? '*/*';
    const acceptsSse = /text\/event-stream|\*\/\*/.test(accept);
    if (!acceptsSse && !/application\/(json|\*)/.test(accept)) {
      throw new RpcError(
        RPC.serverError,
        'Accept must name application/json and text/event-stream',
        undefined,
        406,
      );
    }
    const body = parseMessages(await readBody(request, MAX_BODY_BYTES));
    if (!('kind' in body)) return this.postBatch(body, request, response, principal, acceptsSse);
    const message = body;
    const era = eraOfPost(message, headers['mcp-protocol-version']);
    const session = era === 'legacy' ? this.sessionOf(message, request, principal) : undefined;
    if (era === 'modern' && message.kind === 'request') this.checkModern(message, request);
    const responder = new HttpResponder(response, session, acceptsSse, this.metrics);
    const link: MessageContext = {
      principal,
      address: this.addressOf(request),
      headers,
      era,
      session,
      responder,
      inFlight: era === 'modern' ? new InFlight() : undefined,
      openSession: (params) => {
        const opened = this.sessions.open(principal, params, 'http');
        responder.headers.push('Mcp-Session-Id', opened.id);
        return opened;
      },
    };
    this.dispatcher.dispatch(message, link);
    if (message.kind === 'request' && !response.writableEnded) waitFor(response, responder, link.inFlight);
    if (message.kind === 'notification' || message.kind === 'response') response.writeHead(202).end();
  }

  /** Several messages at once, which only sessions of 2025-03-26 and before may send. */
  private postBatch(
    messages: readonly RpcMessage[],
    request: IncomingMessage,
    response: ServerResponse,
    principal: Principal,
    acceptsSse: boolean,
  ): void {
    const { headers } = request;
    const address = this.addressOf(request);
    if (headers['mcp-session-id'] === undefined || headers['mcp-protocol-version'] === MODERN_VERSION) {
      throw new RpcError(RPC.invalidRequest, 'Invalid Request: batches belong to sessions of 2025-03-26');
    }
    const session = namedSession(this.sessions, headers, principal, null);
    checkBatch(messages, session);
    const responder = new HttpResponder(response, session, acceptsSse, this.metrics);
    const awaited = messages.filter(expectsAnswer).length;
    const answers = new BatchAnswers(responder, awaited);
    for (const message of messages) {
      const link = { principal, address, headers, era: 'legacy', session, inFlight: undefined } as const;
      this.dispatcher.dispatch(message, { ...link, responder: answers.responder(), openSession: noSession });
    }
    if (awaited === 0) response.writeHead(202).end();
    else if (!response.writableEnded) waitFor(response, responder, undefined);
  }

  private addressOf(request: IncomingMessage): string {
    return clientAddress(request, this.configuration.http.trustProxy);
  }

  private checkModern(message: RpcMessage & { kind: 'request' }, { headers }: IncomingMessage): void {
    const { name } = message.params;
    const tool =
      message.method === 'tools/call' && typeof name === 'string' ? this.tools.get(name) : undefined;
    try {
      checkHeaders(headers, message, tool);
    } catch (thrown) {
      throw new RequestError(message.id, toRpcError(thrown));
    }
  }

  /** @throws RpcError without a session id (400) or with one that is not the caller's (404) */
  private sessionOf(
    message: RpcMessage,
    { headers }: IncomingMessage,
    principal: Principal,
  ): McpSession | undefined {
    if (message.kind === 'malformed') return undefined;
    if (message.kind === 'request' && message.method === 'initialize') return undefined;
    return namedSession(this.sessions, headers, principal, message.kind === 'request' ? message.id : null);
  }

  private openStream(request: IncomingMessage, response: ServerResponse, principal: Principal): void {
    if (request.headers['mcp-protocol-version'] === MODERN_VERSION) throw modernIsPostOnly();
    if (!/text\/event-stream|\*\/\*/.test(request.headers.accept ?? '')) {
      throw new RpcError(RPC.serverError, 'Accept must name text/event-stream', undefined, 406);
    }
    const session = namedSession(this.sessions, request.headers, principal, null);
    keepAlive(response, openStandaloneStream(request, response, session, this.metrics));
  }

  private endSession(request: IncomingMessage, response: ServerResponse, principal: Principal): void {
    if (request.headers['mcp-protocol-version'] === MODERN_VERSION) throw modernIsPostOnly();
    this.sessions.end(
      namedSession(this.sessions, request.headers, principal, null),
      'The client ended the session',
    );
    response.writeHead(204).end();
  }

  private refuse(
    request: IncomingMessage & IncomingRequest,
    response: ServerResponse,
    thrown: unknown,
  ): void {
    const id = thrown instanceof RequestError ? thrown.id : null;
    const cause = thrown instanceof RequestError ? thrown.error : thrown;
    const error = toRpcError(cause);
    const status = cause instanceof RpcError ? httpStatusOf(cause) : toOpstreamError(cause).entry.status;
    this.audit.requestRefused(request, toOpstreamError(cause), { principal: request.principal });
    if (status >= 500 && status !== 503) this.logger.error({ event: 'mcp_failed', error: cause });
    if (response.headersSent || response.destroyed) return;
    const body = encodeError(id, error);
    response.writeHead(status, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      ...(status === 401 && { 'WWW-Authenticate': 'Bearer' }),
      ...(status === 405 && { Allow: 'GET, POST, DELETE' }),
      // What is left of a refused body is not read.
      ...(!request.complete && { Connection: 'close' }),
    });
    response.end(body);
  }
}

/** `initialize` never comes in a batch. */
function noSession(): never {
  throw new RpcError(RPC.invalidRequest, 'Invalid Request: initialize must come alone');
}

function isMcp(url = '/'): boolean {
  return url === MCP_PATH || (url.startsWith(MCP_PATH) && /^\/mcp\/?(\?|$)/.test(url));
}

/** A message that says nothing of itself is of the era that its header names. */
function eraOfPost(message: RpcMessage, version: unknown): Era {
  if (version === MODERN_VERSION) return 'modern';
  return message.kind === 'request' ? eraOf(message) : 'legacy';
}

function modernIsPostOnly(): OpstreamError {
  return new OpstreamError('method_not_allowed', `${MODERN_VERSION} uses POST only`);
}
