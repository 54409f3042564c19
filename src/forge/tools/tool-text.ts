import { z } from 'zod';
import { EXECUTORS } from '../api/forge-records.js';

/** The text a tool returns: a label, then Forge's own record as JSON. */
export function recordText(label: string, record: unknown): string {
  return `${label}:\n${JSON.stringify(record, null, 2)}`;
}

export const projectId = z.string().describe('Project UUID');
export const taskId = z.string().describe('Task UUID');
export const attemptId = z.string().describe('Task attempt UUID');
export const processId = z.string().describe('Execution process UUID');
export const executor = z.enum(EXECUTORS).describe('Coding agent');
export const baseBranch = z.string().describe('Branch to start from');
export const prompt = z.string().describe('What the agent is to do');

export const Nothing = z.object({});
export const ByProject = z.object({ project_id: projectId });
export const ByAttempt = z.object({ attempt_id: attemptId });
export const ByProcess = z.object({ process_id: processId });

export const READ_ONLY = { readOnlyHint: true, openWorldHint: true } as const;
/** Additive: clients assume that an unannotated tool is destructive. */
export const ADDS = { readOnlyHint: false, destructiveHint: false, openWorldHint: true } as const;
/** Overwrites, and is idempotent. */
export const CHANGES = {
  readOnlyHint: false,
  destructiveHint: true,
  idempotentHint: true,
  openWorldHint: true,
} as const;
export const DESTROYS = { readOnlyHint: false, destructiveHint: true, openWorldHint: true } as const;
