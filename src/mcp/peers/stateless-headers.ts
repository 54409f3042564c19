import { isObject, type Params } from '../protocol/json-rpc.js';
import { MODERN_VERSION } from '../protocol/versions.js';

/** Parameters of a tool that HTTP headers repeat, by header name. */
export type HeaderParameters = ReadonlyMap<string, string>;

/** Arguments of a listed tool that have their own headers (`x-mcp-header`, SEP-2243). */
export function headerParametersOf({ inputSchema }: Params): HeaderParameters {
  const properties = isObject(inputSchema) && isObject(inputSchema.properties) ? inputSchema.properties : {};
  const found = new Map<string, string>();
  for (const [property, schema] of Object.entries(properties)) {
    const header = isObject(schema) ? schema['x-mcp-header'] : undefined;
    if (typeof header === 'string' && /^[A-Za-z0-9-]{1,100}$/.test(header)) {
      found.set(`mcp-param-${header.toLowerCase()}`, property);
    }
  }
  return found;
}

/** Headers that repeat parts of a 2026-07-28 request: intermediaries route by them. */
export function statelessHeaders(
  method: string,
  params: Params,
  parameters: HeaderParameters | undefined,
): Record<string, string> {
  const headers: Record<string, string> = { 'mcp-protocol-version': MODERN_VERSION, 'mcp-method': method };
  const name = method === 'tools/call' ? params.name : params.taskId;
  if (typeof name === 'string') headers['mcp-name'] = encode(name);
  const args = isObject(params.arguments) ? params.arguments : {};
  for (const [header, property] of parameters ?? []) {
    const value = args[property];
    if (value !== undefined && value !== null) {
      headers[header] = encode(typeof value === 'string' ? value : JSON.stringify(value));
    }
  }
  return headers;
}

/** Values that no header can carry, or that look encoded, are sent as base64. */
function encode(value: string): string {
  const plain = /^[\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?$/.test(value) && !/^=\?base64\?/i.test(value);
  return plain ? value : `=?base64?${Buffer.from(value).toString('base64')}?=`;
}
