import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { ToolContext } from '../../mcp/tools/tool-context.js';
import { Tool } from '../../mcp/tools/tool.decorator.js';
import { UserError } from '../../mcp/tools/user-error.js';
import { ForgeClient } from '../api/forge-client.service.js';
import {
  ADDS,
  baseBranch,
  ByAttempt,
  DESTROYS,
  executor,
  processId,
  prompt,
  READ_ONLY,
  recordText,
  taskId,
} from './tool-text.js';

const ListAttempts = z.object({ task_id: taskId.optional() });
const CreateAttempt = z.object({
  task_id: taskId,
  executor,
  base_branch: baseBranch,
  variant: z.string().optional().describe("Variant of the executor's profile"),
});
const FollowUp = ByAttempt.extend({ prompt });
const ReplaceProcess = ByAttempt.extend({
  prompt,
  executor: executor.optional().describe('Of the process that is replaced; Forge cannot change it'),
  process_id: processId.optional().describe('The process to replace; the latest agent by default'),
});

/** Attempts: one agent working on one task, in its own worktree and branch. */
@Injectable()
export class AttemptTools {
  readonly toolSet = 'forge';

  constructor(private readonly forge: ForgeClient) {}

  @Tool({
    scope: 'forge',
    name: 'forge_list_task_attempts',
    description: 'List attempts, of one task or of all',
    parameters: ListAttempts,
    annotations: READ_ONLY,
  })
  async list({ task_id }: z.output<typeof ListAttempts>): Promise<string> {
    const attempts = await this.forge.listTaskAttempts(task_id);
    return recordText(`Task attempts (${attempts.length})`, attempts);
  }

  @Tool({
    scope: 'forge',
    name: 'forge_create_task_attempt',
    description: 'Create and start task execution',
    parameters: CreateAttempt,
    annotations: ADDS,
  })
  async create(args: z.output<typeof CreateAttempt>, { log, reportProgress }: ToolContext): Promise<string> {
    log.info('Starting task attempt...');
    await reportProgress({ progress: 1, total: 2 });
    const profile = { executor: args.executor, variant: args.variant ?? null };
    const attempt = await this.forge.createTaskAttempt(args.task_id, profile, args.base_branch);
    await reportProgress({ progress: 2, total: 2 });
    log.info(`Task attempt started: ${attempt.id}`);
    return recordText('Task attempt created', attempt);
  }

  @Tool({
    scope: 'forge',
    name: 'forge_get_task_attempt',
    description: 'Get one attempt',
    parameters: ByAttempt,
    annotations: READ_ONLY,
  })
  async get({ attempt_id }: z.output<typeof ByAttempt>): Promise<string> {
    return recordText('Task attempt', await this.forge.getTaskAttempt(attempt_id));
  }

  @Tool({
    scope: 'forge',
    name: 'forge_follow_up_task_attempt',
    description: 'Send a follow-up prompt to the agent of an attempt',
    parameters: FollowUp,
    annotations: ADDS,
  })
  async followUp({ attempt_id, prompt }: z.output<typeof FollowUp>): Promise<string> {
    return recordText('Follow-up started', await this.forge.followUp(attempt_id, { prompt }));
  }

  @Tool({
    scope: 'forge',
    name: 'forge_stop_task_attempt',
    description: 'Stop the agent of an attempt; takes about two seconds',
    parameters: ByAttempt,
    annotations: DESTROYS,
  })
  async stop({ attempt_id }: z.output<typeof ByAttempt>): Promise<string> {
    await this.forge.stopAttempt(attempt_id);
    return `Task attempt stopped: ${attempt_id}`;
  }

  @Tool({
    scope: 'forge',
    name: 'forge_replace_process',
    description:
      "Discard an agent's work from one of its processes on and start it again with another prompt",
    parameters: ReplaceProcess,
    annotations: DESTROYS,
  })
  async replaceProcess({
    attempt_id,
    prompt,
    process_id,
    executor,
  }: z.output<typeof ReplaceProcess>): Promise<string> {
    if (executor !== undefined) await this.expectExecutor(attempt_id, executor);
    const id = process_id ?? (await this.latestAgent(attempt_id));
    const replaced = await this.forge.act(attempt_id, 'replace-process', {
      process_id: id,
      prompt,
      variant: null,
    });
    return recordText('Process replaced', replaced);
  }

  private async expectExecutor(attemptId: string, executor: string): Promise<void> {
    const { executor: actual } = await this.forge.getTaskAttempt(attemptId);
    // With a variant it reads CLAUDE_CODE:PLAN.
    const name = actual?.split(':', 1)[0];
    if (name && name !== executor) {
      throw new UserError(
        `Attempt ${attemptId} is worked on by ${name}, which Forge cannot change to ${executor}`,
      );
    }
  }

  private async latestAgent(attempt: string): Promise<string> {
    const processes = await this.forge.listExecutionProcesses(attempt);
    const agent = processes.findLast(({ run_reason }) => run_reason === 'codingagent');
    if (!agent) throw new UserError(`Attempt ${attempt} has no agent process yet`);
    return agent.id;
  }
}
