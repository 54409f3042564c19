import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import { PromptMetadata } from './prompts/prompt.decorator.js';
import { PromptRegistry, type PromptDefinition } from './prompts/prompt-registry.js';
import type { InToolSet, OptionalDeclarations } from './registry/optional-declarations.js';
import { ResourceMetadata, ResourceTemplateMetadata } from './resources/resource.decorator.js';
import {
  defineResourceTemplate,
  ResourceRegistry,
  type ResourceDefinition,
  type ResourceTemplateDefinition,
} from './resources/resource-registry.js';
import { defineTool, type ToolDefinition } from './tools/tool-definition.js';
import { ToolMetadata } from './tools/tool.decorator.js';
import { ToolRegistry } from './tools/tool-registry.js';

/** Finds the methods declared with `@Tool`, `@Resource`, `@ResourceTemplate` and `@Prompt` in every module. */
@Injectable()
export class DeclarationExplorer implements OnModuleInit {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly tools: ToolRegistry,
    private readonly resources: ResourceRegistry,
    private readonly prompts: PromptRegistry,
  ) {}

  onModuleInit(): void {
    // Several modules may provide the same class; its tools are registered once.
    const seen = new Set<unknown>();
    for (const wrapper of [...this.discovery.getProviders(), ...this.discovery.getControllers()]) {
      if (!wrapper.metatype || seen.has(wrapper.metatype)) continue;
      const prototype: unknown = wrapper.metatype.prototype;
      if (typeof prototype !== 'object' || prototype === null) continue;
      for (const method of this.scanner.getAllMethodNames(prototype)) {
        if (this.explore(wrapper, method)) seen.add(wrapper.metatype);
      }
    }
  }

  /** @throws Error for a declaration on a provider that is not a singleton */
  private explore(wrapper: InstanceWrapper, method: string): boolean {
    const tool = this.discovery.getMetadataByDecorator(ToolMetadata, wrapper, method);
    const resource = this.discovery.getMetadataByDecorator(ResourceMetadata, wrapper, method);
    const template = this.discovery.getMetadataByDecorator(ResourceTemplateMetadata, wrapper, method);
    const prompt = this.discovery.getMetadataByDecorator(PromptMetadata, wrapper, method);
    if (!tool && !resource && !template && !prompt) return false;
    if (!wrapper.isDependencyTreeStatic() || !wrapper.instance) {
      throw new Error(`${wrapper.name}.${method}: MCP declarations need a provider of default scope`);
    }
    if ((wrapper.instance as Partial<OptionalDeclarations>).offered === false) return true;
    const call = (wrapper.instance as Record<string, (...args: unknown[]) => unknown>)[method]!.bind(
      wrapper.instance,
    );
    const { toolSet } = wrapper.instance as Partial<InToolSet>;
    const options = tool && toolSet !== undefined ? { set: toolSet, ...tool } : tool;
    if (options) this.tools.add(defineTool(options, call as ToolDefinition['execute']));
    if (resource)
      this.resources.resources.add({ options: resource, load: call as ResourceDefinition['load'] });
    if (template) {
      this.resources.templates.add(
        defineResourceTemplate(template, call as ResourceTemplateDefinition['load']),
      );
    }
    if (prompt) this.prompts.add({ options: prompt, load: call as PromptDefinition['load'] });
    return true;
  }
}
