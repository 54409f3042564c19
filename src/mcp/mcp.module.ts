import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { RequestStates } from './calls/request-states.service.js';
import { ToolRunner } from './calls/tool-runner.service.js';
import { DeclarationExplorer } from './declaration-explorer.service.js';
import { ChangeFeed } from './dispatch/change-feed.service.js';
import { McpDispatcher } from './dispatch/dispatcher.service.js';
import { Methods } from './dispatch/methods.service.js';
import { PromptMethods } from './prompts/prompt-methods.service.js';
import { PromptRegistry } from './prompts/prompt-registry.js';
import { ResourceMethods } from './resources/resource-methods.service.js';
import { ResourceRegistry } from './resources/resource-registry.js';
import { ResourceSubscriptions } from './resources/resource-subscriptions.service.js';
import { McpSessions } from './session/mcp-sessions.service.js';
import { TasksService } from './tasks/tasks.service.js';
import { ToolRegistry } from './tools/tool-registry.js';

/** The MCP endpoint and the registries that other modules contribute tools, resources and prompts to. */
@Module({
  imports: [DiscoveryModule],
  providers: [
    ToolRegistry,
    ResourceRegistry,
    PromptRegistry,
    DeclarationExplorer,
    RequestStates,
    ToolRunner,
    TasksService,
    ResourceSubscriptions,
    ResourceMethods,
    PromptMethods,
    McpSessions,
    ChangeFeed,
    Methods,
    McpDispatcher,
  ],
  exports: [
    ToolRegistry,
    ResourceRegistry,
    PromptRegistry,
    ResourceSubscriptions,
    McpDispatcher,
    McpSessions,
  ],
})
export class McpModule {}
