import { Injectable, Module } from '@nestjs/common';
import { z } from 'zod';
import { McpModule } from '../../../src/mcp/mcp.module.js';
import { Prompt } from '../../../src/mcp/prompts/prompt.decorator.js';
import { Resource, ResourceTemplate } from '../../../src/mcp/resources/resource.decorator.js';
import type { ToolContext } from '../../../src/mcp/tools/tool-context.js';
import { Tool } from '../../../src/mcp/tools/tool.decorator.js';
import { UserError } from '../../../src/mcp/tools/user-error.js';

/** What `official-server.ts` declares with the official SDK, declared with ours. */
@Injectable()
class OurDeclarations {
  @Tool({ scope: null, name: 'echo', description: 'Echo', parameters: z.object({ text: z.string() }) })
  echo({ text }: { text: string }): string {
    return text;
  }

  @Tool({
    scope: null,
    name: 'sum',
    title: 'Sum',
    description: 'Adds',
    parameters: z.object({ a: z.number(), b: z.number() }),
    output: z.object({ sum: z.number() }),
    annotations: { readOnlyHint: true },
  })
  sum({ a, b }: { a: number; b: number }): object {
    return { sum: a + b };
  }

  @Tool({ scope: null, name: 'fail', description: 'Fails' })
  fail(): never {
    throw new UserError('no luck');
  }

  @Tool({ scope: null, name: 'wait', description: 'Waits until it is cancelled' })
  wait(_args: object, { signal }: ToolContext): Promise<string> {
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve('stopped')));
  }

  @Prompt({
    name: 'greet',
    description: 'Greets',
    arguments: [{ name: 'who', required: true, complete: startingWith }],
  })
  greet({ who = '' }: Record<string, string>): string {
    return `Hello ${who}`;
  }

  @Resource({ scope: null, uri: 'ref://note', name: 'note', mimeType: 'text/plain' })
  note(): string {
    return 'a note';
  }

  @ResourceTemplate({
    scope: null,
    uriTemplate: 'ref://items/{id}',
    name: 'item',
    mimeType: 'text/plain',
    arguments: [{ name: 'id', complete: startingWith }],
  })
  item({ id = '' }: Record<string, string>): string {
    return `Item ${id}`;
  }
}

function startingWith(typed: string): string[] {
  return ['anna', 'anton', 'bert'].filter((name) => name.startsWith(typed));
}

@Module({ imports: [McpModule], providers: [OurDeclarations] })
export class OurDeclarationsModule {}
