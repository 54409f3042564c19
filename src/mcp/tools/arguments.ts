import { isObject, type Params } from '../protocol/json-rpc.js';
import type { JsonSchema } from './json-schema.js';

/** Handles what callers omit or misspell, based on a tool's schema. Pure. */

/** Deeper objects are left unchanged. */
const MAX_DEPTH = 16;
/** Schemas that one value is held against. */
const MAX_PARTS = 50;
/** Names mentioned in one note. */
const MAX_NAMED = 10;

/**
 * Drops nulls that mean "absent": they are removed wherever the schema has an optional member that may not be null.
 * @returns the same object when there is nothing to drop
 */
export function withoutOptionalNulls(args: Params, schema: JsonSchema): Params {
  return hasNull(args, MAX_DEPTH) ? (prune(args, schema, schema, MAX_DEPTH) as Params) : args;
}

/** The arguments that a tool does not have. A schema without members, or one that allows others, accepts all. */
export function unknownArguments(args: Params, schema: JsonSchema): readonly string[] {
  const { properties, additionalProperties, patternProperties } = schema;
  const isOpen = additionalProperties !== undefined && additionalProperties !== false;
  if (!isObject(properties) || isOpen || patternProperties !== undefined) return NONE;
  const combines = ['allOf', 'anyOf', 'oneOf', '$ref', 'if'].some((keyword) => schema[keyword] !== undefined);
  if (combines) return NONE;
  return Object.keys(args).filter((name) => !Object.hasOwn(properties, name));
}

/** Names unknown arguments, and those that exist. */
export function describeUnknown(unknown: readonly string[], { properties }: JsonSchema): string {
  const known = isObject(properties) ? Object.keys(properties) : [];
  const there = known.length === 0 ? 'the tool has none' : `the tool has ${listed(known)}`;
  return `unknown arguments: ${listed(unknown)} (${there})`;
}

const NONE: readonly string[] = [];

function listed(names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMED).map((name) => name.slice(0, 100));
  return names.length > MAX_NAMED ? `${shown.join(', ')}, …` : shown.join(', ');
}

function hasNull(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null || depth === 0) return value === null;
  for (const key in value) if (hasNull((value as Params)[key], depth - 1)) return true;
  return false;
}

function prune(value: unknown, schema: unknown, root: JsonSchema, depth: number): unknown {
  if (depth === 0) return value;
  const parts = partsOf(schema, root);
  if (Array.isArray(value)) {
    const items = parts.find((part) => part.items !== undefined)?.items;
    return value.map((item: unknown) => prune(item, items, root, depth - 1));
  }
  if (!isObject(value)) return value;
  const required = parts.flatMap((part) =>
    Array.isArray(part.required) ? (part.required as unknown[]) : [],
  );
  const kept: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    const own = memberSchema(name, parts);
    if (member === null && own !== undefined && !required.includes(name) && !allowsNull(own, root, MAX_DEPTH))
      continue;
    const pruned = prune(member, own ?? additional(parts), root, depth - 1);
    // `__proto__` is data here.
    Object.defineProperty(kept, name, {
      value: pruned,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return kept;
}

/**
 * The schemas that a value must fit together: of alternatives only where there is one beside null, as of an optional
 * object.
 */
function partsOf(schema: unknown, root: JsonSchema): readonly Params[] {
  const parts: Params[] = [];
  const open: unknown[] = [schema];
  while (open.length > 0 && parts.length < MAX_PARTS) {
    const found = resolve(open.pop(), root);
    if (!found) continue;
    parts.push(found);
    if (Array.isArray(found.allOf)) open.push(...(found.allOf as unknown[]));
    const choices = [found.anyOf, found.oneOf].flatMap((some) => (Array.isArray(some) ? notNull(some) : []));
    if (choices.length === 1) open.push(choices[0]);
  }
  return parts;
}

function notNull(choices: readonly unknown[]): unknown[] {
  return choices.filter((choice) => !(isObject(choice) && choice.type === 'null'));
}

function memberSchema(name: string, parts: readonly Params[]): unknown {
  for (const { properties } of parts) {
    if (isObject(properties) && Object.hasOwn(properties, name)) return properties[name];
  }
  return undefined;
}

function additional(parts: readonly Params[]): unknown {
  return parts.find((part) => isObject(part.additionalProperties))?.additionalProperties;
}

/** A schema that cannot be judged allows null: then its validator decides. */
function allowsNull(schema: unknown, root: JsonSchema, depth: number): boolean {
  const found = resolve(schema, root);
  if (!found || depth === 0) return true;
  const { type, nullable } = found;
  if (nullable === true) return true;
  if (type !== undefined && type !== 'null' && !(Array.isArray(type) && type.includes('null'))) return false;
  if (Array.isArray(found.enum) && !found.enum.includes(null)) return false;
  if ('const' in found && found.const !== null) return false;
  for (const keyword of ['anyOf', 'oneOf']) {
    const choices = found[keyword];
    if (Array.isArray(choices) && !choices.some((choice) => allowsNull(choice, root, depth - 1)))
      return false;
  }
  const parts = found.allOf;
  return !Array.isArray(parts) || parts.every((part) => allowsNull(part, root, depth - 1));
}

/** Follows references within the schema itself. @returns undefined for anything but an object schema */
function resolve(schema: unknown, root: JsonSchema): Params | undefined {
  let found = schema;
  for (let steps = 0; steps < MAX_DEPTH; steps += 1) {
    if (!isObject(found)) return undefined;
    const ref = found.$ref;
    if (typeof ref !== 'string') return found;
    if (!ref.startsWith('#')) return undefined;
    let target: unknown = root;
    for (const part of ref.split('/').slice(1)) {
      const name = decodedPart(part).replaceAll('~1', '/').replaceAll('~0', '~');
      target = isObject(target) && Object.hasOwn(target, name) ? target[name] : undefined;
    }
    found = target;
  }
  return undefined;
}

function decodedPart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
