import { Injectable, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { DeclarationExplorer } from './declaration-explorer.service.js';
import { Prompt } from './prompts/prompt.decorator.js';
import { PromptRegistry } from './prompts/prompt-registry.js';
import { ResourceTemplate } from './resources/resource.decorator.js';
import { ResourceRegistry } from './resources/resource-registry.js';
import type { LoadContext, ToolContext } from './tools/tool-context.js';
import { defineTool } from './tools/tool-definition.js';
import { Tool } from './tools/tool.decorator.js';
import { ToolRegistry } from './tools/tool-registry.js';

@Injectable()
class Greeter {
  private readonly greeting = 'Hello';

  @Tool({
    scope: null,
    name: 'greet',
    description: 'Greets',
    parameters: z.object({ who: z.string().describe('Whom'), times: z.number().default(1) }),
    annotations: { streamingHint: true, readOnlyHint: true },
  })
  greet({ who, times }: { who: string; times: number }): string {
    return `${this.greeting} ${who}`.repeat(times);
  }

  @ResourceTemplate({
    scope: null,
    uriTemplate: 'greeting://{language}/text',
    name: 'Greeting',
    mimeType: 'text/plain',
    arguments: [{ name: 'language', description: 'Two letters', required: true }],
  })
  load({ language }: Record<string, string>) {
    return { text: `${this.greeting} (${language})` };
  }

  @Prompt({ name: 'welcome' })
  welcome() {
    return this.greeting;
  }
}

@Injectable()
class SwitchedOff {
  readonly offered = false;

  @Tool({ scope: null, name: 'hidden', description: '' })
  hidden(): string {
    return '';
  }
}

@Module({ providers: [Greeter, SwitchedOff] })
class GreeterModule {}

const context = {} as ToolContext & LoadContext;

const tool = (name: string) => defineTool({ scope: null, name, description: '' }, () => name);

async function registries() {
  const module = await Test.createTestingModule({
    imports: [DiscoveryModule, GreeterModule],
    providers: [ToolRegistry, ResourceRegistry, PromptRegistry, DeclarationExplorer],
  }).compile();
  await module.init();
  return {
    tools: module.get(ToolRegistry),
    resources: module.get(ResourceRegistry),
    prompts: module.get(PromptRegistry),
  };
}

describe('Declarations', () => {
  it('S0-02 S0-03 S0-04: a decorated method of any module is listed with schema and annotations', async () => {
    const { tools } = await registries();
    expect(tools.get('greet')?.listed).toMatchObject({
      name: 'greet',
      description: 'Greets',
      annotations: { streamingHint: true, readOnlyHint: true },
      inputSchema: {
        type: 'object',
        properties: { who: { type: 'string', description: 'Whom' }, times: { type: 'number', default: 1 } },
        required: ['who'],
      },
    });
  });

  it('S0-02: arguments are validated, completed with defaults, and problems are named', async () => {
    const greet = (await registries()).tools.get('greet')!;
    const valid = await greet.validate({ who: 'you' });
    expect(valid).toEqual({ value: { who: 'you', times: 1 } });
    expect(await greet.execute((valid as { value: Record<string, unknown> }).value, context)).toBe(
      'Hello you',
    );
    expect(await greet.validate({ who: 5 })).toEqual({ problem: expect.stringContaining('who: ') });
  });

  it('S0-19: a resource template is found, matched and loaded with its variables', async () => {
    const { resources } = await registries();
    expect(await resources.resolve('greeting://de/text')?.load(context)).toEqual({ text: 'Hello (de)' });
    expect(resources.resolve('greeting://de/other')).toBeUndefined();
  });

  it('what a provider declares is left out when the provider says so', async () => {
    expect((await registries()).tools.get('hidden')).toBeUndefined();
  });

  it('prompts are found', async () => {
    expect((await registries()).prompts.list().map(({ options }) => options.name)).toEqual(['welcome']);
  });

  it('tools come and go at run time, each change told once, the list in order', async () => {
    const { tools } = await registries();
    let changes = 0;
    tools.changes$.subscribe(() => (changes += 1));
    tools.add(tool('b'), tool('a'));
    tools.replace(['a', 'b'], [tool('c')]);
    expect(tools.list().map(({ name }) => name)).toEqual(['c', 'greet']);
    expect(tools.remove('c')).toBe(true);
    expect(tools.remove('c')).toBe(false);
    expect(changes).toBe(3);
    expect(() => tools.add(tool('greet'))).toThrow('There already is a tool "greet"');
  });

  it('a JSON Schema serves as parameters and is listed as it is', async () => {
    const parameters = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      properties: { n: { type: 'integer', minimum: 1 } },
      required: ['n'],
      additionalProperties: false,
    };
    const tool = defineTool({ scope: null, name: 't', description: '', parameters }, () => '');
    expect(tool.listed.inputSchema).toBe(parameters);
    expect(await tool.validate({ n: 1 })).toEqual({ value: { n: 1 } });
    expect(await tool.validate({ n: 0 })).toHaveProperty('problem');
    expect(await tool.validate({ n: 1, x: 1 })).toHaveProperty('problem');
  });
});
