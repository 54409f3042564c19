import { fromJsonSchema } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { describeIssues } from '../../platform/json-schema.js';

/** A JSON Schema (2020-12 unless it says otherwise) of an object. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Arguments that match the schema, or the reason why they do not. */
export type Validated = { readonly value: Readonly<Record<string, unknown>> } | { readonly problem: string };

export type Validate = (value: unknown) => Validated | Promise<Validated>;

export interface CompiledSchema {
  readonly schema: JsonSchema;
  readonly validate: Validate;
}

/**
 * A schema with its JSON form and its validator.
 * @param io the side of the schema that clients see, if defaults and transforms make them differ
 * @throws Error for a JSON Schema of anything but an object
 */
export function compileSchema(source: z.ZodObject | JsonSchema, io: 'input' | 'output'): CompiledSchema {
  if (source instanceof z.ZodObject) {
    const { $schema: _dialect, ...schema } = z.toJSONSchema(source, { io, unrepresentable: 'any' });
    return {
      schema,
      validate(value) {
        const parsed = source.safeParse(value);
        return parsed.success ? { value: parsed.data } : { problem: describeIssues(parsed.error.issues) };
      },
    };
  }
  if (source.type !== 'object') throw new Error('The schema of a tool must have "type": "object"');
  // Compiling takes milliseconds, and a peer may offer hundreds of tools that nobody calls.
  let standard: ReturnType<typeof fromJsonSchema> | undefined;
  return {
    schema: source,
    async validate(value) {
      standard ??= fromJsonSchema(source as Parameters<typeof fromJsonSchema>[0]);
      const parsed = await standard['~standard'].validate(value);
      return parsed.issues
        ? { problem: describeIssues(parsed.issues) }
        : { value: parsed.value as Readonly<Record<string, unknown>> };
    },
  };
}
