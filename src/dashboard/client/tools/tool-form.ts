/** A form for the arguments of a tool, from its JSON Schema; what no field fits becomes a box for JSON. */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };
export type Schema = Readonly<Record<string, unknown>>;

export interface FormField {
  readonly name: string;
  readonly label: string;
  readonly description: string;
  readonly required: boolean;
  readonly kind: 'text' | 'long' | 'number' | 'integer' | 'boolean' | 'choice' | 'json';
  /** Of a choice. */
  readonly options: readonly Json[];
  /** What the field shows at first, as text. */
  readonly initial: string;
}

/** @returns undefined for a schema that is not an object's; then only JSON can be written */
export function fieldsOf(schema: Schema): readonly FormField[] | undefined {
  const { properties, type, required } = schema;
  if (type !== undefined && type !== 'object') return undefined;
  if (properties === undefined) return [];
  if (!isRecord(properties)) return undefined;
  const needed = Array.isArray(required) ? required : [];
  return Object.entries(properties).map(([name, property]) =>
    fieldOf(name, isRecord(property) ? property : {}, needed.includes(name)),
  );
}

function fieldOf(name: string, schema: Schema, required: boolean): FormField {
  const { title, description, default: fallback } = schema;
  const kind = kindOf(schema);
  const options = Array.isArray(schema.enum) ? (schema.enum as Json[]) : [];
  const given =
    fallback === undefined && kind === 'choice' && required ? options[0] : (fallback as Json | undefined);
  return {
    name,
    label: typeof title === 'string' ? title : name,
    description: typeof description === 'string' ? description : '',
    required,
    kind,
    options,
    initial:
      given === undefined ? '' : kind === 'json' || typeof given !== 'string' ? JSON.stringify(given) : given,
  };
}

function kindOf({ type, enum: options, maxLength, format }: Schema): FormField['kind'] {
  if (Array.isArray(options) && options.length > 0 && options.length <= 100) return 'choice';
  if (type === 'boolean' || type === 'number' || type === 'integer') return type;
  if (type !== 'string') return 'json';
  return typeof maxLength === 'number' && maxLength > 1000 && format === undefined ? 'long' : 'text';
}

export type Arguments =
  | { readonly values: Readonly<Record<string, Json>> }
  | { readonly problems: Readonly<Record<string, string>> };

/** The arguments that the texts of a form mean; an empty optional field is left out. */
export function argumentsOf(
  fields: readonly FormField[],
  texts: Readonly<Record<string, string>>,
): Arguments {
  const values: [string, Json][] = [];
  const problems: Record<string, string> = {};
  for (const field of fields) {
    const text = texts[field.name] ?? '';
    if (text === '' && field.kind !== 'boolean') {
      if (!field.required) continue;
      if (field.kind !== 'text' && field.kind !== 'long') {
        problems[field.name] = 'is required';
        continue;
      }
    }
    if (text === '' && field.kind === 'boolean' && !field.required) continue;
    const value = valueOf(field, text);
    if ('problem' in value) problems[field.name] = value.problem;
    else values.push([field.name, value.value]);
  }
  return Object.keys(problems).length > 0 ? { problems } : { values: Object.fromEntries(values) };
}

function valueOf({ kind, options }: FormField, text: string): { value: Json } | { problem: string } {
  switch (kind) {
    case 'text':
    case 'long':
      return { value: text };
    case 'boolean':
      return { value: text === 'true' };
    case 'number':
    case 'integer': {
      const value = Number(text);
      if (text.trim() === '' || !Number.isFinite(value)) return { problem: 'must be a number' };
      if (kind === 'integer' && !Number.isInteger(value)) return { problem: 'must be a whole number' };
      return { value };
    }
    case 'choice':
      return { value: options.find((option) => optionText(option) === text) ?? text };
    case 'json':
      return parsed(text);
    default:
      return kind satisfies never;
  }
}

/** How a choice is named in the form. */
export function optionText(option: Json): string {
  return typeof option === 'string' ? option : JSON.stringify(option);
}

/** Arguments written as JSON. */
export function parsedArguments(text: string): Arguments {
  const value = parsed(text.trim() === '' ? '{}' : text);
  if ('problem' in value) return { problems: { '': value.problem } };
  if (!isRecord(value.value)) return { problems: { '': 'must be a JSON object, like {"name": "value"}' } };
  return { values: value.value };
}

function parsed(text: string): { value: Json } | { problem: string } {
  try {
    return { value: JSON.parse(text) as Json };
  } catch (thrown) {
    return { problem: `is not JSON: ${(thrown as Error).message}` };
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
