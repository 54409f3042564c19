/**
 * The package's server API: Opstream inside another program. `docs/library.md` shows each export in use; the client
 * SDK is `opstream/client`.
 */
export { OpstreamModule, type OpstreamAsyncOptions } from './opstream.module.js';
export type { OpstreamOptions } from './config/options.js';
export { Configuration } from './config/configuration.js';
export { configureOpstream } from './configure-app.js';
export {
  isWebSocketRunning,
  startWebSocketBackground,
  stopWebSocketBackground,
  WEBSOCKETS_AVAILABLE,
  type BackgroundOptions,
  type BackgroundService,
} from './background.js';

export {
  OperationsService,
  type AppendReceipt,
  type CreatedOperation,
  type CreateOperation,
} from './operations/operations.service.js';
export { WorkMetrics } from './operations/work-metrics.js';
export type { OperationKey } from './operations/operation-key.js';
export type { Operation, OperationState } from './operations/operation.js';
export type { EventType, RecordedEvent } from './operations/operation-event.js';
export type { JsonObject, JsonValue } from './platform/json.js';
export { toSnapshot } from './operations/operation-snapshot.js';
export type { OperationSnapshot, ServerStats } from './client/protocol/operation-events.js';
export type { RunOptions } from './operations/operation-runner.js';
export { InputClosedError } from './operations/input-closed-error.js';
export { InputsService } from './operations/inputs.service.js';
export { currentOperation, type OperationScope } from './operations/operation-scope.js';
export { StreamOperation } from './operations/running/stream-operation.decorator.js';
export { ProgressTracker } from './operations/running/progress-tracker.js';
export {
  createLogCallback,
  createProgressCallback,
  getActiveOperations,
  runWithProgress,
  streamOrchestration,
  type OrchestrationStep,
} from './operations/running/operation-helpers.js';
export { AgentsGateway } from './streaming/agents/agents.gateway.js';
export { HubGateway } from './streaming/hub/hub.gateway.js';
export { HubStatus, type WebSocketStatus } from './streaming/commands/status.js';

export { Tool } from './mcp/tools/tool.decorator.js';
export type { ToolContext } from './mcp/tools/tool-context.js';
export { defineTool, type ToolDefinition, type ToolOptions } from './mcp/tools/tool-definition.js';
export { ToolRegistry } from './mcp/tools/tool-registry.js';
export { UserError } from './mcp/tools/user-error.js';
export {
  Resource,
  ResourceTemplate,
  type ResourceOptions,
  type ResourceTemplateOptions,
} from './mcp/resources/resource.decorator.js';
export { defineResourceTemplate, ResourceRegistry } from './mcp/resources/resource-registry.js';
export { Prompt, type PromptContext, type PromptOptions } from './mcp/prompts/prompt.decorator.js';
export { PromptRegistry } from './mcp/prompts/prompt-registry.js';
export {
  McpWebSocketTransport,
  type ConnectOptions,
  type MountOptions,
  type MountTarget,
} from './mcp/peers/mcp-websocket-transport.service.js';
export type { MessageFilter, MessageRoute } from './mcp/peers/message-filters.service.js';
export type { PeerTimeouts } from './mcp/peers/peer-channel.js';
export type { Peer, PeerState } from './mcp/peers/peer.js';

/** The pool of sockets to other servers: inject it or construct one; Forge's streams use the same class. */
export { WebSocketManager } from './client/upstream/websocket-manager.js';

export { DEFAULT_TENANT, type Principal } from './auth/principal.js';
export { InvalidConfigurationError } from './config/configuration.js';
export { OpstreamError } from './platform/errors/opstream-error.js';
export { ERROR_CATALOGUE, type ErrorCode } from './platform/errors/error-catalogue.js';
