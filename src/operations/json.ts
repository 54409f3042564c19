import { OpstreamError } from '../platform/errors/opstream-error.js';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export type JsonObject = { readonly [key: string]: JsonValue | undefined };

/** Deeper nesting is refused: it costs recursion in every reader and no real payload needs it. */
export const MAX_JSON_DEPTH = 64;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Serializes a value that came from a caller, once, for the log and for every wire format.
 * @param maxBytes upper bound for the UTF-16 length of the text
 * @throws OpstreamError `invalid_request` when it is nested too deeply or is no JSON, `payload_too_large` when too long
 */
export function encodeJson(value: unknown, what: string, maxBytes: number): string {
  if (isDeeperThan(value, MAX_JSON_DEPTH)) {
    throw new OpstreamError('invalid_request', `${what} is nested more than ${MAX_JSON_DEPTH} levels deep`);
  }
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new OpstreamError('invalid_request', `${what} is not JSON`);
  if (text.length > maxBytes) {
    throw new OpstreamError(
      'payload_too_large',
      `${what} has ${text.length} characters; ${maxBytes} are allowed`,
    );
  }
  return text;
}

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  // for…in over own enumerable keys: Object.values would allocate an array per level of every event.
  for (const key in value) {
    if (isDeeperThan((value as Record<string, unknown>)[key], levels - 1)) return true;
  }
  return false;
}
