import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { Tool } from '../../mcp/tools/tool.decorator.js';
import { ForgeClient } from '../api/forge-client.service.js';
import { TASK_STATUSES } from '../api/forge-records.js';
import {
  ADDS,
  baseBranch,
  ByProject,
  CHANGES,
  DESTROYS,
  executor,
  projectId,
  READ_ONLY,
  recordText,
  taskId,
} from './tool-text.js';

const title = z.string().describe('Begins the prompt of its agents');
const description = z.string().describe('The rest of the prompt');
const CreateTask = z.object({
  project_id: projectId,
  title,
  description: description.optional(),
});
const StartTask = CreateTask.extend({ executor, base_branch: baseBranch });
/** Task ids are sufficient; a project id is accepted for callers that used to need it. */
const ByTask = z.object({ project_id: projectId.optional(), task_id: taskId });
const UpdateTask = ByTask.extend({
  title: title.optional(),
  description: description.optional(),
  status: z.enum(TASK_STATUSES).optional(),
});

/** Forge's tasks: what agents are asked to do. */
@Injectable()
export class TaskTools {
  readonly toolSet = 'forge';

  constructor(private readonly forge: ForgeClient) {}

  @Tool({
    scope: 'forge',
    name: 'forge_list_tasks',
    description: 'List the tasks of a project',
    parameters: ByProject,
    annotations: READ_ONLY,
  })
  async list({ project_id }: z.output<typeof ByProject>): Promise<string> {
    const tasks = await this.forge.listTasks(project_id);
    return recordText(`Tasks (${tasks.length})`, tasks);
  }

  @Tool({
    scope: 'forge',
    name: 'forge_create_task',
    description: 'Create a task without starting it',
    parameters: CreateTask,
    annotations: ADDS,
  })
  async create({ project_id, title, description }: z.output<typeof CreateTask>): Promise<string> {
    const task = await this.forge.createTask({ project_id, title, description: description ?? null });
    return recordText('Task created', task);
  }

  @Tool({
    scope: 'forge',
    name: 'forge_create_and_start_task',
    description: 'Create a task and start an agent on it',
    parameters: StartTask,
    annotations: ADDS,
  })
  async start(args: z.output<typeof StartTask>): Promise<string> {
    const { project_id, title, description, base_branch } = args;
    const task = await this.forge.createAndStartTask(
      { project_id, title, description: description ?? null },
      { executor: args.executor, variant: null },
      base_branch,
    );
    // Forge returns only the task, but a watcher needs the attempt. The agent has started even when the attempt cannot
    // be fetched.
    const [attempt] = await this.forge.listTaskAttempts(task.id).catch(() => []);
    return recordText('Task started', { ...task, attempt_id: attempt?.id ?? null });
  }

  @Tool({
    scope: 'forge',
    name: 'forge_get_task',
    description: 'Get one task',
    parameters: ByTask,
    annotations: READ_ONLY,
  })
  async get({ task_id }: z.output<typeof ByTask>): Promise<string> {
    return recordText('Task', await this.forge.getTask(task_id));
  }

  @Tool({
    scope: 'forge',
    name: 'forge_update_task',
    description: "Change a task's title, description or status",
    parameters: UpdateTask,
    annotations: CHANGES,
  })
  async update({ task_id, project_id: _project, ...changes }: z.output<typeof UpdateTask>): Promise<string> {
    return recordText('Task updated', await this.forge.updateTask(task_id, changes));
  }

  @Tool({
    scope: 'forge',
    name: 'forge_delete_task',
    description: 'Delete a task with its attempts',
    parameters: ByTask,
    annotations: DESTROYS,
  })
  async delete({ task_id }: z.output<typeof ByTask>): Promise<string> {
    await this.forge.deleteTask(task_id);
    return `Task deleted: ${task_id}`;
  }
}
