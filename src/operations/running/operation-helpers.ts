import type { JsonObject, JsonValue } from '../../platform/json.js';
import type { RunOptions } from '../operation-runner.js';
import type { OperationScope } from '../operation-scope.js';
import type { OperationSnapshot } from '../../client/protocol/operation-events.js';
import { toSnapshot } from '../operation-snapshot.js';
import type { OperationsService } from '../operations.service.js';

/** Helpers for code that takes plain callbacks. */

/** One named part of an orchestration; gets what the part before it returned. */
export interface OrchestrationStep {
  readonly name: string;
  run(previous: unknown, operation: OperationScope): Promise<unknown>;
}

/** A callback `(progress, message)` for libraries that report progress that way. */
export function createProgressCallback(operation: OperationScope) {
  return (progress: number, message?: string, details?: JsonObject): Promise<void> =>
    operation.progress(progress, message, details);
}

/** A callback `(level, message)` for libraries that log that way. */
export function createLogCallback(operation: OperationScope) {
  return (level: string, message: string): Promise<void> => operation.log(level, message);
}

/** Runs work that wants a progress callback as an operation. */
export function runWithProgress<T>(
  operations: Pick<OperationsService, 'run'>,
  operationType: string,
  options: RunOptions,
  work: (report: ReturnType<typeof createProgressCallback>) => Promise<T>,
): Promise<T> {
  return operations.run(operationType, options, (operation) => work(createProgressCallback(operation)));
}

/** Runs steps one after another as one operation; progress goes from 0.1 to 0.9, the last value is the result. */
export function streamOrchestration(
  operations: Pick<OperationsService, 'run'>,
  request: JsonValue,
  steps: readonly OrchestrationStep[],
  options: RunOptions = {},
): Promise<unknown> {
  const metadata = { ...options.metadata, request, steps: steps.map(({ name }) => name) };
  return operations.run('orchestration', { ...options, metadata }, async (operation) => {
    let value: unknown = request;
    for (const [index, step] of steps.entries()) {
      operation.signal.throwIfAborted();
      const progress = 0.1 + (0.8 * index) / Math.max(1, steps.length - 1);
      await operation.progress(progress, step.name, { step: index + 1, total: steps.length });
      value = await step.run(value, operation);
    }
    return value;
  });
}

/** Snapshots of everything that has not ended, newest first, at most 500. */
export async function getActiveOperations(
  operations: OperationsService,
  tenant: string,
): Promise<OperationSnapshot[]> {
  const page = await operations.list(tenant, { active: true, limit: 500 });
  return page.operations.map((operation) => toSnapshot(operation));
}
