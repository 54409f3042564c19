import { isObject, type Params } from '../protocol/json-rpc.js';
import type { JsonSchema } from '../tools/json-schema.js';
import { SchemaInliner } from './json-schema.js';
import type { OpenApiDocument, OpenApiOperation } from './openapi-document.js';

export interface DescriptionOptions {
  /** Describe the answers of failures too, not only those of success. */
  readonly describeAllResponses: boolean;
  /** Add the schema of each described answer beside its example. */
  readonly describeFullResponseSchema: boolean;
}

/** Characters of one example or schema; a longer one would cost every reader more than it explains. */
const MAX_EXCERPT = 2000;
const MAX_EXAMPLE_DEPTH = 6;

/** What a model reads about a tool that is an endpoint: summary, description and what it answers. */
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
    const media = jsonMedia(response);
    if (media?.schema !== undefined) {
      const inliner = new SchemaInliner(document, 'response');
      const schema = inliner.inline(media.schema);
      lines.push(`Example: ${excerpt(media.example ?? exampleOf(schema))}`);
      if (describeFullResponseSchema) {
        lines.push(`Schema: ${excerpt({ ...schema, ...(inliner.defs && { $defs: inliner.defs }) })}`);
      }
    }
  } catch {
    // An answer that cannot be described does not make the endpoint less callable.
  }
  return lines.join('\n');
}

function jsonMedia({ content }: Params): Params | undefined {
  if (!isObject(content)) return undefined;
  const found = Object.entries(content).find(([type]) => /json/.test(type))?.[1];
  return isObject(found) ? found : undefined;
}

function excerpt(value: unknown): string {
  const text = JSON.stringify(value) ?? 'null';
  return text.length <= MAX_EXCERPT ? text : `${text.slice(0, MAX_EXCERPT)}…`;
}

/** A value of the form that a schema describes. */
function exampleOf(schema: JsonSchema, depth = 0): unknown {
  const { examples, default: preset, enum: values, const: constant, type } = schema;
  for (const given of [constant, Array.isArray(examples) ? examples[0] : undefined, preset]) {
    if (given !== undefined) return given;
  }
  if (Array.isArray(values)) return values[0] as unknown;
  if (depth >= MAX_EXAMPLE_DEPTH) return null;
  for (const key of ['allOf', 'oneOf', 'anyOf'] as const) {
    const parts = schema[key];
    if (!Array.isArray(parts) || parts.length === 0) continue;
    const made = parts.map((part) => exampleOf(part as JsonSchema, depth + 1));
    return key === 'allOf' && made.every(isObject) ? Object.assign({}, ...made) : made[0];
  }
  const kind: unknown = Array.isArray(type) ? type[0] : type;
  if (kind === 'object' || isObject(schema.properties)) {
    const entries = Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>);
    return Object.fromEntries(entries.map(([name, property]) => [name, exampleOf(property, depth + 1)]));
  }
  if (kind === 'array') return isObject(schema.items) ? [exampleOf(schema.items, depth + 1)] : [];
  return EXAMPLES[String(kind)] ?? null;
}

const EXAMPLES: Readonly<Record<string, unknown>> = {
  string: 'string',
  integer: 1,
  number: 1.5,
  boolean: true,
};
