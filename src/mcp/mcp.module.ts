import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { OperationsModule } from '../operations/operations.module.js';
import { RequestStateCodec } from './calls/request-state-codec.js';
import { SharedCalls } from './calls/shared-calls.js';
import { ToolRunner } from './calls/tool-runner.service.js';
import { DeclarationExplorer } from './declaration-explorer.service.js';
import { DemoTools } from './builtin/demo-tools.service.js';
import { ChangeNotifier } from './dispatch/change-notifier.js';
import { McpDispatcher } from './dispatch/dispatcher.service.js';
import { Methods } from './dispatch/methods.service.js';
import { HttpRefusals } from './transports/http/http-refusals.js';
import { LegacySse } from './transports/http/legacy-sse.service.js';
import { ProtectedResource } from './transports/http/protected-resource.js';
import { McpHttp } from './transports/http/mcp-http.service.js';
import { McpMessageLogger } from './session/message-logger.js';
import { RequestMetrics } from './metrics/request.metrics.js';
import { McpMetrics } from './mcp.metrics.js';
import { OpenApiTools } from './openapi/openapi-tools.service.js';
import { OperationResources } from './builtin/operation-resources.service.js';
import { OperationTools } from './builtin/operation-tools.service.js';
import { CallingPeers } from './peers/adapters/calling-peers.js';
import { PeerGateway } from './peers/adapters/peer.gateway.js';
import { UrlDialer } from './peers/adapters/url-dialer.js';
import { McpWebSocketTransport } from './peers/mcp-websocket-transport.service.js';
import { MessageFilters } from './peers/message-filters.service.js';
import { PeerDialer } from './peers/peer-channel.js';
import { Peers } from './peers/peers.service.js';
import { PromptMethods } from './prompts/prompt-methods.service.js';
import { PromptRegistry } from './prompts/prompt-registry.js';
import { Instance } from './protocol/instance.js';
import { ResourceMethods } from './resources/resource-methods.service.js';
import { ResourceRegistry } from './resources/resource-registry.js';
import { ResourceSubscriptions } from './resources/resource-subscriptions.service.js';
import { McpSessions } from './session/mcp-sessions.service.js';
import { TasksService } from './calls/tasks.service.js';
import { ToolRegistry } from './tools/tool-registry.js';
import { SocketMounts } from './transports/websocket/socket-mounts.service.js';
import { McpGateway } from './transports/websocket/mcp.gateway.js';

/** The MCP endpoint and the registries that other modules contribute tools, resources and prompts to. */
@Module({
  imports: [DiscoveryModule, OperationsModule],
  providers: [
    ToolRegistry,
    ResourceRegistry,
    PromptRegistry,
    DeclarationExplorer,
    Instance,
    McpMessageLogger,
    RequestMetrics,
    McpMetrics,
    RequestStateCodec,
    SharedCalls,
    ToolRunner,
    TasksService,
    ResourceSubscriptions,
    ResourceMethods,
    PromptMethods,
    McpSessions,
    ChangeNotifier,
    Methods,
    McpDispatcher,
    ProtectedResource,
    HttpRefusals,
    LegacySse,
    McpHttp,
    McpGateway,
    OperationTools,
    OperationResources,
    DemoTools,
    OpenApiTools,
    SocketMounts,
    MessageFilters,
    CallingPeers,
    PeerGateway,
    Peers,
    McpWebSocketTransport,
    { provide: PeerDialer, useClass: UrlDialer },
  ],
  exports: [
    McpHttp,
    OpenApiTools,
    Peers,
    McpWebSocketTransport,
    ToolRegistry,
    ResourceRegistry,
    PromptRegistry,
    ResourceSubscriptions,
    McpDispatcher,
    McpSessions,
  ],
})
export class McpModule {}
