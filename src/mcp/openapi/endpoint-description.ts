import { isObject, type Params } from '../protocol/json-rpc.js';
import type { JsonSchema } from '../tools/json-schema.js';
import { SchemaInliner } from './json-schema.js';
import type { OpenApiDocument, OpenApiOperation } from './openapi-document.js';

export interface DescriptionOptions {
  /** Describe failure responses, too, not only success. */
  readonly describeAllResponses: boolean;
  /** Add the schema of each described response to its example. */
  readonly describeFullResponseSchema: boolean;
}

/** Characters of one example or schema; longer ones cost every reader more than they explain. */
const MAX_EXCERPT = 2000;
const MAX_EXAMPLE_DEPTH = 6;

/** The description of an endpoint tool for a model: summary, description and responses. */
export function describeEndpoint(
  document: OpenApiDocument,
  operation: OpenApiOperation,
  options: DescriptionOptions,
): string {
  const heading = operation.summary ?? `${operation.method} ${operation.path}`;
  const responses = Object.entries(operation.responses).filter(
    ([status]) => options.describeAllResponses || status.startsWith('2'),
  );
  const described = responses.map(([status, value]) => describeResponse(document, status, value, options));
  return [heading, operation.description, ...(described.length > 0 ? ['### Responses:', ...described] : [])]
    .filter((part) => part !== undefined)
    .join('\n\n');
}

function describeResponse(
  document: OpenApiDocument,
  status: string,
  value: unknown,
  { describeFullResponseSchema }: DescriptionOptions,
): string {
  const lines = [`**${status}**`];
  try {
    const response = document.resolve(value);
    if (typeof response.description === 'string' && response.description !== '') {
      lines[0] += `: ${response.description}`;
    }
    lines.push(...describeMedia(document, jsonMedia(response), describeFullResponseSchema));
  } catch {
    // An endpoint remains callable even if a response cannot be described.
  }
  return lines.join('\n');
}

/** Only what the document states: an invented example would be read as a statement. */
function describeMedia(document: OpenApiDocument, media: Params | undefined, withSchema: boolean): string[] {
  if (!media) return [];
  const inliner = new SchemaInliner(document, 'response');
  const schema = media.schema === undefined ? {} : inliner.inline(media.schema);
  const example = givenExample(document, media) ?? exampleOf(schema);
  const lines = example === undefined ? [] : [`Example: ${excerpt(example)}`];
  if (withSchema && Object.keys(schema).length > 0) {
    lines.push(`Schema: ${excerpt({ ...schema, ...(inliner.defs && { $defs: inliner.defs }) })}`);
  }
  return lines;
}

function givenExample(document: OpenApiDocument, { example, examples }: Params): unknown {
  if (example !== undefined) return example;
  const first: unknown = isObject(examples) ? Object.values(examples)[0] : undefined;
  return first === undefined ? undefined : document.resolve(first).value;
}

function jsonMedia({ content }: Params): Params | undefined {
  if (!isObject(content)) return undefined;
  const found = Object.entries(content).find(([type]) => /json/.test(type))?.[1];
  return isObject(found) ? found : undefined;
}

function excerpt(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= MAX_EXCERPT ? text : `${text.slice(0, MAX_EXCERPT)}…`;
}

/** An example value for a schema; undefined if the schema is not specific enough. */
function exampleOf(schema: JsonSchema, depth = 0): unknown {
  const { examples, default: preset, enum: values, const: constant, type } = schema;
  for (const given of [constant, Array.isArray(examples) ? examples[0] : undefined, preset]) {
    if (given !== undefined) return given;
  }
  if (Array.isArray(values)) return values[0] as unknown;
  if (depth >= MAX_EXAMPLE_DEPTH) return undefined;
  const composed = composedExample(schema, depth);
  if (composed !== undefined) return composed;
  const kind: unknown = Array.isArray(type) ? type[0] : type;
  if (kind === 'object' || isObject(schema.properties)) {
    const members = Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>)
      .map(([name, property]) => [name, exampleOf(property, depth + 1)] as const)
      .filter(([, example]) => example !== undefined);
    return members.length === 0 ? undefined : Object.fromEntries(members);
  }
  if (kind === 'array') {
    const item = isObject(schema.items) ? exampleOf(schema.items, depth + 1) : undefined;
    return item === undefined ? undefined : [item];
  }
  return kind === 'null' ? null : EXAMPLES[String(kind)];
}

function composedExample(schema: JsonSchema, depth: number): unknown {
  for (const key of ['allOf', 'oneOf', 'anyOf'] as const) {
    const parts = schema[key];
    if (!Array.isArray(parts)) continue;
    const made = parts
      .map((part) => exampleOf(part as JsonSchema, depth + 1))
      .filter((example) => example !== undefined);
    if (made.length === 0) continue;
    if (key === 'allOf' && made.every(isObject)) return Object.assign({}, ...made) as Params;
    return made.find((example) => example !== null) ?? null;
  }
  return undefined;
}

const EXAMPLES: Readonly<Record<string, unknown>> = {
  string: 'string',
  integer: 1,
  number: 1.5,
  boolean: true,
};
