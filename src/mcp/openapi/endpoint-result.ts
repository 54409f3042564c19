import { isObject } from '../protocol/json-rpc.js';
import type { ToolResult } from '../tools/tool-result.js';
import { UserError } from '../tools/user-error.js';

/** What an endpoint answered, read as a whole. */
export interface EndpointResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

/** Characters of an error's body that the caller is shown. */
const MAX_ERROR_TEXT = 4000;

/**
 * An endpoint's answer as a tool result: JSON as text (an object also structured), images as images, other text as it
 * is.
 * @throws UserError for a status that is no success
 */
export function toToolResult(name: string, { status, contentType, body }: EndpointResponse): ToolResult {
  if (status < 200 || status >= 300) {
    const detail = body.toString().slice(0, MAX_ERROR_TEXT).trim();
    throw new UserError(
      `Error calling ${name}. Status code: ${status}.${detail === '' ? '' : ` Response: ${detail}`}`,
    );
  }
  const type = contentType.split(';', 1)[0]!.trim().toLowerCase();
  if (type.startsWith('image/') && type !== 'image/svg+xml') {
    return { content: [{ type: 'image', data: body.toString('base64'), mimeType: type }] };
  }
  if (type.startsWith('audio/')) {
    return { content: [{ type: 'audio', data: body.toString('base64'), mimeType: type }] };
  }
  const text = body.toString();
  const value = /(^|\+|\/)json$/.test(type) ? parse(text) : undefined;
  if (value === undefined) return { content: [{ type: 'text', text }] };
  return {
    content: [{ type: 'text', text: JSON.stringify(value, undefined, 2) }],
    ...(isObject(value) && { structuredContent: value }),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
