import { Injectable, Logger } from '@nestjs/common';
import { AuditLog } from '../../auth/audit-log.js';
import { userKey } from '../../auth/rate-limits.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { Cancellation } from '../protocol/cancellation.js';
import type { RequestContext, MessageContext } from '../session/request-context.js';
import type { InFlight } from '../protocol/in-flight.js';
import {
  encodeError,
  encodeResult,
  objectAt,
  type RequestId,
  type RpcMessage,
  type RpcNotification,
  type RpcRequest,
  withoutNulls,
} from '../protocol/json-rpc.js';
import { httpStatusOf, RpcError, toRpcError } from '../protocol/rpc-error.js';
import { fitResult } from '../protocol/members.js';
import { LEGACY_VERSIONS, META, MODERN_VERSION, type Era } from '../protocol/versions.js';
import { RequestMetrics, type RequestOutcome } from '../metrics/request.metrics.js';
import type { Classification } from './classify.js';
import { Methods, type Answer, type Serve } from './methods.service.js';
import { RequestBudget } from './request-budget.js';
import { EncodedResult, encodeResultOf } from '../protocol/result.js';

/** Reads and serves one message of either era; shared by all transports. */
@Injectable()
export class McpDispatcher {
  private readonly logger = new Logger('Mcp');
  private readonly budget = new RequestBudget();

  constructor(
    private readonly methods: Methods,
    private readonly metrics: RequestMetrics,
    private readonly audit: AuditLog,
  ) {}

  /**
   * Serves one message. Never throws: every request is answered over the link, nothing else is.
   * @param classified the result of `classify.ts`
   */
  dispatch(message: RpcMessage, classified: Classification, link: MessageContext): void {
    switch (message.kind) {
      case 'request':
        return this.serve(message, classified, link);
      case 'notification':
        return this.notice(message, link);
      case 'response':
        return link.session?.settle(message);
      case 'malformed':
        this.metrics.malformed();
        return link.responder.respond(encodeError(message.id, message.error), httpStatusOf(message.error));
    }
  }

  private serve(request: RpcRequest, { era, refusal }: Classification, link: MessageContext): void {
    const { id } = request;
    let exchange: RequestContext;
    try {
      if (refusal) throw refusal.error;
      exchange = toExchange(request, link, era);
    } catch (thrown) {
      const error = toRpcError(thrown);
      this.metrics.answered(era, undefined, 'error', 0);
      return link.responder.respond(encodeError(id, error), httpStatusOf(error));
    }
    try {
      const serve = this.methods.find(exchange);
      const flights = inFlightOf(exchange, link);
      const giveBack = this.budget.take(request.size, () => userKey(link.principal, link.address));
      try {
        flights?.add(id, exchange.cancellation);
      } catch (thrown) {
        giveBack();
        throw thrown;
      }
      this.run(serve, exchange, flights, giveBack);
    } catch (thrown) {
      this.refuse(exchange, thrown);
    }
  }

  /** There is exactly one answer, regardless of what the method does, and it frees the id. */
  private run(
    serve: Serve,
    exchange: RequestContext,
    flights: InFlight | undefined,
    giveBack: () => void,
  ): void {
    const refused = (thrown: unknown): void => {
      flights?.remove(exchange.id);
      giveBack();
      this.refuse(exchange, thrown);
    };
    const answered = (answer: Answer): void => {
      flights?.remove(exchange.id);
      giveBack();
      try {
        this.respond(exchange, answer);
      } catch (thrown) {
        // The answer is not JSON.
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
    const { id, era, revision, method, responder, cancellation } = exchange;
    if (answer === undefined || cancellation.cancelled) return this.giveUp(exchange);
    const message = encodeResult(
      id,
      answer instanceof EncodedResult
        ? answer.json
        : encodeResultOf(era, fitResult(method, answer, revision)),
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

  /** A caller that has cancelled expects no answer. */
  private giveUp(exchange: RequestContext): void {
    this.count(exchange, 'cancelled');
    exchange.responder.close();
  }

  private count({ era, method, beganAt }: RequestContext, outcome: RequestOutcome): void {
    const known = this.methods.knows(era, method) ? method : undefined;
    this.metrics.answered(era, known, outcome, (performance.now() - beganAt) / 1000);
  }
}

/**
 * A single literal with every member: built from parts, it would become a dictionary-mode object of a kilobyte that
 * outlives its request.
 * @throws RpcError for params that no method accepts
 */
function toExchange(
  { id, method, params: given }: RpcRequest,
  link: MessageContext,
  era: Era,
): RequestContext {
  const { principal, address, headers, responder, openSession } = link;
  const params = withoutNulls(given);
  const meta = withoutNulls(objectAt(params, '_meta'));
  // A request that begins a session belongs to none; it may end the previous one.
  const session = era === 'legacy' && method !== 'initialize' ? link.session : undefined;
  return {
    era,
    revision: era === 'modern' ? MODERN_VERSION : (session?.protocolVersion ?? LEGACY_VERSIONS[0]),
    id,
    method,
    beganAt: performance.now(),
    params,
    meta,
    principal,
    address,
    headers,
    session,
    capabilities: era === 'modern' ? objectAt(meta, META.clientCapabilities) : (session?.capabilities ?? {}),
    responder,
    cancellation: new Cancellation(),
    openSession,
  };
}

/** A client of the sessions' era without a session has its connection in place of one. */
function inFlightOf({ era, session }: RequestContext, link: MessageContext): InFlight | undefined {
  return era === 'legacy' && session ? session.inFlight : link.inFlight;
}

/** Data that is not JSON is omitted: a tool may throw anything. */
function encodeFailure(id: RequestId, error: RpcError): string {
  try {
    return encodeError(id, error);
  } catch {
    return encodeError(id, new RpcError(error.code, error.message));
  }
}
