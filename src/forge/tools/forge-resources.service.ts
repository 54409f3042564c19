import { Injectable } from '@nestjs/common';
import { ResourceTemplate, type ResourceContents } from '../../mcp/resources/resource.decorator.js';
import { ForgeClient } from '../api/forge-client.service.js';
import type { ExecutionProcess } from '../api/forge-records.js';
import { outcomeOf } from '../mirror/run-outcome.js';
import { StreamReader } from '../streams/stream-reader.service.js';

type Variables = Record<string, string>;

const ATTEMPT = { name: 'attemptId', description: 'Task attempt UUID', required: true };
const PROCESS = { name: 'processId', description: 'Execution process UUID', required: true };
const PROJECT = { name: 'projectId', description: 'Project UUID', required: true };

/** Forge's current state, loaded on demand; subscribers are notified of changes while a run is watched. */
@Injectable()
export class ForgeResources {
  constructor(
    private readonly forge: ForgeClient,
    private readonly reader: StreamReader,
  ) {}

  @ResourceTemplate({
    scope: 'forge',
    subscribeScope: 'operations:write',
    uriTemplate: 'forge://logs/attempt/{attemptId}',
    name: 'Task Attempt Logs',
    description: 'Logs of all processes of an attempt',
    mimeType: 'text/plain',
    arguments: [ATTEMPT],
  })
  async attemptLogs({ attemptId = '' }: Variables): Promise<ResourceContents> {
    const processes = await this.forge.listExecutionProcesses(attemptId, false);
    const logs = await Promise.all(processes.map((process) => this.logOf(process)));
    const sections = processes.map(
      ({ id, status }, index) => `=== Process ${id} (${status}) ===\n${logs[index] ?? ''}\n\n`,
    );
    return { text: `Task Attempt Logs (${processes.length} process(es)):\n\n${sections.join('')}` };
  }

  @ResourceTemplate({
    scope: 'forge',
    subscribeScope: 'operations:write',
    uriTemplate: 'forge://logs/process/{processId}',
    name: 'Process Logs',
    description: 'Log of one process',
    mimeType: 'text/plain',
    arguments: [PROCESS],
  })
  async processLogs({ processId = '' }: Variables): Promise<ResourceContents> {
    return { text: await this.logOf(await this.forge.getExecutionProcess(processId)) };
  }

  @ResourceTemplate({
    scope: 'forge',
    subscribeScope: 'operations:write',
    uriTemplate: 'forge://logs/normalized/{processId}',
    name: 'Normalized Process Logs',
    description: "An agent's log as Forge understands it: messages, tool uses, errors",
    mimeType: 'application/json',
    arguments: [PROCESS],
  })
  async normalizedLogs({ processId = '' }: Variables): Promise<ResourceContents> {
    return json(await this.reader.entries('normalized-logs', processId));
  }

  @ResourceTemplate({
    scope: 'forge',
    subscribeScope: 'operations:write',
    uriTemplate: 'forge://drafts/project/{projectId}',
    name: 'Project Drafts',
    description: 'Follow-up and retry prompts that were drafted and not sent',
    mimeType: 'application/json',
    arguments: [PROJECT],
  })
  async drafts({ projectId = '' }: Variables): Promise<ResourceContents> {
    return json(await this.reader.entries('drafts', projectId));
  }

  @ResourceTemplate({
    scope: 'forge',
    subscribeScope: 'operations:write',
    uriTemplate: 'forge://status/attempt/{attemptId}',
    name: 'Task Attempt Status',
    description: 'An attempt, its processes, and how its latest run ended',
    mimeType: 'application/json',
    arguments: [ATTEMPT],
  })
  async attemptStatus({ attemptId = '' }: Variables): Promise<ResourceContents> {
    const attempt = await this.forge.getTaskAttempt(attemptId);
    const processes = await this.forge.listExecutionProcesses(attemptId, false);
    const outcome = outcomeOf(processes, attempt.status) ?? null;
    return json({ attempt, processes, outcome });
  }

  @ResourceTemplate({
    scope: 'forge',
    subscribeScope: 'operations:write',
    uriTemplate: 'forge://status/branch/{attemptId}',
    name: 'Branch Status',
    description: "Commits ahead and behind, conflicts and merges of an attempt's branch",
    mimeType: 'application/json',
    arguments: [ATTEMPT],
  })
  async branchStatus({ attemptId = '' }: Variables): Promise<ResourceContents> {
    return json(await this.forge.getBranchStatus(attemptId));
  }

  @ResourceTemplate({
    scope: 'forge',
    subscribeScope: 'operations:write',
    uriTemplate: 'forge://status/project/{projectId}',
    name: 'Project Status',
    description: 'A project and its tasks',
    mimeType: 'application/json',
    arguments: [PROJECT],
  })
  async projectStatus({ projectId = '' }: Variables): Promise<ResourceContents> {
    const project = await this.forge.getProject(projectId);
    return json({ project, tasks: await this.forge.listTasks(projectId) });
  }

  private async logOf({ id, logs, output }: ExecutionProcess): Promise<string> {
    return (logs ?? '') || (output ?? '') || (await this.reader.log(id)) || 'No logs\n';
  }
}

function json(value: unknown): ResourceContents {
  return { text: JSON.stringify(value, null, 2) };
}
