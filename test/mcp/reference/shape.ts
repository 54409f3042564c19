import { isObject } from '../odd-messages.js';

/** Members whose value, not only its type, has to be the same. */
const TELLING = new Set([
  'type',
  'role',
  'uri',
  'uriTemplate',
  'mimeType',
  'resultType',
  'isError',
  'values',
]);
/** In `_meta` of every result of 2026-07-28; what else is there is each server's own. */
const SERVER_INFO = 'io.modelcontextprotocol/serverInfo';
/** Names of what the reference declares, too; ours offers more. */
const DECLARED = new Set(['echo', 'sum', 'fail', 'wait', 'greet', 'note', 'item']);

/** What of an answer has to be alike: members, types, codes; not wording, ids and versions. */
export function shapeOf(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) {
    if (TELLING.has(key)) return value;
    const named = value.every((entry) => isObject(entry) && typeof entry.name === 'string');
    const kept = named ? value.filter((entry) => DECLARED.has((entry as { name: string }).name)) : value;
    const shapes = kept.map((entry) =>
      named ? [(entry as { name: string }).name, shapeOf(entry)] : shapeOf(entry),
    );
    return named ? Object.fromEntries(shapes as [string, unknown][]) : shapes;
  }
  if (!isObject(value)) return TELLING.has(key) ? value : typeof value;
  // A tool's schema is the generator's matter, which has tests of its own.
  const schema = key === 'inputSchema' || key === 'outputSchema';
  if (schema) return { type: value.type, properties: Object.keys(value.properties ?? {}) };
  const { _meta, ...members } = value;
  const signed = isObject(_meta) && SERVER_INFO in _meta;
  const shapes = Object.entries(members).map(([name, member]) => [name, shapeOf(member, name)] as const);
  return Object.fromEntries(signed ? [...shapes, ['signed', true]] : shapes);
}
