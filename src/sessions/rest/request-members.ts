import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { isJsonObject, type JsonObject } from '../../platform/json.js';

/**
 * The members of a request's body.
 * @throws OpstreamError `invalid_request` for anything but an object, or for an unknown member
 */
export function membersOf(body: unknown, names: readonly string[]): JsonObject {
  if (!isJsonObject(body)) throw new OpstreamError('invalid_request', 'The body must be a JSON object');
  const unknown = Object.keys(body).find((name) => !names.includes(name));
  if (unknown === undefined) return body;
  throw new OpstreamError(
    'invalid_request',
    `Unknown field "${unknown.slice(0, 100)}"; use metadata for data of your own`,
  );
}

/** @throws OpstreamError `invalid_request` */
export function requiredText(value: unknown, field: string): string {
  if (typeof value === 'string') return value;
  throw new OpstreamError('invalid_request', `${field} must be a string`);
}

/** Undefined when it is left out or null. @throws OpstreamError `invalid_request` */
export function optionalText(value: unknown, field: string): string | undefined {
  return value === undefined || value === null ? undefined : requiredText(value, field);
}

/** A number within bounds, also as text. @throws OpstreamError `invalid_request` */
export function numberBetween(value: unknown, field: string, min: number, max: number): number | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const number = typeof value === 'string' && /^\d{1,12}(\.\d{1,9})?$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && number >= min && number <= max) return number;
  throw new OpstreamError('invalid_request', `${field} must be a number from ${min} to ${max}`);
}
