import { isNumberText, numberOf, numberText } from '../../platform/verbatim-json.js';
import { isObject, type Params } from '../protocol/json-rpc.js';
import type { JsonSchema, Validated } from '../tools/json-schema.js';

/**
 * Validates the shape of a tool's arguments and leaves the rest to the API. Documents are not trusted: a `pattern` or
 * a maze of alternatives could otherwise block the event loop.
 */

/** Maximum schema steps per set of arguments; beyond that the API decides. */
const MAX_STEPS = 20_000;
/** Maximum problems reported. */
const MAX_PROBLEMS = 5;
/** Digits of an integer given as text. */
const MAX_DIGITS = 400;

interface Walk {
  readonly definitions: Params;
  steps: number;
}

/** Returns the arguments to send, or what is wrong with them. */
export function checkArguments(schema: JsonSchema, value: unknown): Validated {
  if (!isObject(value)) return { problem: 'arguments must be an object' };
  const walk: Walk = { definitions: isObject(schema.$defs) ? schema.$defs : {}, steps: 0 };
  const problems: string[] = [];
  const checked = shaped(walk, schema, value, '', problems);
  if (problems.length > 0) return { problem: problems.slice(0, MAX_PROBLEMS).join('; ') };
  return { value: checked as Params };
}

/** @returns the value with integer texts as numbers, and without nulls that mean "absent" */
function shaped(walk: Walk, schema: unknown, value: unknown, at: string, problems: string[]): unknown {
  walk.steps += 1;
  if (!isObject(schema) || walk.steps > MAX_STEPS || problems.length > MAX_PROBLEMS) return value;
  const target = referenced(walk, schema);
  if (target !== schema) return shaped(walk, target, value, at, problems);
  let result = typed(schema, value, at, problems);
  if (Array.isArray(schema.allOf)) {
    for (const part of schema.allOf) result = shaped(walk, part, result, at, problems);
  }
  for (const alternatives of [schema.anyOf, schema.oneOf]) {
    if (Array.isArray(alternatives)) result = oneOf(walk, alternatives, result, at, problems);
  }
  if (isObject(result)) return members(walk, schema, result, at, problems);
  if (!Array.isArray(result)) return result;
  const { items, prefixItems } = schema;
  return result.map((item: unknown, index) => {
    const own: unknown = Array.isArray(prefixItems) ? (prefixItems[index] ?? items) : items;
    return own === undefined ? item : shaped(walk, own, item, `${at}[${index}]`, problems);
  });
}

function referenced({ definitions }: Walk, schema: Params): unknown {
  if (typeof schema.$ref !== 'string' || !schema.$ref.startsWith('#/$defs/')) return schema;
  return definitions[schema.$ref.slice('#/$defs/'.length)] ?? {};
}

function members(walk: Walk, schema: Params, value: Params, at: string, problems: string[]): Params {
  const properties = isObject(schema.properties) ? schema.properties : {};
  const required = new Set<unknown>(Array.isArray(schema.required) ? schema.required : []);
  for (const name of required) {
    if (typeof name !== 'string' || (Object.hasOwn(value, name) && value[name] !== undefined)) continue;
    problems.push(`${join(at, name)}: is required`);
  }
  const result: [string, unknown][] = [];
  for (const [name, member] of Object.entries(value)) {
    const own = Object.hasOwn(properties, name) ? properties[name] : schema.additionalProperties;
    // Models write null for what they omit.
    if (member === null && !required.has(name) && !admitsNull(walk, own)) continue;
    if (own === false) problems.push(`${join(at, name)}: is not known`);
    else result.push([name, shaped(walk, own, member, join(at, name), problems)]);
  }
  return Object.fromEntries(result);
}

function admitsNull(walk: Walk, schema: unknown, depth = 0): boolean {
  if (!isObject(schema) || depth > 8) return schema !== false;
  const target = referenced(walk, schema);
  if (target !== schema) return admitsNull(walk, target, depth + 1);
  const { type, enum: values, anyOf, oneOf, allOf } = schema;
  if ('const' in schema) return schema.const === null;
  if (Array.isArray(values)) return values.includes(null);
  if (type !== undefined) return Array.isArray(type) ? type.includes('null') : type === 'null';
  const each = (part: unknown): boolean => admitsNull(walk, part, depth + 1);
  if (Array.isArray(allOf) && !allOf.every(each)) return false;
  return [anyOf, oneOf].every((parts) => !Array.isArray(parts) || parts.length === 0 || parts.some(each));
}

/**
 * The first matching alternative determines how the value is sent; if none matches, the first one's problems are
 * reported.
 */
function oneOf(
  walk: Walk,
  alternatives: readonly unknown[],
  value: unknown,
  at: string,
  problems: string[],
): unknown {
  let first: readonly string[] | undefined;
  for (const alternative of alternatives) {
    const own: string[] = [];
    const result = shaped(walk, alternative, value, at, own);
    if (own.length === 0) return result;
    first ??= own;
  }
  problems.push(...(first ?? []));
  return value;
}

function typed(schema: Params, value: unknown, at: string, problems: string[]): unknown {
  const { type, enum: values } = schema;
  const types: readonly unknown[] = type === undefined ? [] : Array.isArray(type) ? type : [type];
  const numeric = types.includes('integer') || types.includes('number');
  const result = numeric && !types.includes('string') ? withNumber(types, value) : value;
  if (types.length > 0 && !types.some((one) => isOfType(one, result))) {
    problems.push(`${at}: must be ${types.map(String).join(' or ').slice(0, 100)}`);
    return result;
  }
  if (Array.isArray(values) && isPlain(result) && values.every(isPlain) && !values.includes(result)) {
    problems.push(`${at}: must be one of ${JSON.stringify(values).slice(0, 300)}`);
  }
  bounded(schema, result, at, problems);
  return result;
}

/** An integer beyond 2^53 can be given exactly only as text; it is sent as a number. */
function withNumber(types: readonly unknown[], value: unknown): unknown {
  if (typeof value !== 'string' || value.length > MAX_DIGITS || !isNumberText(value)) return value;
  if (!types.includes('number') && !/^-?\d+$/.test(value)) return value;
  return String(Number(value)) === value ? Number(value) : numberOf(value);
}

function isOfType(type: unknown, value: unknown): boolean {
  const digits = numberText(value);
  switch (type) {
    case 'integer':
      return digits === undefined ? Number.isInteger(value) : /^-?\d+$/.test(digits);
    case 'number':
      return typeof value === 'number' || digits !== undefined;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isObject(value);
    case 'null':
      return value === null;
    case 'string':
    case 'boolean':
      return typeof value === type;
    default:
      return true;
  }
}

function isPlain(value: unknown): boolean {
  return (
    value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number'
  );
}

const BOUNDS = [
  ['minimum', 'at least', (value: number, bound: number) => value >= bound],
  ['maximum', 'at most', (value: number, bound: number) => value <= bound],
  ['exclusiveMinimum', 'more than', (value: number, bound: number) => value > bound],
  ['exclusiveMaximum', 'less than', (value: number, bound: number) => value < bound],
] as const;

function bounded(schema: Params, value: unknown, at: string, problems: string[]): void {
  const number = typeof value === 'number' ? value : Number(numberText(value) ?? NaN);
  if (Number.isNaN(number)) return;
  for (const [keyword, words, fits] of BOUNDS) {
    const bound = schema[keyword];
    if (typeof bound === 'number' && !fits(number, bound)) problems.push(`${at}: must be ${words} ${bound}`);
  }
}

function join(at: string, name: string): string {
  const shown = name.slice(0, 100);
  return at === '' ? shown : `${at}.${shown}`;
}
