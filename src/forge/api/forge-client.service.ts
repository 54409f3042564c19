import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { Configuration } from '../../config/configuration.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { ForgeMetrics } from '../forge.metrics.js';
import { forgeError, ForgeHttp, type ForgeRequest } from './forge-http.js';
import {
  attemptSchema,
  processSchema,
  projectSchema,
  taskSchema,
  type ExecutionProcess,
  type Executor,
  type Project,
  type Task,
  type TaskAttempt,
} from './forge-records.js';

export interface ExecutorProfile {
  readonly executor: Executor;
  readonly variant?: string | null;
}

const anything = z.unknown();
/** Stopping an agent, a merge or a push takes Forge longer than a query. */
const SLOW_MS = 60_000;

/**
 * Forge's REST interface, call by call, as version 0.7.4 serves it. Every method throws `OpstreamError` with
 * `forge_unavailable`, `forge_timeout`, `forge_not_found`, `forge_refused` or `forge_failed`.
 */
@Injectable()
export class ForgeClient {
  private readonly http: ForgeHttp;

  constructor(
    { forge }: Configuration,
    private readonly metrics: ForgeMetrics,
  ) {
    if (forge.url === undefined) throw new Error('FORGE_URL is not set');
    this.http = new ForgeHttp({ url: forge.url, token: forge.token });
  }

  /** Bare JSON `{status, service, version, message}`. */
  health(): Promise<unknown> {
    return this.get('/health', anything);
  }

  /** Configuration, executors, environment and capabilities. */
  info(): Promise<unknown> {
    return this.get('/api/info', anything);
  }

  listProjects(): Promise<Project[]> {
    return this.get('/api/projects', z.array(projectSchema));
  }

  getProject(projectId: string): Promise<Project> {
    return this.get(`/api/projects/${segment(projectId)}`, projectSchema);
  }

  createProject(project: object): Promise<Project> {
    return this.call({ method: 'POST', path: '/api/projects', body: project }, projectSchema);
  }

  updateProject(projectId: string, changes: object): Promise<Project> {
    return this.call(
      { method: 'PUT', path: `/api/projects/${segment(projectId)}`, body: changes },
      projectSchema,
    );
  }

  deleteProject(projectId: string): Promise<unknown> {
    return this.call({ method: 'DELETE', path: `/api/projects/${segment(projectId)}` }, anything);
  }

  listProjectBranches(projectId: string): Promise<unknown> {
    return this.get(`/api/projects/${segment(projectId)}/branches`, anything);
  }

  searchProjectFiles(projectId: string, query: string, mode?: string): Promise<unknown> {
    return this.get(`/api/projects/${segment(projectId)}/search`, anything, { q: query, mode });
  }

  listTasks(projectId: string): Promise<Task[]> {
    return this.get('/api/tasks', z.array(taskSchema), { project_id: projectId });
  }

  getTask(taskId: string): Promise<Task> {
    return this.get(`/api/tasks/${segment(taskId)}`, taskSchema);
  }

  createTask(task: object): Promise<Task> {
    return this.call({ method: 'POST', path: '/api/tasks', body: task }, taskSchema);
  }

  /** Answers with the task; the attempt is found with `listTaskAttempts`. */
  createAndStartTask(task: object, profile: ExecutorProfile, baseBranch: string): Promise<Task> {
    const body = { task, executor_profile_id: profile, base_branch: baseBranch };
    return this.call(
      { method: 'POST', path: '/api/tasks/create-and-start', body, timeoutMs: SLOW_MS },
      taskSchema,
    );
  }

  updateTask(taskId: string, changes: object): Promise<Task> {
    return this.call({ method: 'PUT', path: `/api/tasks/${segment(taskId)}`, body: changes }, taskSchema);
  }

  deleteTask(taskId: string): Promise<unknown> {
    return this.call({ method: 'DELETE', path: `/api/tasks/${segment(taskId)}` }, anything);
  }

  listTaskAttempts(taskId?: string): Promise<TaskAttempt[]> {
    return this.get('/api/task-attempts', z.array(attemptSchema), { task_id: taskId });
  }

  getTaskAttempt(attemptId: string, signal?: AbortSignal): Promise<TaskAttempt> {
    return this.get(attemptPath(attemptId), attemptSchema, undefined, signal);
  }

  /**
   * Starts an agent. The body carries the older API's `executor` beside Forge's own field; each version ignores the
   * other.
   */
  createTaskAttempt(taskId: string, profile: ExecutorProfile, baseBranch: string): Promise<TaskAttempt> {
    const body = {
      task_id: taskId,
      executor: profile.executor,
      executor_profile_id: { executor: profile.executor, variant: profile.variant ?? null },
      base_branch: baseBranch,
    };
    return this.call({ method: 'POST', path: '/api/task-attempts', body, timeoutMs: SLOW_MS }, attemptSchema);
  }

  /** @returns the new process */
  followUp(attemptId: string, body: object): Promise<ExecutionProcess> {
    return this.call(
      { method: 'POST', path: attemptPath(attemptId, 'follow-up'), body, timeoutMs: SLOW_MS },
      processSchema,
    );
  }

  /** Takes about two seconds. */
  stopAttempt(attemptId: string): Promise<unknown> {
    return this.act(attemptId, 'stop');
  }

  getBranchStatus(attemptId: string): Promise<unknown> {
    return this.get(attemptPath(attemptId, 'branch-status'), anything);
  }

  /** One of the attempt's git actions: `rebase`, `merge`, `push`, `pr`, `pr/attach`, `change-target-branch`, … */
  act(attemptId: string, action: string, body?: object): Promise<unknown> {
    return this.call(
      { method: 'POST', path: attemptPath(attemptId, action), ...(body && { body }), timeoutMs: SLOW_MS },
      anything,
    );
  }

  listExecutionProcesses(
    attemptId: string,
    showSoftDeleted = false,
    signal?: AbortSignal,
  ): Promise<ExecutionProcess[]> {
    const query = { task_attempt_id: attemptId, show_soft_deleted: showSoftDeleted };
    return this.get('/api/execution-processes', z.array(processSchema), query, signal);
  }

  getExecutionProcess(processId: string): Promise<ExecutionProcess> {
    return this.get(`/api/execution-processes/${segment(processId)}`, processSchema);
  }

  stopExecutionProcess(processId: string): Promise<unknown> {
    return this.call(
      { method: 'POST', path: `/api/execution-processes/${segment(processId)}/stop`, timeoutMs: SLOW_MS },
      anything,
    );
  }

  private get<Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    query?: ForgeRequest['query'],
    signal?: AbortSignal,
  ): Promise<z.output<Schema>> {
    return this.call({ method: 'GET', path, ...(query && { query }), ...(signal && { signal }) }, schema);
  }

  private async call<Schema extends z.ZodType>(
    request: ForgeRequest,
    schema: Schema,
  ): Promise<z.output<Schema>> {
    const parsed = schema.safeParse(await this.metrics.timed(() => this.http.send(request)));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    const where = issue?.path.length ? `${issue.path.join('.')}: ` : '';
    throw forgeError(
      request,
      'forge_failed',
      `Forge answered ${request.method} ${request.path} with something unexpected: ${where}${issue?.message}`,
    );
  }
}

function attemptPath(attemptId: string, action?: string): string {
  return `/api/task-attempts/${segment(attemptId)}${action === undefined ? '' : `/${action}`}`;
}

/** An id in a path must not lead to another path. @throws OpstreamError `invalid_request` */
function segment(id: string): string {
  if (id === '' || id === '.' || id === '..' || id.length > 200) {
    throw new OpstreamError('invalid_request', 'Not a valid Forge id');
  }
  return encodeURIComponent(id);
}
