import { Module } from '@nestjs/common';
import { Configuration } from '../config/configuration.js';
import { McpModule } from '../mcp/mcp.module.js';
import { OperationsModule } from '../operations/operations.module.js';
import { DatabaseModule, SharedDatabase } from '../platform/sqlite/database.module.js';
import { StreamingModule } from '../streaming/streaming.module.js';
import { LocalSessionBus } from './adapters/local-session-bus.js';
import { MemorySessionStore } from './adapters/memory-session-store.js';
import { SqliteSessionStore } from './adapters/sqlite-session-store.js';
import { AgentSocketsGateway } from './agents/agent-sockets.gateway.js';
import { AgentTokens } from './agents/agent-tokens.service.js';
import { BridgeClient } from './bridge/bridge-client.service.js';
import { BroadcastBody } from './bridge/broadcast-body.js';
import { BroadcastController } from './bridge/broadcast.controller.js';
import { SessionsGateway } from './bridge/sessions.gateway.js';
import { UiConfigController } from './bridge/ui-config.controller.js';
import { StreamsModule } from '../streams/streams.module.js';
import { SessionStreams } from './delivery/session-streams.service.js';
import { SessionSubscriptions } from './delivery/session-subscriptions.service.js';
import { MemoryService } from './memory.service.js';
import { SessionPresence } from './presence.service.js';
import { SearchService } from './search/search.service.js';
import { OperationEnds } from './operation-ends.service.js';
import { MemoryController } from './rest/memory.controller.js';
import { SessionStreamController } from './rest/session-stream.controller.js';
import { SessionsController } from './rest/sessions.controller.js';
import { SessionMetrics } from './sessions.metrics.js';
import { SessionPrompts } from './tools/session-prompts.service.js';
import { SessionResources } from './tools/session-resources.service.js';
import { SessionBus } from './session-bus.js';
import { SessionExpiry } from './session-expiry.service.js';
import { SessionStore } from './session-store.js';
import { SessionsService } from './sessions.service.js';
import { MemoryToolHandlers } from './tools/memory-tool-handlers.js';
import { MessageToolHandlers } from './tools/message-tool-handlers.js';
import { SupportToolHandlers } from './tools/support-tool-handlers.js';
import { SessionTools } from './tools/session-tools.service.js';

/** Chooses the engine: the only place that knows the adapters. */
function createStore({ sessions }: Configuration, { connection }: SharedDatabase): SessionStore {
  return connection ? new SqliteSessionStore(connection, sessions) : new MemorySessionStore(sessions);
}

/** Sessions that agents and people share, and the bridge to the sockets of another process. */
@Module({
  imports: [DatabaseModule, OperationsModule, StreamingModule, StreamsModule, McpModule],
  controllers: [
    SessionsController,
    SessionStreamController,
    MemoryController,
    BroadcastController,
    UiConfigController,
  ],
  providers: [
    { provide: SessionStore, useFactory: createStore, inject: [Configuration, SharedDatabase] },
    { provide: SessionBus, useClass: LocalSessionBus },
    AgentTokens,
    BridgeClient,
    BroadcastBody,
    SessionsService,
    MemoryService,
    SearchService,
    SessionPresence,
    SessionExpiry,
    SessionSubscriptions,
    SessionStreams,
    SessionsGateway,
    AgentSocketsGateway,
    MessageToolHandlers,
    MemoryToolHandlers,
    SupportToolHandlers,
    SessionTools,
    SessionResources,
    SessionPrompts,
    OperationEnds,
    SessionMetrics,
  ],
  exports: [SessionsService, MemoryService, SearchService],
})
export class SessionsModule {}
