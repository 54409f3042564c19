import { z } from 'zod';

/**
 * What the client needs of Forge's records; everything else a server sends is kept and passed on. Fields that only
 * one of the two kinds of server has are optional, and `null` is as good as none.
 */

export const attemptSchema = z.looseObject({
  id: z.string(),
  task_id: z.string().nullish(),
  branch: z.string().nullish(),
  target_branch: z.string().nullish(),
  executor: z.string().nullish(),
  /** The document's server only. */
  status: z.string().nullish(),
});
export type TaskAttempt = z.infer<typeof attemptSchema>;

export const processSchema = z.looseObject({
  id: z.string(),
  task_attempt_id: z.string().nullish(),
  /** `setupscript`, `codingagent`, `cleanupscript` or `devserver`; absent on the document's server. */
  run_reason: z.string().nullish(),
  /** `running`, `completed`, `failed` or `killed`; what else a server may say is no end. */
  status: z.string(),
  exit_code: z.number().nullish(),
  dropped: z.boolean().nullish(),
  started_at: z.string().nullish(),
  completed_at: z.string().nullish(),
  /** The document's server only. */
  logs: z.string().nullish(),
  output: z.string().nullish(),
});
export type ExecutionProcess = z.infer<typeof processSchema>;

export const projectSchema = z.looseObject({ id: z.string(), name: z.string().nullish() });
export type Project = z.infer<typeof projectSchema>;

export const taskSchema = z.looseObject({
  id: z.string(),
  project_id: z.string().nullish(),
  title: z.string().nullish(),
  status: z.string().nullish(),
});
export type Task = z.infer<typeof taskSchema>;

/** The executors of Forge 0.7.4, among them the document's three. */
export const EXECUTORS = [
  'CLAUDE_CODE',
  'CODEX',
  'GEMINI',
  'AMP',
  'OPENCODE',
  'CURSOR_AGENT',
  'QWEN_CODE',
  'COPILOT',
] as const;
export type Executor = (typeof EXECUTORS)[number];

export const TASK_STATUSES = [
  'todo',
  'inprogress',
  'inreview',
  'done',
  'cancelled',
  'agent',
  'archived',
] as const;
