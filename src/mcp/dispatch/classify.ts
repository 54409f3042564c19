import type { IncomingHttpHeaders } from 'node:http';
import { isObject, type RpcMessage, type RpcRequest, type WrittenId } from '../protocol/json-rpc.js';
import { checkModernHeaders } from '../protocol/modern-headers.js';
import { RPC, RpcError } from '../protocol/rpc-error.js';
import {
  ASSUMED_VERSION,
  isLegacyVersion,
  META,
  MODERN_VERSION,
  WITHOUT_BATCHES,
  type Era,
} from '../protocol/versions.js';

/** Decides what a message is, in which era, and which session it names. Pure; nothing else decides this. */
export interface Classification {
  readonly era: Era;
  readonly kind: 'initialize' | 'batch' | RpcMessage['kind'];
  /** The session the message names; it may not exist. */
  readonly sessionId?: string;
  /** Why the message is refused, regardless of its session. */
  readonly refusal?: Refusal;
}

export interface Refusal {
  /** Of the request, if known. */
  readonly id: WrittenId;
  readonly error: RpcError;
}

/** Messages of one batch. */
const MAX_BATCH = 100;
/** Methods that only exist in the era without sessions. */
const MODERN_ONLY: ReadonlySet<string> = new Set(['server/discover', 'subscriptions/listen', 'tasks/update']);

/** Classifies the body of a POST. A message without an era of its own has the one its header names. */
export function classifyPost(
  message: RpcMessage | readonly RpcMessage[],
  headers: IncomingHttpHeaders,
): Classification {
  const namesModern = headers['mcp-protocol-version'] === MODERN_VERSION;
  if (isBatch(message)) {
    if (namesModern) return refuse('legacy', 'batch', null, invalid('2026-07-28 has no batches'));
    const { refusal } = classifyBatch(message);
    return refusal ? { era: 'legacy', kind: 'batch', refusal } : inSession('batch', null, headers);
  }
  const era = namesModern ? 'modern' : eraOf(message);
  const kind = kindOf(message, era);
  if (message.kind === 'malformed') return { era, kind };
  if (era === 'legacy') {
    return kind === 'initialize' ? { era, kind } : inSession(kind, idOf(message), headers);
  }
  if (message.kind !== 'request') return { era, kind };
  const error = checkModernHeaders(headers, message) ?? envelopeProblem(message);
  return error ? refuse(era, kind, message.id, error) : { era, kind };
}

/** Classifies a message of a connection that has or is the session: WebSocket, peers, HTTP with SSE. */
export function classifyFrame(message: RpcMessage | readonly RpcMessage[]): Classification {
  if (isBatch(message)) return classifyBatch(message);
  const era = eraOf(message);
  const kind = kindOf(message, era);
  const error = era === 'modern' && message.kind === 'request' ? envelopeProblem(message) : undefined;
  return error ? refuse(era, kind, idOf(message), error) : { era, kind };
}

/** The session named by the headers of a GET or DELETE. */
export function classifyStream(headers: IncomingHttpHeaders): Pick<Classification, 'sessionId' | 'refusal'> {
  return inSession('request', null, headers);
}

/** Why a session of this revision cannot send a batch; undefined where batches are served. */
export function batchProblem(revision: string | undefined): RpcError | undefined {
  if (revision === undefined) return invalid('batches belong to sessions of 2025-03-26 and before');
  return revision >= WITHOUT_BATCHES ? invalid(`${revision} has no batches`) : undefined;
}

function classifyBatch(messages: readonly RpcMessage[]): Classification {
  const problem = problemOfBatch(messages);
  return problem === undefined
    ? { era: 'legacy', kind: 'batch' }
    : refuse('legacy', 'batch', null, invalid(problem));
}

function problemOfBatch(messages: readonly RpcMessage[]): string | undefined {
  if (messages.length > MAX_BATCH) return `a batch may have ${MAX_BATCH} messages`;
  for (const message of messages) {
    if (message.kind !== 'request') continue;
    if (message.method === 'initialize') return 'initialize must come alone';
    if (eraOf(message) === 'modern') return 'requests of 2026-07-28 come one by one';
  }
  return undefined;
}

/** A request of 2026-07-28 says so in its `_meta`, or uses a method that exists only there. */
function eraOf(message: RpcMessage): Era {
  if (message.kind !== 'request') return 'legacy';
  const { _meta: meta } = message.params;
  const says = isObject(meta) && meta[META.protocolVersion] !== undefined;
  return says || MODERN_ONLY.has(message.method) ? 'modern' : 'legacy';
}

function kindOf(message: RpcMessage, era: Era): Classification['kind'] {
  const begins = message.kind === 'request' && message.method === 'initialize' && era === 'legacy';
  return begins ? 'initialize' : message.kind;
}

function inSession(
  kind: Classification['kind'],
  id: WrittenId,
  headers: IncomingHttpHeaders,
): Classification {
  if (!isLegacyVersion(headers['mcp-protocol-version'] ?? ASSUMED_VERSION)) {
    return refuse('legacy', kind, id, badRequest('Unsupported protocol version'));
  }
  const sessionId = headers['mcp-session-id'];
  return typeof sessionId === 'string' && sessionId !== ''
    ? { era: 'legacy', kind, sessionId }
    : refuse('legacy', kind, id, badRequest('Mcp-Session-Id header is required'));
}

/** What is missing in the envelope of a 2026-07-28 request. */
function envelopeProblem({ params }: RpcRequest): RpcError | undefined {
  const meta = params._meta ?? {};
  if (!isObject(meta)) return new RpcError(RPC.invalidParams, '_meta must be an object');
  const version = meta[META.protocolVersion];
  if (typeof version !== 'string') return incomplete(META.protocolVersion);
  if (version !== MODERN_VERSION) {
    return new RpcError(RPC.unsupportedVersion, 'Unsupported protocol version', {
      supported: [MODERN_VERSION],
      requested: version.slice(0, 100),
    });
  }
  return isObject(meta[META.clientCapabilities]) ? undefined : incomplete(META.clientCapabilities);
}

function idOf(message: RpcMessage): WrittenId {
  return message.kind === 'request' || message.kind === 'malformed' ? message.id : null;
}

function isBatch(message: RpcMessage | readonly RpcMessage[]): message is readonly RpcMessage[] {
  return Array.isArray(message);
}

function refuse(era: Era, kind: Classification['kind'], id: WrittenId, error: RpcError): Classification {
  return { era, kind, refusal: { id, error } };
}

function incomplete(key: string): RpcError {
  return new RpcError(RPC.invalidParams, `_meta must have ${key}`, undefined, 400);
}

function badRequest(why: string): RpcError {
  return new RpcError(RPC.serverError, `Bad Request: ${why}`, undefined, 400);
}

function invalid(why: string): RpcError {
  return new RpcError(RPC.invalidRequest, `Invalid Request: ${why}`);
}
