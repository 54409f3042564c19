import { OpstreamError } from '../platform/errors/opstream-error.js';
import { isDeeperThan, MAX_JSON_DEPTH } from '../platform/json-depth.js';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export type JsonObject = { readonly [key: string]: JsonValue | undefined };

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Serializes a value that came from a caller, once, for the log and for every wire format.
 * @param maxLength upper bound for the characters (UTF-16) of the text
 * @throws OpstreamError `invalid_request` when it is nested too deeply or is no JSON, `payload_too_large` when too long
 */
export function encodeJson(value: unknown, what: string, maxLength: number): string {
  if (isDeeperThan(value, MAX_JSON_DEPTH)) {
    throw new OpstreamError('invalid_request', `${what} is nested more than ${MAX_JSON_DEPTH} levels deep`);
  }
  const text = stringify(value);
  if (text === undefined) throw new OpstreamError('invalid_request', `${what} is not JSON`);
  if (text.length > maxLength) {
    throw new OpstreamError(
      'payload_too_large',
      `${what} has ${text.length} characters; ${maxLength} are allowed`,
    );
  }
  return text;
}

/** Undefined for what JSON cannot express: callers in this process may pass functions, BigInts and the like. */
function stringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
