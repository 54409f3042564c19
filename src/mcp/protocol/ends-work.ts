import type { OpstreamError } from '../../platform/errors/opstream-error.js';
import { encodeError, type RpcMessage } from './json-rpc.js';
import { toRpcError } from './rpc-error.js';

const ENDING: ReadonlySet<string> = new Set([
  'notifications/cancelled',
  'tasks/cancel',
  'resources/unsubscribe',
]);
const ENDING_TOOLS: ReadonlySet<unknown> = new Set(['cancel_operation', 'delete_operation']);

/**
 * Whether a message ends work, or answers a question that work waits for: it is counted but never refused by the
 * limit.
 */
export function endsWork(message: RpcMessage): boolean {
  if (message.kind === 'response') return true;
  if (message.kind === 'malformed') return false;
  const { method, params } = message;
  return ENDING.has(method) || (method === 'tools/call' && ENDING_TOOLS.has(params.name));
}

/** The refusal of one message, by its id. */
export function refusalOf(message: RpcMessage, error: OpstreamError): string {
  return encodeError('id' in message ? message.id : null, toRpcError(error));
}
