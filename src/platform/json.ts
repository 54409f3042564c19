import { OpstreamError } from './errors/opstream-error.js';

/**
 * The single reader and writer of external JSON. Every transport uses it, so a value is accepted, kept or refused
 * alike wherever it arrives. Values round-trip: integers beyond 2^53 keep their digits, and every name is data,
 * `__proto__` included.
 */

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export type JsonObject = { readonly [key: string]: JsonValue | undefined };

/** Deeper nesting is refused: it costs recursion in every reader and no real payload needs it. */
export const MAX_JSON_DEPTH = 64;
/** The deepest recordable value is wrapped in its event, the command, a batch's list and the batch. */
export const MAX_MESSAGE_DEPTH = MAX_JSON_DEPTH + 8;

/** JSON source text access (ECMAScript 2026), which TypeScript's library does not describe yet. */
interface ExactJson {
  rawJSON(text: string): object;
  isRawJSON(value: unknown): boolean;
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
}
const exactJson = JSON as unknown as ExactJson;

/** True for a JSON object. An integer that kept its digits is an object to JavaScript, but not here. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !exactJson.isRawJSON(value);
}

/**
 * Parses JSON text, with or without a byte order mark. An integer that no double can hold becomes an object that
 * `JSON.stringify` writes with the same digits.
 * @throws OpstreamError `invalid_json` for text that is not JSON, `invalid_request` for a number out of range
 */
export function parseJson(text: string): JsonValue {
  const json = text.charCodeAt(0) === 0xfe_ff ? text.slice(1) : text;
  try {
    // The reviver costs ten times the parser; only texts with such a number pay for it.
    const suspect = /\d{16}|\d[eE]\+?\d{3}/.test(json);
    const value = suspect && hasLongNumber(json) ? exactJson.parse(json, keepDigits) : JSON.parse(json);
    return value as JsonValue;
  } catch (thrown) {
    if (thrown instanceof OpstreamError) throw thrown;
    const reason = thrown instanceof Error ? thrown.message.slice(0, 200) : 'Invalid JSON';
    throw new OpstreamError('invalid_json', reason, {}, { cause: thrown });
  }
}

function keepDigits(_key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || source === undefined || Number.isSafeInteger(value)) return value;
  if (!Number.isFinite(value)) {
    throw new OpstreamError(
      'invalid_request',
      `${source.slice(0, 40)} is beyond the range of numbers; send it as a string`,
    );
  }
  return /^-?\d+$/.test(source) && String(value) !== source ? exactJson.rawJSON(source) : value;
}

/** Looks outside strings for a number of 16 digits or more, or with an exponent of three digits. */
function hasLongNumber(json: string): boolean {
  for (let at = 0; at < json.length; at += 1) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) at = endOfString(json, at);
    else if (isDigit(code)) {
      const start = at;
      while (isNumberPart(json.charCodeAt(at))) at += 1;
      const number = json.slice(start, at);
      if (/\d{16}|[eE]\+?\d{3}/.test(number)) return true;
      at -= 1;
    }
  }
  return false;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** @returns the index of the closing quote, or the text's length when there is none */
function endOfString(json: string, open: number): number {
  for (let close = json.indexOf('"', open + 1); close >= 0; close = json.indexOf('"', close + 1)) {
    let backslashes = 0;
    while (json.charCodeAt(close - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return close;
  }
  return json.length;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isNumberPart(code: number): boolean {
  // Digits, and any of `. + - e E`.
  return isDigit(code) || code === 0x2e || code === 0x2b || code === 0x2d || (code | 0x20) === 0x65;
}

/**
 * Walks a value within bounds, before anything more expensive does.
 * @returns which limit is exceeded: nesting, or the number of members and items
 */
export function measure(
  value: unknown,
  bounds: { readonly depth: number; readonly nodes: number },
): 'depth' | 'nodes' | undefined {
  let nodes = 0;
  const walk = (node: unknown, levels: number): 'depth' | 'nodes' | undefined => {
    if (typeof node !== 'object' || node === null) return undefined;
    if (levels === 0) return exactJson.isRawJSON(node) ? undefined : 'depth';
    for (const key in node) {
      nodes += 1;
      if (nodes > bounds.nodes) return 'nodes';
      const over = walk((node as Record<string, unknown>)[key], levels - 1);
      if (over) return over;
    }
    return undefined;
  };
  return walk(value, bounds.depth);
}

/** True when objects and arrays are nested more than so many levels. */
export function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return !exactJson.isRawJSON(value);
  // for…in over own enumerable keys: Object.values would allocate an array per level of every event.
  for (const key in value) {
    if (isDeeperThan((value as Record<string, unknown>)[key], levels - 1)) return true;
  }
  return false;
}

/** Longer texts are walked as values: they may be one long string. */
const SCANNED_LENGTH = 2048;

/** Like `isDeeperThan`, for a value whose text is at hand: counting brackets costs a tenth of walking. */
export function nestsDeeper(text: string, value: unknown, levels: number): boolean {
  if (text.length <= levels) return false;
  if (text.length <= SCANNED_LENGTH && !hasMoreBrackets(text, levels)) return false;
  return isDeeperThan(value, levels);
}

const BRACKET = 0x5b;
const BRACE = 0x7b;

function hasMoreBrackets(text: string, levels: number): boolean {
  let left = levels;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if ((code === BRACE || code === BRACKET) && --left < 0) return true;
  }
  return false;
}

/**
 * Serializes a caller's value once, for the log and for every wire format. Lone surrogates, which strict readers
 * refuse, become U+FFFD.
 * @param maxLength maximum length of the text in UTF-16 characters
 * @throws OpstreamError `invalid_request` when it is nested too deeply or not JSON, `payload_too_large` when too long
 */
export function encodeJson(value: unknown, what: string, maxLength: number): string {
  const text = stringify(value);
  if (text === undefined ? isDeeperThan(value, MAX_JSON_DEPTH) : nestsDeeper(text, value, MAX_JSON_DEPTH)) {
    throw new OpstreamError('invalid_request', `${what} is nested more than ${MAX_JSON_DEPTH} levels deep`);
  }
  if (text === undefined) throw new OpstreamError('invalid_request', `${what} is not JSON`);
  if (text.length > maxLength) {
    throw new OpstreamError(
      'payload_too_large',
      `${what} has ${text.length} characters; ${maxLength} are allowed`,
    );
  }
  return wellFormed(text);
}

/** Undefined for what JSON cannot express: callers in this process may pass functions, BigInts and the like. */
function stringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

/**
 * Replaces lone surrogates, which strict readers refuse, with U+FFFD. `JSON.stringify` escapes those and nothing else
 * beyond ASCII.
 */
export function wellFormed(json: string): string {
  if (!json.includes('\\ud')) return json;
  return json.replace(/\\(?:u(d[89a-f][\da-f]{2})|.)/g, (escape, half: string | undefined) =>
    half === undefined ? escape : '\uFFFD',
  );
}
