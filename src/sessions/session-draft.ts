import { OpstreamError } from '../platform/errors/opstream-error.js';
import { encodeJson, isJsonObject, parseJson, type JsonObject } from '../platform/json.js';
import { LIMITS, VISIBILITIES, type Visibility } from './session.js';

/** What callers give, checked and brought into the form that is stored. Every transport uses the same functions. */

const LAYOUT: ReadonlySet<string> = new Set(['\t', '\r', '\n']);

/** Trims a text, and drops control characters but tab, carriage return and line feed. */
export function cleaned(text: string): string {
  let kept = '';
  for (const character of text.toWellFormed())
    if (character >= ' ' || LAYOUT.has(character)) kept += character;
  return kept.trim();
}

/** @throws OpstreamError `invalid_input`, `purpose_too_long` */
export function parsePurpose(text: string): string {
  const purpose = notEmpty(cleaned(text), 'purpose', 'Session purpose');
  if (tooLong(purpose, LIMITS.purpose)) {
    throw new OpstreamError(
      'purpose_too_long',
      `A session's purpose has at most ${LIMITS.purpose} characters`,
      {
        field: 'purpose',
        max_length: LIMITS.purpose,
      },
    );
  }
  return purpose;
}

/** @throws OpstreamError `invalid_input`, `content_too_large` */
export function parseContent(text: string): string {
  const content = notEmpty(cleaned(text), 'content', 'Message content');
  if (tooLong(content, LIMITS.content)) {
    throw new OpstreamError('content_too_large', `A message has at most ${LIMITS.content} characters`, {
      field: 'content',
      max_length: LIMITS.content,
    });
  }
  return content;
}

/** @throws OpstreamError `invalid_visibility` */
export function parseVisibility(value: string): Visibility {
  const visibility = VISIBILITIES.find((known) => known === value);
  if (visibility !== undefined) return visibility;
  throw new OpstreamError('invalid_visibility', `Invalid visibility level: ${value.slice(0, 100)}`, {
    provided_visibility: value.slice(0, 100),
    allowed_values: VISIBILITIES,
  });
}

/**
 * Metadata as an object or its JSON text; an empty object is none.
 * @throws OpstreamError `invalid_metadata_format`, `metadata_too_large`
 */
export function parseMetadata(value: unknown): JsonObject | null {
  const parsed = typeof value === 'string' ? readMetadata(value) : value;
  if (parsed === null || parsed === undefined) return null;
  if (!isJsonObject(parsed)) throw invalidMetadata(`it must be a JSON object, and is ${kindOf(parsed)}`);
  metadataText(parsed);
  return Object.keys(parsed).length === 0 ? null : parsed;
}

/** @throws OpstreamError `invalid_metadata_format`, `metadata_too_large` */
export function metadataText(metadata: JsonObject): string {
  try {
    return encodeJson(metadata, 'metadata', LIMITS.metadata);
  } catch (thrown) {
    if (!(thrown instanceof OpstreamError)) throw thrown;
    if (thrown.code !== 'payload_too_large') throw invalidMetadata(thrown.message);
    throw new OpstreamError(
      'metadata_too_large',
      `Metadata has at most ${LIMITS.metadata} characters of JSON`,
      {
        field: 'metadata',
        max_length: LIMITS.metadata,
      },
    );
  }
}

/** @throws OpstreamError `invalid_key` */
export function parseMemoryKey(value: string): string {
  const key = value.toWellFormed().trim();
  if (key === '') {
    throw new OpstreamError('invalid_key', 'Memory key cannot be empty after trimming whitespace', {
      field: 'key',
      requirement: 'non_empty_string',
    });
  }
  if (tooLong(key, LIMITS.memoryKey)) {
    throw new OpstreamError('invalid_key', `A memory key has at most ${LIMITS.memoryKey} characters`, {
      field: 'key',
      max_length: LIMITS.memoryKey,
    });
  }
  if (Array.from(key).some((character) => character <= ' ')) {
    throw new OpstreamError(
      'invalid_key',
      'Memory key contains invalid characters. Keys cannot contain spaces, newlines, or tabs',
      { invalid_key: key, allowed_characters: 'alphanumeric, underscore, dash' },
    );
  }
  return key;
}

/** @throws OpstreamError `value_too_large`, `invalid_input` */
export function memoryValue(value: unknown): string {
  try {
    return encodeJson(value, 'value', LIMITS.memoryValue);
  } catch (thrown) {
    if (!(thrown instanceof OpstreamError)) throw thrown;
    const tooLarge = thrown.code === 'payload_too_large';
    throw new OpstreamError(tooLarge ? 'value_too_large' : 'invalid_input', thrown.message, {
      field: 'value',
      ...(tooLarge && { max_length: LIMITS.memoryValue }),
    });
  }
}

/**
 * Seconds a memory entry lives, from a number or a text of digits; null, the text `null` and 0 mean no expiry.
 * @throws OpstreamError `invalid_ttl_value`, `invalid_ttl_format`
 */
export function parseTtl(value: unknown): number | null {
  if (value === null || value === undefined || value === 'null') return null;
  const seconds = typeof value === 'string' && /^\s*[+-]?\d+\s*$/.test(value) ? Number(value) : value;
  if (typeof seconds !== 'number' || !Number.isInteger(seconds)) {
    throw new OpstreamError(
      'invalid_ttl_format',
      `Invalid expires_in format: ${(JSON.stringify(value) ?? '').slice(0, 100)}`,
    );
  }
  if (seconds < 0) throw new OpstreamError('invalid_ttl_value', 'expires_in cannot be negative');
  if (seconds > LIMITS.memoryTtl) {
    throw new OpstreamError(
      'invalid_ttl_value',
      `expires_in cannot exceed 1 year (${LIMITS.memoryTtl} seconds)`,
    );
  }
  return seconds === 0 ? null : seconds;
}

/** An id that a caller chose. @throws OpstreamError `invalid_input` */
export function parseSessionId(value: string): string {
  if (value !== '' && !tooLong(value, LIMITS.sessionId) && value.isWellFormed()) return value;
  throw new OpstreamError('invalid_input', `A session id has 1 to ${LIMITS.sessionId} characters`, {
    field: 'session_id',
  });
}

/** @throws OpstreamError `invalid_input` */
export function parseMessageKey(value: string): string {
  if (value !== '' && !tooLong(value, LIMITS.messageKey) && value.isWellFormed()) return value;
  throw new OpstreamError('invalid_input', `A message_key has 1 to ${LIMITS.messageKey} characters`, {
    field: 'message_key',
  });
}

function notEmpty(text: string, field: string, what: string): string {
  if (text !== '') return text;
  throw new OpstreamError('invalid_input', `${what} cannot be empty after sanitization`, {
    field,
    requirement: 'non_empty_string',
  });
}

/** Characters are code points, as people count them. */
function tooLong(text: string, limit: number): boolean {
  return text.length > limit && (text.length > 2 * limit || Array.from(text).length > limit);
}

function readMetadata(text: string): unknown {
  let parsed: unknown;
  try {
    parsed = parseJson(text);
  } catch (thrown) {
    throw invalidMetadata(thrown instanceof Error ? thrown.message : 'it is not JSON');
  }
  // The text `null` is no way to say that there is none.
  if (parsed === null) throw invalidMetadata('it must be a JSON object, and is null');
  return parsed;
}

function invalidMetadata(reason: string): OpstreamError {
  return new OpstreamError('invalid_metadata_format', `Invalid metadata format: ${reason}`, {
    field: 'metadata',
    expected_type: 'dict or null',
  });
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}
