import { z } from 'zod';
import type { ScopeRule } from '../../auth/principal.js';
import { compileSchema, type JsonSchema, type Validate } from './json-schema.js';
import type { ToolContext } from './tool-context.js';
import type { ToolReturn } from './tool-result.js';

/** Hints about a tool's behaviour; `streamingHint` says that it streams content while it runs. */
export interface ToolAnnotations {
  readonly title?: string;
  readonly streamingHint?: boolean;
  readonly readOnlyHint?: boolean;
  readonly destructiveHint?: boolean;
  readonly idempotentHint?: boolean;
  readonly openWorldHint?: boolean;
}

export interface ToolOptions<Parameters extends z.ZodObject = z.ZodObject> {
  /** 1 to 128 letters, digits, `_`, `-`, `.` or `/`. */
  readonly name: string;
  readonly title?: string;
  readonly description: string;
  /** A zod object, or a JSON Schema for tools defined elsewhere. If absent: no arguments. */
  readonly parameters?: Parameters | JsonSchema;
  /** Schema of the structured result; the tool may then return the value itself. */
  readonly output?: z.ZodObject | JsonSchema;
  readonly annotations?: ToolAnnotations;
  /** Milliseconds after which the call ends as a tool error and `ctx.signal` fires; no limit by default. */
  readonly timeoutMs?: number;
  /** False: calls are not recorded as operations. */
  readonly record?: boolean;
  /** Whether callers may, or must, run it as a task. Default `optional`; unrecorded tools are `forbidden`. */
  readonly taskSupport?: 'optional' | 'required' | 'forbidden';
  /**
   * Scopes the caller needs in addition to `mcp`; null for none. A tool that opens something requires more than a read
   * scope.
   */
  readonly scope: ScopeRule;
  /** Tenants that can see and call the tool; all by default. */
  readonly tenants?: readonly string[];
  /** Its toolset, which connections can select; the application's own by default. */
  readonly set?: string;
  /** True for a tool that streams and always returns a value: streamed blocks are not kept for its result. */
  readonly returnsResult?: boolean;
  readonly meta?: Readonly<Record<string, unknown>>;
}

/** Whether a tool exists for a tenant: to all others it looks as if it did not exist. */
export function isOfferedTo({ options: { tenants = [] } }: ToolDefinition, tenant: string): boolean {
  return tenants.length === 0 || tenants.includes(tenant);
}

/** A tool ready to be listed and called: its JSON Schemas are computed once, here. */
export interface ToolDefinition {
  readonly name: string;
  readonly options: ToolOptions;
  /** Scopes the caller needs in addition to `mcp`. */
  readonly scope: ScopeRule;
  readonly recorded: boolean;
  readonly taskSupport: 'optional' | 'required' | 'forbidden';
  /** The tool as `tools/list` shows it. */
  readonly listed: Readonly<Record<string, unknown>>;
  /** Schema of its arguments. */
  readonly schema: JsonSchema;
  readonly validate: Validate;
  readonly validateOutput: Validate | undefined;
  /** Parameters that HTTP clients repeat in `Mcp-Param-*` headers, by lower-case header name (2026-07-28). */
  readonly headerParameters: ReadonlyMap<string, string>;
  readonly execute: (
    args: Readonly<Record<string, unknown>>,
    context: ToolContext,
  ) => Promise<ToolReturn> | ToolReturn;
}

const NAME = /^[A-Za-z0-9_./-]{1,128}$/;
const NO_ARGUMENTS = z.strictObject({});

/**
 * Prepares a tool for the registry. Decorated methods use it automatically; peers, OpenAPI documents and other dynamic
 * sources call it.
 * @throws Error for a name that MCP does not allow or a schema that is not an object
 */
export function defineTool(options: ToolOptions, execute: ToolDefinition['execute']): ToolDefinition {
  if (!NAME.test(options.name)) {
    throw new Error(`Tool name "${options.name}" must be 1 to 128 letters, digits, "_", "-", "." or "/"`);
  }
  const input = compileSchema(options.parameters ?? NO_ARGUMENTS, 'input');
  const output = options.output === undefined ? undefined : compileSchema(options.output, 'output');
  const recorded = options.record !== false;
  const taskSupport = recorded ? (options.taskSupport ?? 'optional') : 'forbidden';
  return {
    name: options.name,
    options,
    scope: scopeOf(options),
    recorded,
    taskSupport,
    listed: {
      name: options.name,
      ...(options.title !== undefined && { title: options.title }),
      description: options.description,
      inputSchema: input.schema,
      ...(output && { outputSchema: output.schema }),
      ...(options.annotations && { annotations: options.annotations }),
      ...(options.meta && { _meta: options.meta }),
    },
    schema: input.schema,
    validate: input.validate,
    validateOutput: output?.validate,
    headerParameters: headerParameters(input.schema),
    execute,
  };
}

/** Untyped programs may omit the scope: then the tool's own hint says whether it reads. */
function scopeOf({ scope, annotations }: ToolOptions): ScopeRule {
  const declared = scope as ScopeRule | undefined;
  if (declared !== undefined) return declared;
  return annotations?.readOnlyHint === true ? 'operations:read' : 'operations:write';
}

/** The top-level properties that carry `x-mcp-header`. */
function headerParameters({ properties }: JsonSchema): ReadonlyMap<string, string> {
  const named = new Map<string, string>();
  for (const [property, schema] of Object.entries((properties ?? {}) as Record<string, JsonSchema>)) {
    const header = schema['x-mcp-header'];
    if (typeof header === 'string') named.set(`mcp-param-${header.toLowerCase()}`, property);
  }
  return named;
}
