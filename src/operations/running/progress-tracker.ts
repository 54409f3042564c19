import type { JsonObject, JsonValue } from '../../platform/json.js';
import type { OperationScope } from '../operation-scope.js';

/** Progress in steps: each `step` reports `current/total`, `complete` records the result. */
export class ProgressTracker {
  private current = 0;

  /** @param totalSteps how many steps the work has, at least 1 */
  constructor(
    private readonly operation: Pick<OperationScope, 'progress' | 'result'>,
    private readonly totalSteps = 5,
  ) {
    if (!Number.isInteger(totalSteps) || totalSteps < 1) throw new RangeError('totalSteps must be 1 or more');
  }

  /** More steps than announced stay at 1. */
  step(message: string, details?: JsonObject): Promise<void> {
    this.current = Math.min(this.current + 1, this.totalSteps);
    return this.operation.progress(this.current / this.totalSteps, message, details);
  }

  complete(result: JsonValue): Promise<void> {
    return this.operation.result(result);
  }
}
