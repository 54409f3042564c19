import { Module } from '@nestjs/common';
import { OperationsModule } from '../operations/operations.module.js';
import { AgentRooms } from './agents/agent-rooms.js';
import { AgentsGateway } from './agents/agents.gateway.js';
import { Subscriptions } from './delivery/subscriptions.js';
import { HubGateway } from './hub/hub.gateway.js';
import { CommandExtensions } from './commands/command-extensions.js';
import { CommandDependencies } from './commands/command-dependencies.js';
import { HubStatus } from './commands/status.js';
import { SocketMetrics } from './socket/socket-metrics.js';
import { StatusController } from './commands/status.controller.js';
import { SseController } from './sse/sse.controller.js';
import { StreamingMetrics } from './streaming.metrics.js';

@Module({
  imports: [OperationsModule],
  controllers: [SseController, StatusController],
  providers: [
    Subscriptions,
    SocketMetrics,
    AgentRooms,
    AgentsGateway,
    HubStatus,
    CommandDependencies,
    CommandExtensions,
    HubGateway,
    StreamingMetrics,
  ],
  exports: [Subscriptions, CommandExtensions, HubStatus, HubGateway, AgentsGateway],
})
export class StreamingModule {}
