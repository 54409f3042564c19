import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { DeclarationExplorer } from './declaration-explorer.service.js';
import { PromptRegistry } from './prompts/prompt-registry.js';
import { ResourceRegistry } from './resources/resource-registry.js';
import { ToolRegistry } from './tools/tool-registry.js';

/** The MCP endpoint and the registries that other modules contribute tools, resources and prompts to. */
@Module({
  imports: [DiscoveryModule],
  providers: [ToolRegistry, ResourceRegistry, PromptRegistry, DeclarationExplorer],
  exports: [ToolRegistry, ResourceRegistry, PromptRegistry],
})
export class McpModule {}
