import { Injectable, Logger } from '@nestjs/common';
import { AuditLog } from '../../auth/audit-log.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { Cancellation } from '../protocol/cancellation.js';
import type { RequestContext, MessageContext } from '../session/request-context.js';
import type { InFlight } from '../protocol/in-flight.js';
import {
  encodeError,
  encodeResult,
  isObject,
  objectAt,
  type Params,
  type RequestId,
  type RpcMessage,
  type RpcNotification,
  type RpcRequest,
} from '../protocol/json-rpc.js';
import { httpStatusOf, RPC, RpcError, toRpcError } from '../protocol/rpc-error.js';
import { META, MODERN_VERSION, type Era } from '../protocol/versions.js';
import { RequestMetrics, type RequestOutcome } from '../metrics/request.metrics.js';
import { Methods, type Answer, type Method } from './methods.service.js';
import { EncodedResult, encodeResultOf } from '../protocol/result.js';

/** Methods that only exist in the era without sessions. */
const MODERN_ONLY: ReadonlySet<string> = new Set(['server/discover', 'subscriptions/listen', 'tasks/update']);

/** Reads one message of either era and serves it: the same for every transport. */
@Injectable()
export class McpDispatcher {
  private readonly logger = new Logger('Mcp');

  constructor(
    private readonly methods: Methods,
    private readonly metrics: RequestMetrics,
    private readonly audit: AuditLog,
  ) {}

  /** Serves one message. Never throws: every request is answered over the link, nothing else is. */
  dispatch(message: RpcMessage, link: MessageContext): void {
    switch (message.kind) {
      case 'request':
        return this.serve(message, link);
      case 'notification':
        return this.notice(message, link);
      case 'response':
        return link.session?.settle(message);
      case 'malformed':
        this.metrics.malformed();
        return link.responder.respond(encodeError(message.id, message.error), httpStatusOf(message.error));
    }
  }

  private serve(request: RpcRequest, link: MessageContext): void {
    const { id, method } = request;
    const era = link.era ?? eraOf(request);
    let exchange: RequestContext;
    try {
      exchange = toExchange(request, link, era);
    } catch (thrown) {
      const error = toRpcError(thrown);
      this.metrics.answered(era, undefined, 'error', 0);
      return link.responder.respond(encodeError(id, error), httpStatusOf(error));
    }
    try {
      const serve = this.methods.table[exchange.era].get(method);
      if (!serve) throw new RpcError(RPC.methodNotFound, 'Method not found', { method });
      const flights = inFlightOf(exchange, link);
      flights?.add(id, exchange.cancellation);
      this.run(serve, exchange, flights);
    } catch (thrown) {
      this.refuse(exchange, thrown);
    }
  }

  /** Whatever the method does, there is one answer, and with it the id is free again. */
  private run(serve: Method, exchange: RequestContext, flights: InFlight | undefined): void {
    const refused = (thrown: unknown): void => {
      flights?.remove(exchange.id);
      this.refuse(exchange, thrown);
    };
    const answered = (answer: Answer): void => {
      flights?.remove(exchange.id);
      try {
        this.respond(exchange, answer);
      } catch (thrown) {
        // The answer is no JSON.
        this.refuse(exchange, thrown);
      }
    };
    try {
      const answer = serve(exchange);
      if (answer instanceof Promise) answer.then(answered, refused);
      else answered(answer);
    } catch (thrown) {
      refused(thrown);
    }
  }

  private notice({ method, params }: RpcNotification, { session, inFlight }: MessageContext): void {
    if (method !== 'notifications/cancelled') return;
    const reason = typeof params.reason === 'string' ? params.reason.slice(0, 1000) : 'The caller cancelled';
    session?.inFlight.cancel(params.requestId, reason);
    if (session?.inFlight !== inFlight) inFlight?.cancel(params.requestId, reason);
  }

  private respond(exchange: RequestContext, answer: Answer): void {
    const { id, era, responder, cancellation } = exchange;
    if (answer === undefined || cancellation.cancelled) return this.giveUp(exchange);
    const message = encodeResult(
      id,
      answer instanceof EncodedResult ? answer.json : encodeResultOf(era, answer),
    );
    this.count(exchange, 'result');
    responder.respond(message);
  }

  private refuse(exchange: RequestContext, thrown: unknown): void {
    const { id, era, method, responder, cancellation, principal, address } = exchange;
    const error = toRpcError(thrown);
    if (thrown instanceof OpstreamError) this.audit.commandRefused(address, thrown, { principal });
    if (!(thrown instanceof RpcError) && !(thrown instanceof OpstreamError)) {
      this.logger.error({ error: thrown }, `${method} failed`);
    }
    if (cancellation.cancelled) return this.giveUp(exchange);
    this.count(exchange, 'error');
    responder.respond(encodeFailure(id, error), era === 'modern' ? httpStatusOf(error) : 200);
  }

  /** Who has cancelled expects no answer. */
  private giveUp(exchange: RequestContext): void {
    this.count(exchange, 'cancelled');
    exchange.responder.close();
  }

  private count({ era, method, beganAt }: RequestContext, outcome: RequestOutcome): void {
    const known = this.methods.table[era].has(method) ? method : undefined;
    this.metrics.answered(era, known, outcome, (performance.now() - beganAt) / 1000);
  }
}

/** A request of 2026-07-28 says so in its `_meta`, or uses a method that only exists there. */
export function eraOf({ method, params }: RpcRequest): Era {
  const { _meta: meta } = params;
  return (isObject(meta) && META.protocolVersion in meta) || MODERN_ONLY.has(method) ? 'modern' : 'legacy';
}

/**
 * One literal with every member: put together from parts, it would become an object with a table of its own, a
 * kilobyte that outlives its request.
 * @throws RpcError when the envelope of 2026-07-28 is not complete
 */
function toExchange({ id, method, params }: RpcRequest, link: MessageContext, era: Era): RequestContext {
  const { principal, address, headers, responder, openSession } = link;
  const meta = objectAt(params, '_meta');
  // What begins a session belongs to none: it may end the one before it.
  const session = era === 'legacy' && method !== 'initialize' ? link.session : undefined;
  return {
    era,
    id,
    method,
    beganAt: performance.now(),
    params,
    meta,
    principal,
    address,
    headers,
    session,
    capabilities: era === 'modern' ? checkEnvelope(meta) : (session?.capabilities ?? {}),
    responder,
    cancellation: new Cancellation(),
    openSession,
  };
}

/** The client's capabilities. @throws RpcError */
function checkEnvelope(meta: Params): Params {
  const version = meta[META.protocolVersion];
  if (typeof version !== 'string') throw incomplete(META.protocolVersion);
  if (version !== MODERN_VERSION) {
    throw new RpcError(RPC.unsupportedVersion, 'Unsupported protocol version', {
      supported: [MODERN_VERSION],
      requested: version.slice(0, 100),
    });
  }
  const capabilities = meta[META.clientCapabilities];
  if (!isObject(capabilities)) throw incomplete(META.clientCapabilities);
  return capabilities;
}

function incomplete(key: string): RpcError {
  return new RpcError(RPC.invalidParams, `_meta must have ${key}`, undefined, 400);
}

/** A client that speaks the sessions' era without having begun a session has its connection for one. */
function inFlightOf({ era, session }: RequestContext, link: MessageContext): InFlight | undefined {
  return era === 'legacy' && session ? session.inFlight : link.inFlight;
}

/** Data that is no JSON is left out: a tool may throw anything. */
function encodeFailure(id: RequestId, error: RpcError): string {
  try {
    return encodeError(id, error);
  } catch {
    return encodeError(id, new RpcError(error.code, error.message));
  }
}
