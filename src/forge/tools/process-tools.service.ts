import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { Tool } from '../../mcp/tools/tool.decorator.js';
import { ForgeClient } from '../api/forge-client.service.js';
import { ByAttempt, ByProcess, DESTROYS, READ_ONLY, recordText } from './tool-text.js';

const ListProcesses = ByAttempt.extend({
  show_soft_deleted: z.boolean().optional().default(false).describe('With those that a replacement undid'),
});

/** Processes of an attempt: setup script, agent, cleanup script, development server. */
@Injectable()
export class ProcessTools {
  readonly toolSet = 'forge';

  constructor(private readonly forge: ForgeClient) {}

  @Tool({
    scope: 'forge',
    name: 'forge_list_execution_processes',
    description: 'List the processes of an attempt',
    parameters: ListProcesses,
    annotations: READ_ONLY,
  })
  async list({ attempt_id, show_soft_deleted }: z.output<typeof ListProcesses>): Promise<string> {
    const processes = await this.forge.listExecutionProcesses(attempt_id, show_soft_deleted);
    return recordText(`Execution processes (${processes.length})`, processes);
  }

  @Tool({
    scope: 'forge',
    name: 'forge_get_execution_process',
    description: 'Get one process',
    parameters: ByProcess,
    annotations: READ_ONLY,
  })
  async get({ process_id }: z.output<typeof ByProcess>): Promise<string> {
    return recordText('Execution process', await this.forge.getExecutionProcess(process_id));
  }

  @Tool({
    scope: 'forge',
    name: 'forge_stop_execution_process',
    description: 'Stop one process',
    parameters: ByProcess,
    annotations: DESTROYS,
  })
  async stop({ process_id }: z.output<typeof ByProcess>): Promise<string> {
    await this.forge.stopExecutionProcess(process_id);
    return `Execution process stopped: ${process_id}`;
  }
}
