import { parseJson } from '../../platform/json.js';

/** The part of JSON Schema that the session tools describe their arguments with. */
export interface ArgumentSchema {
  readonly type?: string | readonly string[];
  readonly anyOf?: readonly { readonly type: string }[];
  readonly description?: string;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly enum?: readonly string[];
  readonly items?: ArgumentSchema;
  readonly additionalProperties?: boolean;
  readonly examples?: readonly unknown[];
}

export interface ArgumentsSchema {
  readonly type: 'object';
  readonly properties: Readonly<Record<string, ArgumentSchema>>;
  readonly required?: readonly string[];
  readonly [keyword: string]: unknown;
}

type Converted = { readonly value: unknown } | { readonly problem: string };

/**
 * Reads arguments as the framework of shared-context-server does, so that its clients are understood: `"2"` is 2 where
 * a whole number is wanted, and JSON of any kind passes where an object is described, for the tool to judge. What is
 * unknown, missing or does not fit is named.
 */
export function convertArguments(
  { properties, required = [] }: ArgumentsSchema,
  given: Readonly<Record<string, unknown>>,
): { readonly value: Readonly<Record<string, unknown>> } | { readonly problem: string } {
  const value: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(properties, name)) problems.push(`${name.slice(0, 100)}: unexpected argument`);
  }
  for (const [name, schema] of Object.entries(properties)) {
    if (!Object.hasOwn(given, name)) {
      if (required.includes(name)) problems.push(`${name}: missing required argument`);
      else value[name] = schema.default;
      continue;
    }
    const converted = convert(schema, given[name]);
    if ('problem' in converted) problems.push(`${name}: ${converted.problem}`);
    else value[name] = converted.value;
  }
  return problems.length > 0 ? { problem: problems.slice(0, 5).join('; ') } : { value };
}

function convert(schema: ArgumentSchema, given: unknown): Converted {
  const types = schema.anyOf?.map(({ type }) => type) ?? [schema.type ?? 'any'].flat();
  if (given === null && types.includes('null')) return { value: null };
  // A text that is one of the choices stays a text; only the first fault is told.
  const order = typeof given === 'string' && types.includes('string') ? ['string'] : types;
  let fault: Converted = { problem: 'does not fit' };
  for (const type of order.filter((each) => each !== 'null')) {
    const converted = checked(schema, convertTo(type, given));
    if ('value' in converted) return converted;
    fault = converted;
  }
  return fault;
}

function convertTo(type: string, given: unknown): Converted {
  switch (type) {
    case 'string':
      return typeof given === 'string' ? { value: given } : { problem: 'should be a text' };
    case 'integer':
      return wholeNumber(given);
    case 'number':
      return finiteNumber(given);
    case 'boolean':
      return truth(given);
    case 'array':
      return texts(given);
    default:
      return { value: given };
  }
}

function checked(schema: ArgumentSchema, converted: Converted): Converted {
  if ('problem' in converted) return converted;
  const { value } = converted;
  if (typeof value === 'number') {
    if (schema.minimum !== undefined && value < schema.minimum)
      return { problem: `should be at least ${schema.minimum}` };
    if (schema.maximum !== undefined && value > schema.maximum)
      return { problem: `should be at most ${schema.maximum}` };
  }
  return typeof value === 'string' ? checkedText(schema, value) : converted;
}

function checkedText(
  { minLength = 0, maxLength, pattern, enum: choices }: ArgumentSchema,
  value: string,
): Converted {
  if (value.length < minLength) return { problem: `should have at least ${minLength} characters` };
  if (maxLength !== undefined && value.length > maxLength && Array.from(value).length > maxLength)
    return { problem: `should have at most ${maxLength} characters` };
  if (pattern !== undefined && !new RegExp(pattern, 'u').test(value))
    return { problem: `should match ${pattern}` };
  if (choices && !choices.includes(value)) return { problem: `should be one of ${choices.join(', ')}` };
  return { value };
}

function wholeNumber(given: unknown): Converted {
  const { value } = numberOf(given);
  if (value === undefined) return { problem: 'should be a whole number' };
  return Number.isSafeInteger(value) ? { value } : { problem: 'should be a whole number without a fraction' };
}

function finiteNumber(given: unknown): Converted {
  const { value } = numberOf(given);
  return value === undefined ? { problem: 'should be a number' } : { value };
}

function numberOf(given: unknown): { value: number | undefined } {
  if (typeof given === 'number') return { value: given };
  if (typeof given === 'boolean') return { value: Number(given) };
  const isNumeric = typeof given === 'string' && /^\s*[+-]?\d+(\.\d+)?\s*$/.test(given);
  return { value: isNumeric ? Number(given) : undefined };
}

const TRUTHS = new Map<unknown, boolean>([
  ...['true', '1', 'yes', 'y', 'on', 't'].map((word) => [word, true] as const),
  ...['false', '0', 'no', 'n', 'off', 'f'].map((word) => [word, false] as const),
]);

function truth(given: unknown): Converted {
  if (typeof given === 'boolean') return { value: given };
  const word = typeof given === 'number' ? String(given) : given;
  const value = typeof word === 'string' ? TRUTHS.get(word.toLowerCase()) : undefined;
  return value === undefined ? { problem: 'should be true or false' } : { value };
}

function texts(given: unknown): Converted {
  let list = given;
  if (typeof given === 'string' && given.trimStart().startsWith('[')) {
    try {
      list = parseJson(given);
    } catch {
      return { problem: 'should be a list of texts' };
    }
  }
  const isList = Array.isArray(list) && list.every((item) => typeof item === 'string');
  return isList ? { value: list } : { problem: 'should be a list of texts' };
}
