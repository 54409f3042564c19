import type { ContentBlockSchema } from '@modelcontextprotocol/core';
import type { z } from 'zod';

/** One block of content as MCP defines it: text, image, audio, embedded resource or resource link. */
export type ContentBlock = z.infer<typeof ContentBlockSchema>;

/** A complete tool result, as the protocol carries it. */
export interface ToolResult {
  readonly content: readonly ContentBlock[];
  readonly structuredContent?: Readonly<Record<string, unknown>>;
  readonly isError?: boolean;
  readonly _meta?: Readonly<Record<string, unknown>>;
}

/** The result of a remote tool: it reaches the caller unchanged. */
export class PassedOnResult {
  constructor(readonly result: ToolResult) {}
}

/**
 * What a tool may return: text, one or several blocks, a whole result, nothing (everything was streamed), or, with an
 * `output` schema, the structured value itself.
 */
export type ToolReturn = string | ContentBlock | readonly ContentBlock[] | ToolResult | object | void;
