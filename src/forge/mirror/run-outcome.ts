import type { ExecutionProcess } from '../api/forge-records.js';

/** How a run of a coding agent ended. */
export interface RunOutcome {
  readonly status: 'completed' | 'failed' | 'killed';
  /** Human-readable. */
  readonly message: string;
  readonly exitCode: number | null;
}

/** Final states of a process and of a polled attempt. */
export const FINAL_STATES: ReadonlySet<string> = new Set(['completed', 'failed', 'killed']);

/**
 * Whether an attempt's run is over, from its processes alone: the flags of tasks flicker between the setup script and
 * the agent. Undefined while it runs or has not begun.
 * @param attemptStatus from the older API, whose processes do not say what they are
 */
export function outcomeOf(
  processes: Iterable<ExecutionProcess>,
  attemptStatus?: string | null,
): RunOutcome | undefined {
  const relevant = [...processes].filter(({ run_reason, dropped }) => run_reason !== 'devserver' && !dropped);
  const agents = relevant.filter(({ run_reason }) => run_reason === 'codingagent');
  if (agents.length > 0) {
    if (!relevant.every(hasEnded)) return undefined;
    return ended('The coding agent', latest(agents));
  }
  if (attemptStatus === 'completed') return { status: 'completed', message: 'Completed', exitCode: null };
  if (attemptStatus === 'failed') return { status: 'failed', message: 'The attempt failed', exitCode: null };
  const setup = relevant.filter(({ run_reason }) => run_reason === 'setupscript');
  if (setup.length === 0 || !relevant.every(hasEnded)) return undefined;
  // A successful setup script is followed by the agent.
  const last = latest(setup);
  return last.status === 'completed' ? undefined : ended('The setup script', last);
}

/** True while a coding agent is known to run. */
export function agentRuns(processes: Iterable<ExecutionProcess>): boolean {
  return [...processes].some((process) => process.run_reason === 'codingagent' && !hasEnded(process));
}

/**
 * The number of an attempt's run, starting at 1: every follow-up starts another agent, and so does every replacement
 * of a process, which drops the old one. A run that is still preparing its agent counts.
 * @param processes including dropped ones
 */
export function runNumber(processes: readonly ExecutionProcess[]): number {
  return Math.max(1, processes.filter(({ run_reason }) => run_reason === 'codingagent').length);
}

/** An unknown state (queued or waiting, for instance) is not final, unless Forge has set an end date. */
export function hasEnded({ status, completed_at }: ExecutionProcess): boolean {
  return FINAL_STATES.has(status) || (completed_at ?? '') !== '';
}

function latest(processes: readonly ExecutionProcess[]): ExecutionProcess {
  return processes.reduce((last, one) => ((one.started_at ?? '') >= (last.started_at ?? '') ? one : last));
}

function ended(who: string, { status, exit_code }: ExecutionProcess): RunOutcome {
  const exitCode = exit_code ?? null;
  if (status === 'completed') return { status, message: `${who} completed`, exitCode };
  if (status === 'killed') return { status, message: `${who} was stopped`, exitCode };
  const code = exitCode === null ? '' : ` with exit code ${exitCode}`;
  return { status: 'failed', message: `${who} failed${code}`, exitCode };
}
