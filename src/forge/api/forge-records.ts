import { z } from 'zod';

/**
 * What the client needs of Forge's records; everything else a server sends is kept and passed on. Fields that only
 * one of the two kinds of server has are optional.
 */

export const attemptSchema = z.looseObject({
  id: z.string(),
  task_id: z.string().optional(),
  branch: z.string().nullish(),
  target_branch: z.string().nullish(),
  executor: z.string().nullish(),
  /** The document's server only (S0-53). */
  status: z.string().optional(),
});
export type TaskAttempt = z.infer<typeof attemptSchema>;

export const processSchema = z.looseObject({
  id: z.string(),
  task_attempt_id: z.string().optional(),
  /** `setupscript`, `codingagent`, `cleanupscript` or `devserver`; absent on the document's server. */
  run_reason: z.string().optional(),
  /** `running`, `completed`, `failed` or `killed`. */
  status: z.string(),
  exit_code: z.number().nullish(),
  dropped: z.boolean().optional(),
  started_at: z.string().optional(),
  /** The document's server only (S0-52). */
  logs: z.string().nullish(),
  output: z.string().nullish(),
});
export type ExecutionProcess = z.infer<typeof processSchema>;

export const projectSchema = z.looseObject({ id: z.string(), name: z.string().optional() });
export type Project = z.infer<typeof projectSchema>;

export const taskSchema = z.looseObject({
  id: z.string(),
  project_id: z.string().optional(),
  title: z.string().optional(),
  status: z.string().optional(),
});
export type Task = z.infer<typeof taskSchema>;

/** The executors of Forge 0.7.4, among them the document's three (S0-55). */
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
