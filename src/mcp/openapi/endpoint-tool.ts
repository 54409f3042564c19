import type { IncomingHttpHeaders } from 'node:http';
import type { OpenApiSource } from '../../config/openapi-sources.js';
import type { ToolContext } from '../tools/tool-context.js';
import { defineTool, type ToolAnnotations, type ToolDefinition } from '../tools/tool-definition.js';
import type { ToolResult } from '../tools/tool-result.js';
import { UserError } from '../tools/user-error.js';
import { checkArguments } from './argument-shape.js';
import { describeEndpoint } from './endpoint-description.js';
import { toEndpoint, type Endpoint } from './endpoint.js';
import type { EndpointCaller } from './endpoint-caller.js';
import { toRequest } from './endpoint-request.js';
import { toToolResult } from './endpoint-result.js';
import { OpenApiProblem, type OpenApiDocument, type OpenApiOperation } from './openapi-document.js';

const UNNAMEABLE = /[^A-Za-z0-9_./-]/g;
const MAX_NAME = 128;

/** The tool name of an operation: its id, with invalid characters replaced. */
function toolNameOf(operationId: string, prefix: string): string {
  return (prefix + operationId.replaceAll(UNNAMEABLE, '_')).slice(0, MAX_NAME);
}

/**
 * Makes a tool of one operation of a document. Read-only calls are not recorded: nobody follows them.
 * @throws OpenApiProblem when the operation cannot be offered
 */
export function defineEndpointTool(
  document: OpenApiDocument,
  operation: OpenApiOperation,
  source: OpenApiSource,
  caller: EndpointCaller,
): ToolDefinition {
  const { operationId, summary, method } = operation;
  if (operationId === undefined) throw new OpenApiProblem('it has no operationId');
  const name = toolNameOf(operationId, source.prefix);
  const endpoint = toEndpoint(document, operation);
  const tool = defineTool(
    {
      name,
      ...(summary !== undefined && { title: summary }),
      description: describeEndpoint(document, operation, source),
      parameters: endpoint.inputSchema,
      annotations: annotationsOf(method),
      record: method !== 'GET',
      scope: scopeOf(source, method),
      tenants: source.tenants,
      set: setOf(source),
    },
    (args, context) => call(name, endpoint, source, caller, args, context),
  );
  return { ...tool, validate: (args) => checkArguments(endpoint.inputSchema, args) };
}

/** One toolset per document, named by its prefix. */
function setOf({ document, prefix }: OpenApiSource): string {
  if (document === 'self') return 'operations';
  return prefix.replace(/[^A-Za-z0-9]+$/, '').toLowerCase() || 'openapi';
}

/** Our own endpoints check their scopes themselves; those of other APIs are unknown here. */
function scopeOf({ scope, document }: OpenApiSource, method: string): string | null {
  if (scope !== undefined) return scope;
  if (document === 'self') return null;
  return method === 'GET' ? 'operations:read' : 'operations:write';
}

async function call(
  name: string,
  endpoint: Endpoint,
  { headers, forwardHeaders = [], timeoutMs }: OpenApiSource,
  caller: EndpointCaller,
  args: Readonly<Record<string, unknown>>,
  { principal, requestHeaders, signal }: ToolContext,
): Promise<ToolResult> {
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const response = await caller(toRequest(endpoint, args), {
      principal,
      headers: { ...headers, ...pick(requestHeaders, forwardHeaders) },
      signal: AbortSignal.any([signal, timeout]),
    });
    return toToolResult(name, response);
  } catch (thrown) {
    if (!timeout.aborted || thrown instanceof UserError) throw thrown;
    throw new UserError(`Error calling ${name}: no answer within ${timeoutMs} ms`);
  }
}

function pick(headers: IncomingHttpHeaders, names: readonly string[]): Record<string, string> {
  const given = names.map((name) => [name, headers[name]] as const);
  return Object.fromEntries(given.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

function annotationsOf(method: string): ToolAnnotations {
  return {
    readOnlyHint: method === 'GET',
    destructiveHint: method === 'DELETE',
    idempotentHint: method !== 'POST' && method !== 'PATCH',
    openWorldHint: true,
  };
}
