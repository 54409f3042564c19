import { isDeeperThan, MAX_MESSAGE_DEPTH } from '../../platform/json.js';
import { parseVerbatim } from '../../platform/verbatim-json.js';
import { isObject, readMessage, type Params, type RpcMessage } from '../protocol/json-rpc.js';
import { RPC, RpcError } from '../protocol/rpc-error.js';

/**
 * Reads what a peer sends: one message, or a batch of 2025-03-26 and before. Results keep every number as it was
 * written, because they are only passed on.
 */
export function readPeerMessages(text: string): readonly RpcMessage[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [malformed(RPC.parseError, 'Parse error: the message is not valid JSON')];
  }
  if (isDeeperThan(value, MAX_MESSAGE_DEPTH)) return [tooDeep(value)];
  if (!Array.isArray(value) || value.length === 0) return [readOne(value, () => parseVerbatim(text).value)];
  let exact: unknown;
  const exactly = (index: number): unknown => ((exact ??= parseVerbatim(text).value) as unknown[])[index];
  return value.map((one, index) => readOne(one, () => exactly(index)));
}

/** Whether a peer tells of an error that belongs to no request. @param text the message came in */
export function reportsError(message: RpcMessage, text: string): boolean {
  if (message.kind === 'response') return message.id === null;
  return message.kind === 'malformed' && isErrorReport(text);
}

function readOne(value: unknown, exactly: () => unknown): RpcMessage {
  const message = readMessage(value);
  if (message.kind !== 'response' || !isObject(message.result)) return message;
  const { result } = exactly() as { readonly result?: unknown };
  return isObject(result) ? { ...message, result } : message;
}

/** The request that is answered so must not wait for another answer. */
function tooDeep(value: unknown): RpcMessage {
  const why = `Invalid Request: nested more than ${MAX_MESSAGE_DEPTH} levels deep`;
  const { id, method }: Params = isObject(value) ? value : {};
  if (id === undefined || method !== undefined) return malformed(RPC.invalidRequest, why);
  return readMessage({ jsonrpc: '2.0', id, error: { code: RPC.invalidRequest, message: why } });
}

function malformed(code: number, message: string): RpcMessage {
  return { kind: 'malformed', id: null, error: new RpcError(code, message) };
}

function isErrorReport(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) && 'error' in value && !('method' in value);
  } catch {
    return false;
  }
}
