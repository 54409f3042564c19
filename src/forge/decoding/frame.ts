/** One frame of a Forge stream, in the form of Forge 0.7.4 or of the older API. */
export type ForgeFrame =
  | { readonly kind: 'patch'; readonly operations: readonly PatchOperation[] }
  /** Nothing more will come; the server may leave the socket open. */
  | { readonly kind: 'finished' }
  /** Newer versions send it at the end of the replay. */
  | { readonly kind: 'ready' }
  /** A JSON object, as the streams of the older API send it. */
  | { readonly kind: 'object'; readonly value: Readonly<Record<string, unknown>>; readonly text: string }
  | { readonly kind: 'text'; readonly text: string };

/** One JSON Patch operation; unknown operations and malformed paths are dropped when a frame is decoded. */
export interface PatchOperation {
  readonly op: 'add' | 'replace' | 'remove';
  /** The unescaped parts of the JSON Pointer. */
  readonly path: readonly string[];
  readonly value: unknown;
}

/**
 * @param message the frame as JSON, or the text itself if it is not JSON
 * @param text the raw frame: a plain log line may happen to be JSON
 */
export function decodeFrame(message: unknown, text: string): ForgeFrame {
  if (!isRecord(message)) return { kind: 'text', text };
  if (Array.isArray(message.JsonPatch)) {
    return { kind: 'patch', operations: message.JsonPatch.flatMap(decodeOperation) };
  }
  if (message.finished === true) return { kind: 'finished' };
  if (message.Ready === true) return { kind: 'ready' };
  return { kind: 'object', value: message, text };
}

function decodeOperation(operation: unknown): PatchOperation[] {
  if (!isRecord(operation)) return [];
  const { op, path, value } = operation;
  if (op !== 'add' && op !== 'replace' && op !== 'remove') return [];
  if (typeof path !== 'string' || !path.startsWith('/')) return [];
  return [{ op, path: path.slice(1).split('/').map(unescapePointer), value }];
}

/** RFC 6901: replace `~1` with a slash, then `~0` with a tilde. */
function unescapePointer(part: string): string {
  return part.includes('~') ? part.replaceAll('~1', '/').replaceAll('~0', '~') : part;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
