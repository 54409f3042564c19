import { createInterface } from 'node:readline/promises';
import type { InputRequestSnapshot } from '../../client/index.js';
import { printableLine } from './printable.js';

/**
 * Asks at the terminal, one property of a flat schema after the other, or for the whole answer as JSON.
 * @returns the answer; undefined when it was given up
 */
export async function askAtTerminal(
  request: Pick<InputRequestSnapshot, 'message' | 'schema'>,
  signal: AbortSignal,
): Promise<unknown> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const ask = (text: string) => lines.question(`${text}: `, { signal });
  try {
    process.stderr.write(`? ${printableLine(request.message)}\n`);
    const properties = flatProperties(request.schema);
    if (!properties) return read(await ask('  answer (JSON or text)'), undefined);
    const answer: Record<string, unknown> = {};
    for (const [name, type] of properties) {
      const text = await ask(`  ${printableLine(name)}${type === undefined ? '' : ` (${type})`}`);
      if (text !== '') answer[name] = read(text, type);
    }
    return answer;
  } catch {
    // Answered elsewhere, or the input ended.
    return undefined;
  } finally {
    lines.close();
  }
}

/** Names and types of a form's fields; undefined for any other schema. */
function flatProperties(schema: unknown): [string, string | undefined][] | undefined {
  const { type, properties } = (schema ?? {}) as {
    type?: unknown;
    properties?: Record<string, { type?: unknown }>;
  };
  if (type !== 'object' || typeof properties !== 'object') return undefined;
  return Object.entries(properties).map(([name, field]) => [
    name,
    typeof field?.type === 'string' ? field.type : undefined,
  ]);
}

/** What was typed, in the type of its field. */
function read(text: string, type: string | undefined): unknown {
  if (type === 'string') return text;
  if (type === 'boolean' && /^(y|yes|n|no)$/i.test(text)) return /^y/i.test(text);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
