import { Injectable } from '@nestjs/common';
import { Prompt, type PromptContext, type PromptMessage } from '../../../src/mcp/prompts/prompt.decorator.js';
import { PromptRegistry } from '../../../src/mcp/prompts/prompt-registry.js';
import {
  Resource,
  ResourceTemplate,
  type ResourceContents,
} from '../../../src/mcp/resources/resource.decorator.js';
import { defineTool } from '../../../src/mcp/tools/tool-definition.js';
import { ToolRegistry } from '../../../src/mcp/tools/tool-registry.js';
import { Tool } from '../../../src/mcp/tools/tool.decorator.js';
import { form, PNG } from './samples.js';

const text = (content: string): PromptMessage => ({ role: 'user', content: { type: 'text', text: content } });
const startingWith =
  (...values: string[]) =>
  (typed: string) =>
    values.filter((value) => value.startsWith(typed));

/** The resources and prompts of the official conformance suite, and the tools that change the lists. */
@Injectable()
export class Declarations {
  private changes = 0;

  constructor(
    private readonly tools: ToolRegistry,
    private readonly prompts: PromptRegistry,
  ) {}

  @Resource({ scope: null, uri: 'test://static-text', name: 'Static text', mimeType: 'text/plain' })
  staticText(): string {
    return 'This is the content of the static text resource.';
  }

  @Resource({ scope: null, uri: 'test://static-binary', name: 'Static binary', mimeType: 'image/png' })
  staticBinary(): ResourceContents {
    return { blob: PNG };
  }

  @Resource({ scope: null, uri: 'test://watched-resource', name: 'Watched resource', mimeType: 'text/plain' })
  watched(): string {
    return 'Watched resource content';
  }

  @ResourceTemplate({
    scope: null,
    uriTemplate: 'test://template/{id}/data',
    name: 'Template',
    mimeType: 'application/json',
    arguments: [{ name: 'id', required: true }],
  })
  template({ id = '' }: Record<string, string>): string {
    return JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` });
  }

  @Prompt({ name: 'test_simple_prompt', description: 'A simple prompt' })
  simple(): string {
    return 'This is a simple prompt for testing.';
  }

  @Prompt({
    name: 'test_prompt_with_arguments',
    description: 'A prompt with arguments',
    arguments: [
      {
        name: 'arg1',
        description: 'First test argument',
        required: true,
        complete: startingWith('test', 'testing', 'paris', 'party'),
      },
      { name: 'arg2', description: 'Second test argument', required: true },
    ],
  })
  withArguments({ arg1 = '', arg2 = '' }: Record<string, string>): string {
    return `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`;
  }

  @Prompt({
    name: 'test_prompt_with_embedded_resource',
    description: 'A prompt with a resource',
    arguments: [{ name: 'resourceUri', description: 'URI of the resource to embed', required: true }],
  })
  withResource({ resourceUri = '' }: Record<string, string>): PromptMessage[] {
    return [
      {
        role: 'user',
        content: {
          type: 'resource',
          resource: {
            uri: resourceUri,
            mimeType: 'text/plain',
            text: 'Embedded resource content for testing.',
          },
        },
      },
      text('Please process the embedded resource above.'),
    ];
  }

  @Prompt({ name: 'test_prompt_with_image', description: 'A prompt with an image' })
  withImage(): PromptMessage[] {
    return [
      { role: 'user', content: { type: 'image', data: PNG, mimeType: 'image/png' } },
      text('Please analyze the image above.'),
    ];
  }

  @Prompt({ name: 'test_input_required_result_prompt', description: 'A prompt that asks first' })
  async asking(_args: Record<string, string>, { requestInput }: PromptContext): Promise<string> {
    const { user_context } = await requestInput({
      user_context: form('What context should the prompt use?', { context: { type: 'string' } }, ['context']),
    });
    return `Use this context: ${String(user_context.content?.context)}`;
  }

  @Tool({
    scope: null,
    name: 'test_trigger_tool_change',
    description: 'Changes the list of tools',
    taskSupport: 'forbidden',
  })
  changeTools(): string {
    const name = `added_tool_${++this.changes}`;
    this.tools.add(defineTool({ scope: null, name, description: 'Added at run time' }, () => name));
    this.tools.remove(name);
    return 'Changed';
  }

  @Tool({
    scope: null,
    name: 'test_trigger_prompt_change',
    description: 'Changes the list of prompts',
    taskSupport: 'forbidden',
  })
  changePrompts(): string {
    const name = `added_prompt_${++this.changes}`;
    this.prompts.add({ options: { name }, load: () => name });
    this.prompts.remove(name);
    return 'Changed';
  }
}
