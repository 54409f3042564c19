import { z } from 'zod';

/**
 * The fields of Forge's records that the client needs; all others are kept and passed on. Fields that only one Forge
 * version has are optional; `null` counts as absent.
 */

export const attemptSchema = z.looseObject({
  id: z.string(),
  task_id: z.string().nullish(),
  branch: z.string().nullish(),
  target_branch: z.string().nullish(),
  executor: z.string().nullish(),
  /** Older API only. */
  status: z.string().nullish(),
});
export type TaskAttempt = z.infer<typeof attemptSchema>;

export const processSchema = z.looseObject({
  id: z.string(),
  task_attempt_id: z.string().nullish(),
  /** `setupscript`, `codingagent`, `cleanupscript` or `devserver`; absent in the older API. */
  run_reason: z.string().nullish(),
  /** `running`, `completed`, `failed` or `killed`; any other state is not final. */
  status: z.string(),
  exit_code: z.number().nullish(),
  dropped: z.boolean().nullish(),
  started_at: z.string().nullish(),
  completed_at: z.string().nullish(),
  /** Older API only. */
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

/** The executors of Forge 0.7.4, including the three of the older API. */
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
