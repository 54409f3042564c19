import { ContentBlockSchema } from '@modelcontextprotocol/core';
import type { ToolCallOutcome } from '../metrics/request.metrics.js';
import type { InputRequests } from '../tools/tool-context.js';
import { RpcError } from '../protocol/rpc-error.js';
import { isObject } from '../protocol/json-rpc.js';
import type { ToolDefinition } from '../tools/tool-definition.js';
import { PassedOnResult, type ContentBlock, type ToolResult } from '../tools/tool-result.js';
import { UserError } from '../tools/user-error.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';

/** How a tool call ended. */
export type ToolOutcome =
  | { readonly kind: 'result'; readonly result: ToolResult }
  | { readonly kind: 'protocol-error'; readonly error: RpcError }
  /** The caller has to answer first and then call again (2026-07-28). */
  | { readonly kind: 'input-required'; readonly requests: InputRequests; readonly state: string }
  | { readonly kind: 'cancelled'; readonly reason: string };

/** The outcome as a metric label. */
export function outcomeLabel(outcome: ToolOutcome): ToolCallOutcome {
  switch (outcome.kind) {
    case 'result':
      return outcome.result.isError ? 'tool_error' : 'result';
    case 'protocol-error':
      return 'protocol_error';
    case 'input-required':
      return 'input_required';
    case 'cancelled':
      return 'cancelled';
  }
}

export function toolError(text: string): ToolResult {
  return { content: [{ type: 'text', text }], isError: true };
}

/**
 * Converts a tool's return value to a result. @param streamed the blocks it streamed, for a tool that returned nothing
 * @throws Error when the value is neither content nor JSON, or does not match the tool's output schema
 */
export async function toResult(
  tool: ToolDefinition,
  value: unknown,
  streamed: readonly ContentBlock[],
): Promise<ToolResult> {
  if (value === undefined || value === null) return { content: streamed };
  if (value instanceof PassedOnResult) return value.result;
  if (typeof value === 'string') return { content: [{ type: 'text', text: value }] };
  if (Array.isArray(value)) return { content: checkContent(value) };
  if (isObject(value) && Array.isArray(value.content)) {
    const { structuredContent, isError, _meta } = value as unknown as ToolResult;
    requireJson([structuredContent, _meta]);
    return {
      content: checkContent(value.content),
      ...(structuredContent !== undefined && {
        structuredContent: await checkOutput(tool, structuredContent),
      }),
      ...(isError === true && { isError }),
      ...(_meta !== undefined && { _meta }),
    };
  }
  if (isObject(value) && tool.validateOutput) {
    const structuredContent = await checkOutput(tool, value);
    return { content: [{ type: 'text', text: JSON.stringify(structuredContent) }], structuredContent };
  }
  if (isObject(value) && typeof value.type === 'string') return { content: checkContent([value]) };
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new Error(`Tool ${tool.name} returned a ${typeof value}`);
  return { content: [{ type: 'text', text }] };
}

/** Converts a tool's exception to an outcome; `undefined` for a failure whose text is not meant for the caller. */
export function toFailure(thrown: unknown): ToolOutcome | undefined {
  if (thrown instanceof RpcError) return { kind: 'protocol-error', error: thrown };
  if (thrown instanceof UserError) return { kind: 'result', result: toolError(thrown.message) };
  if (thrown instanceof OpstreamError && thrown.code !== 'internal') {
    return { kind: 'result', result: { ...toolError(thrown.message), _meta: { code: thrown.code } } };
  }
  return undefined;
}

/** @throws Error for anything that is not a content block */
export function checkContent(blocks: readonly unknown[]): readonly ContentBlock[] {
  for (const block of blocks) {
    // Nearly everything is plain text; the rest is validated by the schema.
    if (isPlainText(block)) continue;
    requireJson(block);
    const parsed = ContentBlockSchema.safeParse(block);
    if (!parsed.success)
      throw new Error('A tool gave content that is no MCP content block', { cause: parsed.error });
  }
  return blocks as readonly ContentBlock[];
}

function isPlainText(block: unknown): boolean {
  if (!isObject(block) || block.type !== 'text' || typeof block.text !== 'string') return false;
  for (const key in block) if (key !== 'type' && key !== 'text') return false;
  return true;
}

/** @throws TypeError for circular values, BigInts and other values that no transport could send */
function requireJson(value: unknown): void {
  JSON.stringify(value);
}

async function checkOutput(tool: ToolDefinition, value: object): Promise<Readonly<Record<string, unknown>>> {
  if (!tool.validateOutput) return value as Readonly<Record<string, unknown>>;
  const checked = await tool.validateOutput(value);
  if ('problem' in checked)
    throw new Error(`Tool ${tool.name} returned what its schema forbids: ${checked.problem}`);
  return checked.value;
}
