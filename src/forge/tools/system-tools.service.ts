import { Injectable } from '@nestjs/common';
import { Tool } from '../../mcp/tools/tool.decorator.js';
import { ForgeClient } from '../api/forge-client.service.js';
import { isRecord } from '../decoding/frame.js';
import { Nothing, READ_ONLY, recordText } from './tool-text.js';

/** Forge's health and capabilities. */
@Injectable()
export class SystemTools {
  readonly toolSet = 'forge';

  constructor(private readonly forge: ForgeClient) {}

  @Tool({
    scope: 'forge',
    name: 'forge_health_check',
    description: 'Check whether the Forge server is up, and its version',
    parameters: Nothing,
    annotations: READ_ONLY,
  })
  async health(): Promise<string> {
    return recordText('Forge is up', await this.forge.health());
  }

  @Tool({
    scope: 'forge',
    name: 'forge_get_system_info',
    description: 'Configuration, environment and capabilities of the Forge server',
    parameters: Nothing,
    annotations: READ_ONLY,
  })
  async info(): Promise<string> {
    return recordText('Forge system information', await this.forge.info());
  }

  @Tool({
    scope: 'forge',
    name: 'forge_list_executor_profiles',
    description: 'Coding agents Forge can start, with their variants',
    parameters: Nothing,
    annotations: READ_ONLY,
  })
  async executors(): Promise<string> {
    const info = await this.forge.info();
    const executors = isRecord(info) && isRecord(info.executors) ? info.executors : {};
    const names = Object.entries(executors).map(([executor, variants]) => ({
      executor,
      variants: isRecord(variants) ? Object.keys(variants) : [],
    }));
    return recordText(`Executor profiles (${names.length})`, names);
  }
}
