import { fromJsonSchema } from '@modelcontextprotocol/server';
import { OpstreamError } from './errors/opstream-error.js';

/** A JSON Schema (2020-12 unless it says otherwise). */
type Schema = Readonly<Record<string, unknown>>;

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** At most five problems, so that a hostile value does not produce a huge answer. */
export function describeIssues(issues: readonly Issue[]): string {
  return issues
    .slice(0, 5)
    .map(({ path, message }) => {
      const where = (path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
      return where === '' ? message : `${where}: ${message}`;
    })
    .join('; ');
}

/** @throws OpstreamError `invalid_request` when it is not a usable schema */
export async function checkSchema(schema: Schema): Promise<void> {
  await problemOf(schema, null);
}

/**
 * Validates a value of any type.
 * @returns why it does not match, undefined when it does
 * @throws OpstreamError `invalid_request` when the schema is not usable
 */
export async function problemOf(schema: Schema, value: unknown): Promise<string | undefined> {
  try {
    const standard = fromJsonSchema(schema as Parameters<typeof fromJsonSchema>[0]);
    const { issues } = await standard['~standard'].validate(value);
    return issues && describeIssues(issues).slice(0, 2000);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.slice(0, 300) : 'not usable';
    throw new OpstreamError('invalid_request', `The schema is not a JSON Schema: ${reason}`, {}, { cause });
  }
}
