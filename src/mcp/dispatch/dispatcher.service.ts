import { Injectable, Logger } from '@nestjs/common';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { Cancellation } from '../protocol/cancellation.js';
import type { Exchange, Link } from '../protocol/exchange.js';
import {
  encodeError,
  encodeResult,
  isObject,
  objectAt,
  type Params,
  type RpcMessage,
  type RpcNotification,
  type RpcRequest,
} from '../protocol/json-rpc.js';
import { httpStatusOf, RPC, RpcError, toRpcError } from '../protocol/rpc-error.js';
import { META, MODERN_VERSION, type Era } from '../protocol/versions.js';
import { EncodedResult } from './lists.js';
import { Methods, type Answer } from './methods.service.js';

/** Methods that only exist in the era without sessions. */
const MODERN_ONLY: ReadonlySet<string> = new Set(['server/discover', 'subscriptions/listen', 'tasks/update']);

/** Reads one message of either era and serves it: the same for every transport. */
@Injectable()
export class McpDispatcher {
  private readonly logger = new Logger('Mcp');

  constructor(private readonly methods: Methods) {}

  /** Serves one message. Never throws: every request is answered over the link, nothing else is. */
  dispatch(message: RpcMessage, link: Link): void {
    switch (message.kind) {
      case 'request':
        return this.serve(message, link);
      case 'notification':
        return this.notice(message, link);
      case 'response':
        return link.session?.settle(message);
      case 'malformed':
        return link.outlet.respond(encodeError(message.id, message.error), httpStatusOf(message.error));
    }
  }

  private serve(request: RpcRequest, link: Link): void {
    const { id, method } = request;
    const { outlet } = link;
    let exchange: Exchange | undefined;
    try {
      const era = link.era ?? eraOf(request);
      exchange = toExchange(request, link, era);
      const serve = this.methods.table[era].get(method);
      if (!serve) throw new RpcError(RPC.methodNotFound, 'Method not found', { method });
      const flights = inFlightOf(exchange, link);
      flights?.add(id, exchange.cancellation);
      const answer = serve(exchange);
      if (!(answer instanceof Promise)) {
        flights?.remove(id);
        this.respond(exchange, answer);
        return;
      }
      const current = exchange;
      answer
        .finally(() => flights?.remove(id))
        .then(
          (value) => this.respond(current, value),
          (error: unknown) => this.refuse(current, request, error),
        );
    } catch (thrown) {
      if (exchange) this.refuse(exchange, request, thrown);
      else {
        const error = toRpcError(thrown);
        outlet.respond(encodeError(id, error), httpStatusOf(error));
      }
    }
  }

  private notice({ method, params }: RpcNotification, { session, inFlight }: Link): void {
    if (method !== 'notifications/cancelled') return;
    const reason = typeof params.reason === 'string' ? params.reason.slice(0, 1000) : 'The caller cancelled';
    session?.inFlight.cancel(params.requestId, reason);
    if (session?.inFlight !== inFlight) inFlight?.cancel(params.requestId, reason);
  }

  private respond({ id, era, outlet, cancellation }: Exchange, answer: Answer): void {
    // Who has cancelled expects no answer.
    if (answer === undefined || cancellation.cancelled) return outlet.close();
    if (answer instanceof EncodedResult) return outlet.respond(encodeResult(id, answer.json));
    const result =
      era === 'modern' && answer.resultType === undefined ? { resultType: 'complete', ...answer } : answer;
    outlet.respond(encodeResult(id, JSON.stringify(result)));
  }

  private refuse({ era, outlet, cancellation }: Exchange, { id, method }: RpcRequest, thrown: unknown): void {
    const error = toRpcError(thrown);
    if (!(thrown instanceof RpcError) && !(thrown instanceof OpstreamError)) {
      this.logger.error({ error: thrown }, `${method} failed`);
    }
    if (cancellation.cancelled) return outlet.close();
    outlet.respond(encodeError(id, error), era === 'modern' ? httpStatusOf(error) : 200);
  }
}

/** A request of 2026-07-28 says so in its `_meta`, or uses a method that only exists there. */
export function eraOf({ method, params }: RpcRequest): Era {
  const { _meta: meta } = params;
  return (isObject(meta) && META.protocolVersion in meta) || MODERN_ONLY.has(method) ? 'modern' : 'legacy';
}

/** @throws RpcError when the envelope of 2026-07-28 is not complete */
function toExchange(request: RpcRequest, link: Link, era: Era): Exchange {
  const { id, params } = request;
  const { principal, headers, outlet, openSession } = link;
  const meta = objectAt(params, '_meta');
  const cancellation = new Cancellation();
  const common = { id, params, meta, principal, headers, outlet, cancellation, openSession };
  if (era === 'legacy') {
    return { ...common, era, session: link.session, capabilities: link.session?.capabilities ?? {} };
  }
  return { ...common, era, session: undefined, capabilities: checkEnvelope(meta) };
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

function inFlightOf({ era, session }: Exchange, link: Link): Link['inFlight'] {
  return era === 'legacy' ? session?.inFlight : link.inFlight;
}
