import { OpstreamError } from '../platform/errors/opstream-error.js';
import { encodeJson, isJsonObject, parseJson, type JsonObject } from '../platform/json.js';
import { isLonger, isPrintable } from './operation-draft.js';
import { INPUT_LIMITS, type InputChange } from './operation-input.js';

/** A request for input as it comes from a producer, not validated yet. */
export interface InputRequestFields {
  readonly message: unknown;
  /** JSON Schema of the answer; without one, any JSON is an answer. */
  readonly schema?: unknown;
  /** Names the request within its operation; a UUID by default. */
  readonly key?: unknown;
  /** Seconds until it expires; by default it stays open as long as the operation runs. */
  readonly timeout?: unknown;
}

/** @param at Unix seconds. @throws OpstreamError `invalid_request`, `payload_too_large` */
export function parseInputRequest(
  { message, schema, key, timeout }: InputRequestFields,
  at: number,
): Extract<InputChange, { kind: 'requested' }> {
  if (typeof message !== 'string' || message === '' || isLonger(message, INPUT_LIMITS.message)) {
    throw invalid(`message must be a string of 1 to ${INPUT_LIMITS.message} characters`);
  }
  return {
    kind: 'requested',
    key: parseInputKey(key),
    message: message.toWellFormed(),
    schema: parseSchema(schema),
    expiresAt: parseTimeout(timeout, at),
  };
}

/** @throws OpstreamError `invalid_request` */
export function parseInputKey(key: unknown): string {
  if (typeof key === 'string' && key !== '' && !isLonger(key, INPUT_LIMITS.key) && isPrintable(key))
    return key;
  throw invalid(`key must be a string of 1 to ${INPUT_LIMITS.key} printable characters`);
}

function parseSchema(schema: unknown): JsonObject | null {
  if (schema === undefined || schema === null) return null;
  if (!isJsonObject(schema)) throw invalid('schema must be a JSON Schema, which is an object');
  return parseJson(encodeJson(schema, 'schema', INPUT_LIMITS.schema)) as JsonObject;
}

function parseTimeout(timeout: unknown, at: number): number | null {
  if (timeout === undefined || timeout === null) return null;
  if (typeof timeout === 'number' && timeout > 0 && timeout <= INPUT_LIMITS.timeout) return at + timeout;
  throw invalid(`timeout must be a number of seconds above 0, up to ${INPUT_LIMITS.timeout}`);
}

function invalid(message: string): OpstreamError {
  return new OpstreamError('invalid_request', message);
}
