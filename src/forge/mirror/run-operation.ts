import type { Operation } from '../../operations/operation.js';
import type { OperationsService } from '../../operations/operations.service.js';
import type { ExecutionProcess, TaskAttempt } from '../api/forge-records.js';
import { recordedToTheEnd } from './mirror-ending.js';
import { hasEnded, outcomeOf, runNumber } from './run-outcome.js';

export const ATTEMPT_OPERATION = 'forge.attempt';

/** An attempt's latest run, and where it is recorded. */
export interface RunOperation {
  readonly operation: Operation;
  readonly created: boolean;
  /** Processes of earlier runs, which have their own operations. */
  readonly ignored: ReadonlySet<string>;
}

/**
 * Finds the operation of an attempt's latest run: an open one, or one that recorded a finished run to its end.
 * Otherwise (it was cancelled, or Forge was lost) creates a further one.
 * @param processes all of the attempt's, including dropped ones
 */
export async function operationOfRun(
  operations: OperationsService,
  tenant: string,
  attempt: TaskAttempt,
  processes: readonly ExecutionProcess[],
): Promise<RunOperation> {
  const run = runNumber(processes);
  const isOver = outcomeOf(processes, attempt.status) !== undefined;
  const ignored = run === 1 ? new Set<string>() : processesBefore(processes);
  for (let again = 1; ; again++) {
    const operationId = `forge-${attempt.id}-${run}${again === 1 ? '' : `.${again}`}`;
    const found = await operations.find({ tenant, operationId });
    if (found && (found.endedAt === null || (isOver && recordedToTheEnd(found)))) {
      return { operation: found, created: false, ignored };
    }
    if (found) continue;
    const { task_id, branch, target_branch } = attempt;
    const opened = await operations.create(tenant, {
      operationType: ATTEMPT_OPERATION,
      operationId,
      metadata: { attempt_id: attempt.id, run, task_id, branch, target_branch },
    });
    return { ...opened, ignored };
  }
}

/** Processes that ended before the latest agent started. */
function processesBefore(processes: readonly ExecutionProcess[]): Set<string> {
  const starts = processes
    .filter(({ run_reason, dropped }) => run_reason === 'codingagent' && !dropped)
    .map(({ started_at }) => started_at ?? '');
  const latest = starts.sort().at(-1) ?? '';
  const earlier = processes.filter((process) => hasEnded(process) && (process.started_at ?? '') < latest);
  return new Set(earlier.map(({ id }) => id));
}
