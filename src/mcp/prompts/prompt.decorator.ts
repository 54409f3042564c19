import type { PromptMessageSchema } from '@modelcontextprotocol/core';
import { DiscoveryService } from '@nestjs/core';
import type { z } from 'zod';
import type { ArgumentOptions } from '../resources/resource.decorator.js';
import type { ToolContext } from '../tools/tool-context.js';

export type PromptMessage = z.infer<typeof PromptMessageSchema>;

/** A prompt's messages; a string is one user message. */
export type PromptReturn = string | readonly PromptMessage[];

/** The context of a prompt: like a tool, it may ask the caller for input. */
export type PromptContext = Pick<ToolContext, 'principal' | 'signal' | 'requestInput'>;

export interface PromptOptions {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly arguments?: readonly ArgumentOptions[];
}

/** Where the explorer finds a method's declaration. */
export const PromptMetadata = DiscoveryService.createDecorator<PromptOptions>();

/** Declares a provider's method `(args, context) => messages` as an MCP prompt. */
export function Prompt(options: PromptOptions) {
  return <
    Method extends (
      args: Record<string, string>,
      context: PromptContext,
    ) => Promise<PromptReturn> | PromptReturn,
  >(
    target: object,
    key: string,
    descriptor: TypedPropertyDescriptor<Method>,
  ): void => {
    PromptMetadata(options)(target, key, descriptor);
  };
}
