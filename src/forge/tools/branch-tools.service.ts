import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { Tool } from '../../mcp/tools/tool.decorator.js';
import { ForgeClient } from '../api/forge-client.service.js';
import { ADDS, ByAttempt, CHANGES, DESTROYS, READ_ONLY, recordText } from './tool-text.js';

const Rebase = ByAttempt.extend({
  base_branch: z.string().optional().describe('New base; the present one by default'),
});
const CreatePullRequest = ByAttempt.extend({
  title: z.string().describe('Title of the pull request'),
  body: z.string().optional().describe('Its text'),
  target_branch: z.string().optional().describe("The attempt's target branch by default"),
});
const AttachPullRequest = ByAttempt.extend({
  pr_number: z.number().int().positive().optional().describe('For servers that do not find it themselves'),
});
const ChangeTarget = ByAttempt.extend({ target_branch: z.string().describe('Branch to merge into') });

/** Merging, pushing and rebasing an attempt's branch. */
@Injectable()
export class BranchTools {
  readonly toolSet = 'forge';

  constructor(private readonly forge: ForgeClient) {}

  @Tool({
    scope: 'forge',
    name: 'forge_get_branch_status',
    description: "Commits ahead and behind, conflicts and merges of an attempt's branch",
    parameters: ByAttempt,
    annotations: READ_ONLY,
  })
  async status({ attempt_id }: z.output<typeof ByAttempt>): Promise<string> {
    return recordText('Branch status', await this.forge.getBranchStatus(attempt_id));
  }

  @Tool({
    scope: 'forge',
    name: 'forge_rebase_task_attempt',
    description: "Rebase an attempt's branch",
    parameters: Rebase,
    annotations: DESTROYS,
  })
  async rebase({ attempt_id, base_branch }: z.output<typeof Rebase>): Promise<string> {
    const body = base_branch === undefined ? {} : { new_base_branch: base_branch };
    await this.forge.act(attempt_id, 'rebase', body);
    return `Task attempt rebased: ${attempt_id}`;
  }

  @Tool({
    scope: 'forge',
    name: 'forge_merge_task_attempt',
    description: "Merge an attempt's branch into its target branch",
    parameters: ByAttempt,
    annotations: DESTROYS,
  })
  async merge({ attempt_id }: z.output<typeof ByAttempt>): Promise<string> {
    await this.forge.act(attempt_id, 'merge');
    return `Task attempt merged: ${attempt_id}`;
  }

  @Tool({
    scope: 'forge',
    name: 'forge_push_branch',
    description: "Push an attempt's branch to the remote",
    parameters: ByAttempt,
    annotations: ADDS,
  })
  async push({ attempt_id }: z.output<typeof ByAttempt>): Promise<string> {
    await this.forge.act(attempt_id, 'push');
    return `Branch pushed: ${attempt_id}`;
  }

  @Tool({
    scope: 'forge',
    name: 'forge_create_pull_request',
    description: "Open a pull request for an attempt's branch",
    parameters: CreatePullRequest,
    annotations: ADDS,
  })
  async createPullRequest(args: z.output<typeof CreatePullRequest>): Promise<string> {
    const { attempt_id, title, body, target_branch } = args;
    const pull = await this.forge.act(attempt_id, 'pr', {
      title,
      body: body ?? null,
      target_branch: target_branch ?? null,
    });
    return recordText('Pull request created', pull);
  }

  @Tool({
    scope: 'forge',
    name: 'forge_attach_existing_pr',
    description: "Attach the pull request that exists for an attempt's branch",
    parameters: AttachPullRequest,
    annotations: ADDS,
  })
  async attachPullRequest({ attempt_id, pr_number }: z.output<typeof AttachPullRequest>): Promise<string> {
    const body = pr_number === undefined ? undefined : { pr_number };
    return recordText('Pull request attached', await this.forge.act(attempt_id, 'pr/attach', body));
  }

  @Tool({
    scope: 'forge',
    name: 'forge_change_target_branch',
    description: "Change the branch an attempt's work is to be merged into",
    parameters: ChangeTarget,
    annotations: CHANGES,
  })
  async changeTarget({ attempt_id, target_branch }: z.output<typeof ChangeTarget>): Promise<string> {
    const changed = await this.forge.act(attempt_id, 'change-target-branch', {
      new_target_branch: target_branch,
    });
    return recordText('Target branch changed', changed);
  }
}
