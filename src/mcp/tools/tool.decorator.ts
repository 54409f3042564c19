import { DiscoveryService } from '@nestjs/core';
import type { z } from 'zod';
import type { ToolContext } from './tool-context.js';
import type { ToolOptions } from './tool-definition.js';
import type { ToolReturn } from './tool-result.js';

/** Where the explorer finds a method's declaration. */
export const ToolMetadata = DiscoveryService.createDecorator<ToolOptions>();

type ToolMethod<Parameters extends z.ZodObject> = (
  args: z.output<Parameters>,
  context: ToolContext,
) => Promise<ToolReturn> | ToolReturn;

/**
 * Declares a provider's method as an MCP tool. It is called with the validated arguments and a `ToolContext`,
 * and found in every module by itself.
 * @example
 *   @Tool({ name: 'add', description: 'Adds two numbers', parameters: z.object({ a: z.number(), b: z.number() }) })
 *   add({ a, b }: { a: number; b: number }): string { return String(a + b); }
 */
export function Tool<Parameters extends z.ZodObject>(options: ToolOptions<Parameters>) {
  return <Method extends ToolMethod<Parameters>>(
    target: object,
    key: string,
    descriptor: TypedPropertyDescriptor<Method>,
  ): void => {
    ToolMetadata(options as unknown as ToolOptions)(target, key, descriptor);
  };
}
