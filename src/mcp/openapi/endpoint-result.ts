import { parseVerbatim, type VerbatimJson } from '../../platform/verbatim-json.js';
import { isObject } from '../protocol/json-rpc.js';
import type { ToolResult } from '../tools/tool-result.js';
import { UserError } from '../tools/user-error.js';

/** The complete response of an endpoint. */
export interface EndpointResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

/** Characters of an error body shown to the caller. */
const MAX_ERROR_TEXT = 4000;

/**
 * Converts an endpoint's response to a tool result: JSON as its original text (an object also structured), images as
 * images, other text unchanged, binary data as a resource.
 * @throws UserError for an unsuccessful status
 */
export function toToolResult(name: string, { status, contentType, body }: EndpointResponse): ToolResult {
  if (status < 200 || status >= 300) {
    const detail = (textOf(body, contentType) ?? '').slice(0, MAX_ERROR_TEXT).trim();
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
  // An empty text means nothing to a model, and some model APIs refuse it.
  if (body.length === 0) return { content: [{ type: 'text', text: `Status code: ${status}` }] };
  const text = textOf(body, contentType);
  if (text === undefined) {
    const file = {
      uri: `answer:${encodeURIComponent(name)}`,
      mimeType: type || 'application/octet-stream',
      blob: body.toString('base64'),
    };
    return { content: [{ type: 'resource', resource: file }] };
  }
  const json = /(^|\+|\/)json$/.test(type) ? parse(text) : undefined;
  // The text is the API's own. Structured content is added only if no reader would round its numbers.
  const structured = json && !json.roundsElsewhere && isObject(json.value) ? json.value : undefined;
  return { content: [{ type: 'text', text }], ...(structured && { structuredContent: structured }) };
}

/** Undefined for bytes that are not text in their declared encoding, by default UTF-8. */
function textOf(body: Buffer, contentType: string): string | undefined {
  const charset = /;\s*charset="?([^\s;"]+)/i.exec(contentType)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset, { fatal: true }).decode(body);
  } catch {
    return undefined;
  }
}

function parse(text: string): VerbatimJson | undefined {
  try {
    return parseVerbatim(text);
  } catch {
    return undefined;
  }
}
