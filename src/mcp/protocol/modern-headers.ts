import type { IncomingHttpHeaders } from 'node:http';
import { isObject, type Params, type RpcRequest } from './json-rpc.js';
import { RPC, RpcError } from './rpc-error.js';
import { META } from './versions.js';

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
 * Checks that the headers of a 2026-07-28 request match its body (SEP-2243): intermediaries route by them.
 * @returns the first mismatch, as a refusal
 */
export function checkModernHeaders(headers: IncomingHttpHeaders, request: RpcRequest): RpcError | undefined {
  const { params, method } = request;
  const meta: unknown = params._meta;
  const version = isObject(meta) ? meta[META.protocolVersion] : undefined;
  const member = NAMED_BY[method];
  return (
    (version === undefined ? undefined : problem(headers, 'mcp-protocol-version', version)) ??
    problem(headers, 'mcp-method', method) ??
    (member === undefined || params[member] === undefined || params[member] === null
      ? undefined
      : problem(headers, 'mcp-name', params[member]))
  );
}

/**
 * The same for the `Mcp-Param-…` headers of a tool call. @param parameters properties by header name in lower case
 */
export function checkParameterHeaders(
  headers: IncomingHttpHeaders,
  parameters: ReadonlyMap<string, string>,
  args: Params,
): RpcError | undefined {
  for (const [header, property] of parameters) {
    const value = args[property];
    const absent = value === undefined || value === null;
    const found = absent
      ? headers[header] === undefined
        ? undefined
        : mismatch(header, 'the body has no such argument')
      : problem(headers, header, value);
    if (found) return found;
  }
  return undefined;
}

function problem(headers: IncomingHttpHeaders, name: string, value: unknown): RpcError | undefined {
  const sent = headers[name];
  if (typeof sent !== 'string') return mismatch(name, 'it is missing');
  const decoded = decode(sent.trim());
  if ('problem' in decoded) return mismatch(name, decoded.problem);
  const { text } = decoded;
  const same = typeof value === 'number' ? Number(text) === value && text !== '' : text === String(value);
  return same ? undefined : mismatch(name, 'it differs from the body');
}

/** Values that no header can carry are sent as `=?base64?…?=`. */
function decode(value: string): { text: string } | { problem: string } {
  const encoded = /^=\?base64\?(.*)\?=$/i.exec(value)?.[1];
  if (encoded === undefined) {
    return /[^\t\x20-\x7e]/.test(value)
      ? { problem: 'it has characters that must be encoded' }
      : { text: value };
  }
  return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(encoded)
    ? { text: Buffer.from(encoded, 'base64').toString() }
    : { problem: 'it is not base64' };
}

function mismatch(header: string, why: string): RpcError {
  return new RpcError(RPC.headerMismatch, `Header mismatch: ${header}: ${why}`);
}
