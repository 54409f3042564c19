import { readFileSync } from 'node:fs';
import { fromJsonSchema } from '@modelcontextprotocol/server';

type Schema = Record<string, unknown>;

const FOLDER = new URL('../fixtures/mcp-schemas/', import.meta.url);

/** Members that hold a schema, or anything at all: what is in them is not the protocol's. */
const OPEN = new Set([
  'inputSchema',
  'outputSchema',
  'requestedSchema',
  '_meta',
  'structuredContent',
  'data',
]);

/** The schema of one revision in which an object has the members that it names, and no others. */
export class McpSchema {
  private readonly root: Schema;
  private readonly at: string;

  constructor(revision: string) {
    const read = JSON.parse(readFileSync(new URL(`${revision}.json`, FOLDER), 'utf8')) as Schema;
    this.at = read.definitions === undefined ? '$defs' : 'definitions';
    this.root = close(read) as Schema;
    const { ToolAnnotations: annotations } = this.root[this.at] as Record<string, Schema>;
    // Of no revision: `docs/mcp.md` says that it is there.
    if (annotations) (annotations.properties as Schema).streamingHint = { type: 'boolean' };
  }

  knows(name: string): boolean {
    return Object.hasOwn(this.root[this.at] as object, name);
  }

  /** What is wrong with a value of the named definition. */
  async problems(name: string, value: unknown): Promise<readonly string[]> {
    const schema = { [this.at]: this.root[this.at], $ref: `#/${this.at}/${name}` };
    const checked = await fromJsonSchema(schema as Parameters<typeof fromJsonSchema>[0])[
      '~standard'
    ].validate(value);
    return (checked.issues ?? []).map(({ message }) => message);
  }
}

function close(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(close);
  if (typeof schema !== 'object' || schema === null) return schema;
  const closed: Schema = {};
  for (const [key, value] of Object.entries(schema)) closed[key] = OPEN.has(key) ? value : close(value);
  const isObject = closed.type === 'object' && closed.properties !== undefined;
  return isObject && closed.additionalProperties === undefined
    ? { ...closed, additionalProperties: false }
    : closed;
}
