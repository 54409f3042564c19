import type { Operation } from '../../operations/operation.js';
import type { OperationsService } from '../../operations/operations.service.js';
import type { RunOutcome } from './run-outcome.js';

const AGENT_FAILED = 'ForgeAgentFailed';
const AGENT_STOPPED = 'ForgeAgentStopped';
const FORGE_UNAVAILABLE = 'ForgeUnavailable';

const MAX_FILES = 1000;

/** Summary of a completed run. */
export interface RunSummary {
  readonly attemptId: string;
  readonly diffs: number;
  readonly logLines: number;
  readonly files: readonly string[];
}

/** How the operation of a mirrored run ends. */
export class MirrorEnding {
  constructor(
    private readonly operations: OperationsService,
    private readonly tenant: string,
    private readonly operationId: string,
  ) {}

  async runIsOver(outcome: RunOutcome, { attemptId, diffs, logLines, files }: RunSummary): Promise<void> {
    if (outcome.status !== 'completed') {
      await this.error(outcome.message, outcome.status === 'killed' ? AGENT_STOPPED : AGENT_FAILED);
      return;
    }
    await this.operations.result(
      { tenant: this.tenant, operationId: this.operationId },
      {
        attempt_id: attemptId,
        status: outcome.status,
        exit_code: outcome.exitCode,
        diffs,
        log_lines: logLines,
        files: files.slice(0, MAX_FILES),
      },
    );
  }

  /** Forge responds but does not know the attempt: nothing more will come. */
  async attemptIsGone(reason: Error): Promise<void> {
    await this.error(`Forge does not have the attempt any more: ${reason.message}`, FORGE_UNAVAILABLE);
  }

  private async error(message: string, type: string): Promise<void> {
    await this.operations.error({ tenant: this.tenant, operationId: this.operationId }, message, type);
  }
}

/** True for an operation that recorded its run to the end, with any outcome; false when Forge was lost before. */
export function recordedToTheEnd({ state, errorType }: Operation): boolean {
  return state === 'completed' || errorType === AGENT_FAILED || errorType === AGENT_STOPPED;
}
