import { OpstreamClientError } from './errors.js';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export type JsonObject = { readonly [key: string]: JsonValue | undefined };

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** JSON source text access (ECMAScript 2026), where the engine has it. */
const { rawJSON } = JSON as { rawJSON?: (text: string) => unknown };

/**
 * Writes a value as the service reads it: a BigInt keeps its digits.
 * @throws OpstreamClientError `invalid_json` for what JSON cannot express, such as a value that contains itself, and
 *   for a BigInt where the engine cannot write one
 */
export function toJson(value: unknown): string {
  try {
    return JSON.stringify(value, rawJSON && ((_name, member: unknown) => exact(member)));
  } catch (cause) {
    const [why = ''] = cause instanceof Error ? cause.message.split('\n', 1) : [String(cause)];
    throw new OpstreamClientError('invalid_json', `This cannot be sent as JSON: ${why}`, undefined, {
      cause,
    });
  }
}

function exact(member: unknown): unknown {
  return typeof member === 'bigint' ? rawJSON!(String(member)) : member;
}

/** @returns undefined for text that is not JSON */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
