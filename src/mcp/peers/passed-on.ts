import { ContentBlockSchema } from '@modelcontextprotocol/core';
import { isObject, type Params } from '../protocol/json-rpc.js';
import type { ContentBlock, ToolResult } from '../tools/tool-result.js';

/**
 * A peer's result as it is passed on, with every member. Content blocks unknown to MCP become text, since clients
 * reject a result that contains one.
 * @param inSession the caller's revision requires structured content to be an object
 */
export function toToolResult(result: Params, inSession: boolean): ToolResult {
  const { resultType: _type, content, structuredContent, isError, ...more } = result;
  const blocks = Array.isArray(content) ? content : content === undefined ? [] : [content];
  const fits = !inSession || structuredContent === undefined || isObject(structuredContent);
  const shown = blocks.map(presentable);
  if (!fits && shown.length === 0) shown.push(asText(structuredContent));
  return {
    ...more,
    content: shown as readonly ContentBlock[],
    ...(fits && structuredContent !== undefined && { structuredContent: structuredContent as Params }),
    ...(isError === true && { isError }),
  };
}

/** A content block unchanged, or as text. */
export function presentable(block: unknown): unknown {
  if (isObject(block) && block.type === 'text' && typeof block.text === 'string' && isPlain(block))
    return block;
  return ContentBlockSchema.safeParse(block).success ? block : asText(block);
}

function isPlain(block: Params): boolean {
  for (const key in block) if (key !== 'type' && key !== 'text') return false;
  return true;
}

function asText(value: unknown): Params {
  return { type: 'text', text: typeof value === 'string' ? value : (JSON.stringify(value) ?? '') };
}
