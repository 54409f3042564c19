import { AsyncLocalStorage } from 'node:async_hooks';
import type { JsonObject, JsonValue } from '../platform/json.js';
import { parseDraft, type EventDraft, type ProducerEventType } from './operation-draft.js';

/** Records one event of the scope's operation; null where the operation itself could not be opened. */
export type Emit = (draft: EventDraft) => Promise<unknown>;

/**
 * What running work reports through. No method rejects: failing to emit never breaks the work itself (S1-61); the
 * failure goes to `onEmitFailure`, and the rest of the work goes on.
 */
export class OperationScope {
  private over = false;

  constructor(
    /** Null when the operation could not be opened and the work runs unseen. */
    readonly operationId: string | null,
    /** Fires when the operation is cancelled by anyone. */
    readonly signal: AbortSignal,
    private readonly emit: Emit,
    private readonly onEmitFailure: (error: unknown) => void,
  ) {}

  /** True once the work recorded its own result, error or cancellation. */
  get ended(): boolean {
    return this.over;
  }

  /** @param progress 0 to 1 */
  progress(progress: number, message?: string, details?: JsonObject): Promise<void> {
    return this.record('progress', { progress, message, details });
  }

  status(status: string, message?: string, details?: JsonObject): Promise<void> {
    return this.record('status', { status, message, details });
  }

  log(level: string, message: string, details?: JsonObject): Promise<void> {
    return this.record('log', { level, message, details });
  }

  result(result: JsonValue): Promise<void> {
    return this.end('result', { result });
  }

  error(error: string, errorType?: string): Promise<void> {
    return this.end('error', { error, error_type: errorType });
  }

  cancelled(reason?: string): Promise<void> {
    return this.end('cancelled', { reason });
  }

  private end(type: ProducerEventType, data: unknown): Promise<void> {
    if (this.over) return Promise.resolve();
    this.over = true;
    return this.record(type, data);
  }

  private async record(type: ProducerEventType, data: unknown): Promise<void> {
    try {
      await this.emit(parseDraft(type, data));
    } catch (error) {
      this.onEmitFailure(error);
    }
  }
}

const scopes = new AsyncLocalStorage<OperationScope>();

/**
 * The operation that the calling code runs in, however deep.
 * @throws Error outside of `operations.run` and `@StreamOperation`
 */
export function currentOperation(): OperationScope {
  const scope = scopes.getStore();
  if (!scope)
    throw new Error('There is no current operation: call this inside operations.run or @StreamOperation');
  return scope;
}

/** Runs work with `currentOperation()` set. */
export function withinScope<T>(scope: OperationScope, work: () => T): T {
  return scopes.run(scope, work);
}
