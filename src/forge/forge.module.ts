import { type DynamicModule, Module } from '@nestjs/common';
import { ConditionalModule } from '@nestjs/config';
import type { Configuration } from '../config/configuration.js';
import { McpModule } from '../mcp/mcp.module.js';
import { OperationsModule } from '../operations/operations.module.js';
import { StreamingModule } from '../streaming/streaming.module.js';
import { ForgeClient } from './api/forge-client.service.js';
import { ForgeController } from './forge.controller.js';
import { ForgeHealth } from './forge-health.service.js';
import { ForgeMetrics } from './forge.metrics.js';
import { ForgeMirrors } from './mirror/forge-mirrors.service.js';
import { ForgeResourceUpdates } from './mirror/forge-resource-updates.service.js';
import { ForgeStreams } from './streams/forge-streams.service.js';
import { StreamReader } from './streams/stream-reader.service.js';
import { AttemptTools } from './tools/attempt-tools.service.js';
import { BranchTools } from './tools/branch-tools.service.js';
import { ForgeResourceWatch } from './tools/forge-resource-watch.service.js';
import { ForgeResources } from './tools/forge-resources.service.js';
import { PollingWatchTools } from './tools/polling-watch-tools.service.js';
import { ProcessTools } from './tools/process-tools.service.js';
import { ProjectTools } from './tools/project-tools.service.js';
import { SystemTools } from './tools/system-tools.service.js';
import { TaskTools } from './tools/task-tools.service.js';
import { WatchTools } from './tools/watch-tools.service.js';

/** The Forge integration; part of the application only when `FORGE_URL` is set. */
@Module({
  imports: [OperationsModule, StreamingModule, McpModule],
  controllers: [ForgeController],
  providers: [
    ForgeMetrics,
    ForgeClient,
    ForgeStreams,
    StreamReader,
    ForgeResourceUpdates,
    ForgeMirrors,
    ForgeHealth,
    WatchTools,
    PollingWatchTools,
    SystemTools,
    ProjectTools,
    TaskTools,
    AttemptTools,
    BranchTools,
    ProcessTools,
    ForgeResources,
    ForgeResourceWatch,
  ],
})
export class ForgeModule {
  /** @param configuration undefined when the environment decides */
  static whenConfigured(configuration?: Configuration): Promise<DynamicModule> | DynamicModule {
    if (!configuration) {
      return ConditionalModule.registerWhen(ForgeModule, (env) => Boolean(env.FORGE_URL), { debug: false });
    }
    const imports = configuration.forge.url === undefined ? [] : [ForgeModule];
    return { module: ForgeSwitch, imports };
  }
}

/** Placeholder for `ForgeModule`, whether or not it is enabled. */
@Module({})
class ForgeSwitch {}
