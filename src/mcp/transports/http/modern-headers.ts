import type { IncomingHttpHeaders } from 'node:http';
import { isObject, type Params, type RpcRequest } from '../../protocol/json-rpc.js';
import { RPC, RpcError } from '../../protocol/rpc-error.js';
import { META } from '../../protocol/versions.js';
import type { ToolDefinition } from '../../tools/tool-definition.js';

/** The member of params that `Mcp-Name` repeats. */
const NAMED_BY: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
};

/**
 * Checks that the headers of a request of 2026-07-28 say what its body says (SEP-2243): intermediaries route by them.
 * @param tool the tool of a `tools/call`, whose parameters may have headers of their own
 * @throws RpcError `headerMismatch`
 */
export function checkHeaders(
  headers: IncomingHttpHeaders,
  request: RpcRequest,
  tool: ToolDefinition | undefined,
): void {
  const { params, method } = request;
  const meta: unknown = params._meta;
  const version = isObject(meta) ? meta[META.protocolVersion] : undefined;
  if (version !== undefined) expect(headers, 'mcp-protocol-version', version);
  expect(headers, 'mcp-method', method);
  const member = NAMED_BY[method];
  if (member !== undefined && params[member] !== undefined) expect(headers, 'mcp-name', params[member]);
  if (tool) checkParameters(headers, tool, isObject(params.arguments) ? params.arguments : {});
}

function checkParameters(headers: IncomingHttpHeaders, tool: ToolDefinition, args: Params): void {
  for (const [header, property] of tool.headerParameters) {
    const value = args[property];
    if (value !== undefined && value !== null) expect(headers, header, value);
    else if (headers[header] !== undefined) throw mismatch(header, 'the body has no such argument');
  }
}

function expect(headers: IncomingHttpHeaders, name: string, value: unknown): void {
  const sent = headers[name];
  if (typeof sent !== 'string') throw mismatch(name, 'it is missing');
  const decoded = decode(name, sent.trim());
  if (typeof value === 'number' ? Number(decoded) === value && decoded !== '' : decoded === String(value))
    return;
  throw mismatch(name, 'it differs from the body');
}

/** Values that no header can carry come as `=?base64?…?=`. */
function decode(name: string, value: string): string {
  const encoded = /^=\?base64\?(.*)\?=$/i.exec(value)?.[1];
  if (encoded === undefined) {
    if (/[^\t\x20-\x7e]/.test(value)) throw mismatch(name, 'it has characters that must be encoded');
    return value;
  }
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(encoded)) {
    throw mismatch(name, 'it is no base64');
  }
  return Buffer.from(encoded, 'base64').toString();
}

function mismatch(header: string, why: string): RpcError {
  return new RpcError(RPC.headerMismatch, `Header mismatch: ${header}: ${why}`);
}
