import { isObject, type Params } from '../protocol/json-rpc.js';
import type { JsonSchema } from '../tools/json-schema.js';
import { OpenApiProblem, type OpenApiDocument } from './openapi-document.js';

/** Maximum objects after inlining one tool's schemas; more would overwhelm readers of the tool list. */
const MAX_NODES = 5000;
const MAX_DEPTH = 48;

/** OpenAPI keywords without meaning in a tool's schema. */
const DROPPED: ReadonlySet<string> = new Set(['xml', 'externalDocs', 'discriminator', 'nullable', 'example']);
const BY_NAME = ['properties', 'patternProperties', 'dependentSchemas', '$defs'] as const;
const LISTS = ['allOf', 'anyOf', 'oneOf', 'prefixItems'] as const;
const SINGLE = [
  'items',
  'not',
  'additionalProperties',
  'propertyNames',
  'contains',
  'if',
  'then',
  'else',
] as const;

/**
 * Converts the schemas of one tool to self-contained JSON Schema 2020-12: references are inlined, and a recursive
 * schema is kept once under `$defs`.
 */
export class SchemaInliner {
  private readonly recursive = new Map<string, string>();
  private readonly definitions = new Map<string, JsonSchema>();
  private nodes = 0;

  /** @param direction properties of the other direction only are omitted */
  constructor(
    private readonly document: OpenApiDocument,
    private readonly direction: 'request' | 'response',
  ) {}

  /** `$defs` for the root schema that contains the results of `inline`. */
  get defs(): Params | undefined {
    return this.definitions.size === 0 ? undefined : Object.fromEntries(this.definitions);
  }

  /** @throws OpenApiProblem for broken references and schemas of unreasonable size */
  inline(schema: unknown): JsonSchema {
    return this.convert(schema, []);
  }

  private convert(schema: unknown, within: readonly string[]): JsonSchema {
    if (schema === true || schema === undefined) return {};
    if (schema === false) return { not: {} };
    if (!isObject(schema)) throw new OpenApiProblem('a schema must be an object');
    this.nodes += 1;
    if (this.nodes > MAX_NODES || within.length > MAX_DEPTH) {
      throw new OpenApiProblem('its schemas are too large to be inlined');
    }
    if (typeof schema.$ref === 'string') return this.referenced(schema.$ref, schema, within);
    return this.converted(schema, within);
  }

  private referenced(reference: string, schema: Params, within: readonly string[]): JsonSchema {
    if (within.includes(reference)) return { $ref: `#/$defs/${this.nameOf(reference)}` };
    const { $ref: _reference, ...beside } = schema;
    const target = this.convert(this.document.at(reference), [...within, reference]);
    const name = this.recursive.get(reference);
    if (name !== undefined) {
      this.definitions.set(name, target);
      return { $ref: `#/$defs/${name}` };
    }
    // 3.1 allows keywords such as a description beside the reference.
    return { ...target, ...this.converted(beside, within) };
  }

  private nameOf(reference: string): string {
    let name = this.recursive.get(reference);
    if (name === undefined) {
      const last = (reference.split('/').at(-1) ?? '').replaceAll(/[^A-Za-z0-9_]/g, '_');
      name = [...this.recursive.values()].includes(last) ? `${last}_${this.recursive.size}` : last;
      this.recursive.set(reference, name);
    }
    return name;
  }

  private converted(schema: Params, within: readonly string[]): JsonSchema {
    const result: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(schema)) {
      if (!DROPPED.has(key) && !key.startsWith('x-')) result[key] = value;
    }
    // Each level counts, so depth is bounded with and without references.
    const deeper = [...within, ''];
    for (const key of BY_NAME) {
      if (isObject(result[key])) result[key] = this.each(result[key], deeper);
    }
    for (const key of LISTS) {
      const list = result[key];
      if (Array.isArray(list)) result[key] = list.map((entry) => this.convert(entry, deeper));
    }
    for (const key of SINGLE) {
      if (isObject(result[key])) result[key] = this.convert(result[key], deeper);
    }
    if (Array.isArray(result.required) && isObject(result.properties)) {
      const hidden = new Set(Object.keys(schema.properties ?? {}));
      for (const name of Object.keys(result.properties)) hidden.delete(name);
      result.required = result.required.filter((name) => !hidden.has(String(name)));
    }
    modernize(result, schema);
    return result;
  }

  private each(schemas: Params, within: readonly string[]): Params {
    const hidden = this.direction === 'request' ? 'readOnly' : 'writeOnly';
    return Object.fromEntries(
      Object.entries(schemas)
        .filter(([, schema]) => !(isObject(schema) && schema[hidden] === true))
        .map(([name, schema]) => [name, this.convert(schema, within)]),
    );
  }
}

/** Converts OpenAPI 3.0 constructs to JSON Schema 2020-12. */
function modernize(result: Record<string, unknown>, { nullable, example, examples }: Params): void {
  if (example !== undefined && examples === undefined) result.examples = [example];
  for (const [exclusive, bound] of [
    ['exclusiveMinimum', 'minimum'],
    ['exclusiveMaximum', 'maximum'],
  ] as const) {
    if (typeof result[exclusive] !== 'boolean') continue;
    const isExclusive = result[exclusive];
    delete result[exclusive];
    if (!isExclusive) continue;
    result[exclusive] = result[bound];
    delete result[bound];
  }
  if (nullable !== true) return;
  if (typeof result.type === 'string') result.type = [result.type, 'null'];
  if (Array.isArray(result.enum) && !result.enum.includes(null)) result.enum = [...result.enum, null];
}
