import {
  isJsonObject,
  MAX_JSON_DEPTH,
  MAX_MESSAGE_DEPTH,
  nestsDeeper,
  parseJson,
  wellFormed,
} from '../../platform/json.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { numberText } from '../../platform/verbatim-json.js';
import { RPC, RpcError } from './rpc-error.js';

/** JSON-RPC 2.0 messages as MCP uses them, parsed by hand because every message passes here. */

export type RequestId = string | number;
/** An id as it was written: refusals also name one that is not served, such as an integer beyond 2^53. */
export type WrittenId = RequestId | object | null;
export type Params = Readonly<Record<string, unknown>>;

export interface RpcRequest {
  readonly kind: 'request';
  readonly id: RequestId;
  readonly method: string;
  readonly params: Params;
  /** Characters it came in; of a batch, those of all its messages. */
  readonly size: number;
}
export interface RpcNotification {
  readonly kind: 'notification';
  readonly method: string;
  readonly params: Params;
}
export interface RpcResponse {
  readonly kind: 'response';
  /** Null in the report of an error whose request its sender could not tell. */
  readonly id: RequestId | null;
  readonly result?: Params;
  readonly error?: Params;
}
/** Input that is not a message; `id` is the sender's, if known. */
export interface RpcMalformed {
  readonly kind: 'malformed';
  readonly id: WrittenId;
  readonly error: RpcError;
}
export type RpcMessage = RpcRequest | RpcNotification | RpcResponse | RpcMalformed;

/** Longer ids are refused: every answer repeats them. */
const MAX_ID_LENGTH = 1024;
const MAX_METHOD_LENGTH = 200;
const NO_PARAMS: Params = Object.freeze({});

export function isObject(value: unknown): value is Params {
  return isJsonObject(value);
}

/** Parses one frame or body. Never throws: unreadable input is `malformed`. */
export function parseMessage(text: string): RpcMessage {
  return parseWith(readMessage, text);
}

/** Like `parseMessage`, also for a batch, which 2025-03-26 allows over HTTP. */
export function parseMessages(text: string): RpcMessage | readonly RpcMessage[] {
  return parseWith(readMessages, text);
}

function readMessages(value: unknown, size: number): RpcMessage | readonly RpcMessage[] {
  return Array.isArray(value) && value.length > 0
    ? value.map((message) => readMessage(message, size))
    : readMessage(value, size);
}

function parseWith<Read>(read: (value: unknown, size: number) => Read, text: string): Read | RpcMalformed {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (thrown) {
    return unreadable(text, thrown);
  }
  // Nesting costs recursion in everything that touches the message.
  if (nestsDeeper(text, value, MAX_MESSAGE_DEPTH)) {
    return malformed(
      isObject(value) ? writtenId(value.id) : null,
      RPC.invalidRequest,
      `Invalid Request: nested more than ${MAX_JSON_DEPTH} levels deep`,
    );
  }
  return read(value, text.length);
}

/** JSON with a number out of range still says whose request it is. */
function unreadable(text: string, thrown: unknown): RpcMalformed {
  if (!(thrown instanceof OpstreamError) || thrown.code !== 'invalid_request') {
    return malformed(null, RPC.parseError, 'Parse error: the message is not valid JSON');
  }
  const value: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
  const id = isObject(value) ? writtenId(value.id) : null;
  return malformed(id, RPC.invalidRequest, `Invalid Request: ${thrown.message}`);
}

/** @param size characters that it came in */
export function readMessage(value: unknown, size = 0): RpcMessage {
  if (!isObject(value)) {
    const what = Array.isArray(value) ? 'there is no batch here' : 'a message must be an object';
    return malformed(null, RPC.invalidRequest, `Invalid Request: ${what}`);
  }
  const id = isRequestId(value.id) ? value.id : null;
  if (value.jsonrpc !== '2.0') {
    return malformed(writtenId(value.id), RPC.invalidRequest, 'Invalid Request: jsonrpc must be "2.0"');
  }
  if (value.method === undefined && ('result' in value || 'error' in value)) return readResponse(id, value);
  if ('id' in value && id === null) {
    return malformed(writtenId(value.id), RPC.invalidRequest, `Invalid Request: ${idProblem(value.id)}`);
  }
  if (typeof value.method === 'string') {
    if (value.method === '' || value.method.length > MAX_METHOD_LENGTH) {
      return malformed(id, RPC.invalidRequest, 'Invalid Request: method is not a method name');
    }
    if (value.params !== undefined && value.params !== null && !isObject(value.params)) {
      return malformed(id, RPC.invalidRequest, 'Invalid Request: params must be an object');
    }
    const params = value.params ?? NO_PARAMS;
    return id === null
      ? { kind: 'notification', method: value.method, params }
      : { kind: 'request', id, method: value.method, params, size };
  }
  return malformed(id, RPC.invalidRequest, 'Invalid Request: there is no method');
}

/**
 * An answer is never answered, however odd it is: two programs that did so would never stop. The one that waits
 * for it gets an error if it cannot be used.
 */
function readResponse(id: RequestId | null, { result, error }: Params): RpcResponse {
  if (isObject(result)) return { kind: 'response', id, result };
  if (isObject(error)) return { kind: 'response', id, error };
  if (error !== undefined && error !== null) {
    const message = typeof error === 'string' ? error : 'an error that is not an object';
    return { kind: 'response', id, error: { code: RPC.internalError, message } };
  }
  // Some programs answer a ping with null.
  if (result === undefined || result === null) return { kind: 'response', id, result: NO_PARAMS };
  const message = 'The result is not an object';
  return { kind: 'response', id, error: { code: RPC.invalidRequest, message } };
}

function isRequestId(value: unknown): value is RequestId {
  return typeof value === 'string' ? value.length <= MAX_ID_LENGTH : Number.isSafeInteger(value);
}

/** An id that a refusal can repeat. */
function writtenId(value: unknown): WrittenId {
  return isRequestId(value) || isNumberText(value) ? value : null;
}

function isNumberText(value: unknown): value is object {
  return numberText(value) !== undefined;
}

function idProblem(id: unknown): string {
  return isNumberText(id)
    ? 'an integer id may not be beyond 2^53; send it as a string'
    : 'id must be a string or an integer';
}

function malformed(id: WrittenId, code: number, message: string): RpcMalformed {
  return { kind: 'malformed', id, error: new RpcError(code, message) };
}

/** @param result the result as JSON text */
export function encodeResult(id: RequestId, result: string): string {
  return `{"jsonrpc":"2.0","id":${wellFormed(JSON.stringify(id))},"result":${result}}`;
}

export function encodeError(id: WrittenId, { code, message, data }: RpcError): string {
  return wellFormed(JSON.stringify({ jsonrpc: '2.0', id, error: { code, message, ...(data && { data }) } }));
}

export function encodeNotification(method: string, params?: Params): string {
  return wellFormed(JSON.stringify({ jsonrpc: '2.0', method, ...(params && { params }) }));
}

export function encodeRequest(id: RequestId, method: string, params: Params): string {
  return wellFormed(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
}

/** No member of params or `_meta` may be null in any revision: callers mean that it is absent. */
export function withoutNulls(params: Params): Params {
  for (const key in params) {
    if (params[key] === null)
      return Object.fromEntries(Object.entries(params).filter(([, value]) => value !== null));
  }
  return params;
}

/** The object under a key of params, `{}` if absent. @throws RpcError when it is something else */
export function objectAt(params: Params, key: string): Params {
  const value = params[key];
  if (value === undefined || value === null) return NO_PARAMS;
  if (isObject(value)) return value;
  throw new RpcError(RPC.invalidParams, `${key} must be an object`);
}

/** @throws RpcError `invalidParams` */
export function stringAt(params: Params, key: string): string {
  const value = params[key];
  if (typeof value === 'string') return value;
  throw new RpcError(RPC.invalidParams, `${key} must be a string`);
}
