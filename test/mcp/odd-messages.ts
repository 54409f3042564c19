import * as fc from 'fast-check';
import { RPC } from '../../src/mcp/protocol/rpc-error.js';
import { modern } from '../harness/mcp-client.js';
import { modernHeaders } from '../harness/mcp-http.js';

/** What is to come back for a text, by JSON-RPC alone. */
export type Due =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'refusal'; readonly code: number; readonly id: string | number | null }
  | { readonly kind: 'answer'; readonly id: string | number };

export function dueFor(value: unknown): Due {
  const refusal = (id: string | number | null): Due => ({ kind: 'refusal', code: RPC.invalidRequest, id });
  if (!isObject(value)) return refusal(null);
  const { jsonrpc, id, method, params } = value;
  const isId = typeof id === 'string' ? id.length <= 1024 : Number.isSafeInteger(id);
  const known = isId ? (id as string | number) : null;
  if (jsonrpc !== '2.0') return refusal(known);
  // An answer is never answered, whatever it says.
  if (method === undefined && ('result' in value || 'error' in value)) return { kind: 'nothing' };
  if ('id' in value && !isId) return refusal(known);
  if (typeof method === 'string') {
    if (method === '' || method.length > 200) return refusal(known);
    // Null is what is left out.
    if (params !== undefined && params !== null && !isObject(params)) return refusal(known);
    return isId ? { kind: 'answer', id: known! } : { kind: 'nothing' };
  }
  return refusal(known);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const METHODS = [
  'initialize',
  'ping',
  'logging/setLevel',
  'tools/list',
  'tools/call',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'prompts/list',
  'prompts/get',
  'completion/complete',
  'tasks/get',
  'tasks/list',
  'tasks/result',
  'tasks/update',
  'tasks/cancel',
  'server/discover',
  'notifications/cancelled',
  'notifications/initialized',
  'no/such',
];
const odd = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom('', '__proto__', 'x'.repeat(5000), -0, 1e308, null),
);
const mostly = <T>(usual: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 6, arbitrary: usual }, { weight: 1, arbitrary: odd });
const params = fc.record(
  {
    name: mostly(fc.constantFrom('echo', 'sum', 'user_error', 'deep', 'test_simple_prompt', 'no such')),
    arguments: mostly(fc.record({ text: odd, a: odd, b: odd }, { requiredKeys: [] })),
    uri: mostly(fc.constantFrom('test://static-text', 'operation://x', 'operation://', '{', 'no:such')),
    taskId: mostly(fc.constantFrom('no-such-task', '..', '')),
    task: mostly(fc.record({ ttl: odd })),
    cursor: odd,
    level: mostly(fc.constantFrom('info', 'loud')),
    ref: mostly(fc.record({ type: fc.constantFrom('ref/prompt', 'ref/resource'), name: odd, uri: odd })),
    argument: mostly(fc.record({ name: odd, value: odd })),
    requestId: odd,
    reason: odd,
    protocolVersion: odd,
    capabilities: odd,
    clientInfo: odd,
    inputResponses: odd,
    requestState: odd,
    _meta: fc.oneof(
      { weight: 4, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: odd },
      { weight: 1, arbitrary: fc.record({ progressToken: odd, partialResultToken: odd }) },
    ),
  },
  { requiredKeys: [] },
);
const requestLike = fc.record(
  {
    jsonrpc: mostly(fc.constant('2.0')),
    id: mostly(fc.oneof(fc.integer(), fc.string())),
    method: mostly(fc.constantFrom(...METHODS)),
    params: mostly(params),
  },
  { requiredKeys: [] },
);
const responseLike = fc.record(
  { jsonrpc: mostly(fc.constant('2.0')), id: odd, result: odd, error: odd },
  { requiredKeys: [] },
);
/** A message as clients send them, with members that are missing or make no sense. */
export const message = fc.oneof({ weight: 8, arbitrary: requestLike }, responseLike, odd);

/** Methods that make a message one of 2026-07-28 whatever else it says. */
export function existsOnlyThere(value: unknown): boolean {
  const { method } = isObject(value) ? value : {};
  return method === 'server/discover' || method === 'tasks/update';
}

/** The same message as one of 2026-07-28, as far as it is one at all. */
export function inModernEra(value: unknown): unknown {
  if (!isObject(value)) return value;
  const { params, ...rest } = value;
  const given = params ?? undefined;
  if (given !== undefined && !isObject(given)) return value;
  const meta = given?._meta;
  if (meta !== undefined && meta !== null && !isObject(meta)) return value;
  return { ...rest, params: modern(given, {}, meta ?? undefined) };
}

/** The headers that say what the body says. */
export function headersFor(value: unknown): Record<string, string> {
  const { method, params: given } = isObject(value) ? value : {};
  const { name, uri, taskId } = isObject(given) ? given : {};
  const named = name ?? uri ?? taskId;
  return {
    ...modernHeaders('', {}),
    ...(typeof method === 'string' && { 'mcp-method': encode(method) }),
    ...(typeof named === 'string' && { 'mcp-name': encode(named) }),
  };
}

/** For what no header can carry as it is. */
function encode(value: string): string {
  return `=?base64?${Buffer.from(value).toString('base64')}?=`;
}
