import { AsyncLocalStorage } from 'node:async_hooks';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import type { JsonObject, JsonValue } from '../platform/json.js';
import { parseDraft, type EventDraft, type ProducerEventType } from './operation-draft.js';

/** Records one event of the scope's operation; null where the operation itself could not be opened. */
export type Emit = (draft: EventDraft) => Promise<unknown>;

/**
 * What running work reports through. No method rejects: failing to emit never breaks the work itself; the
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

  /** The first end counts. One that is not valid counts as none, so that the work's return or failure ends it. */
  private async end(type: ProducerEventType, data: unknown): Promise<void> {
    if (this.over) return;
    this.over = true;
    let draft: EventDraft;
    try {
      draft = parseDraft(type, data);
    } catch (error) {
      this.over = false;
      this.onEmitFailure(error);
      return;
    }
    await this.recordEnd(draft, FIRST_RETRY_MS);
  }

  /** A store that is full or away for a while must not leave the operation running: the end is tried again. */
  private async recordEnd(draft: EventDraft, retryAfterMs: number): Promise<void> {
    try {
      await this.emit(draft);
    } catch (error) {
      this.onEmitFailure(error);
      if (!isPassing(error)) return;
      // The work goes on meanwhile.
      setTimeout(
        () => void this.recordEnd(draft, Math.min(2 * retryAfterMs, LAST_RETRY_MS)),
        retryAfterMs,
      ).unref();
    }
  }

  private async record(type: ProducerEventType, data: unknown): Promise<void> {
    try {
      await this.emit(parseDraft(type, data));
    } catch (error) {
      this.onEmitFailure(error);
    }
  }
}

/** How soon the end of an operation is tried again that could not be recorded, at first and at last. */
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 60_000;

function isPassing(error: unknown): boolean {
  if (!(error instanceof OpstreamError)) return true;
  return !PERMANENT.has(error.code);
}

/** Refusals that no repetition changes; what a stop leaves running, the next start ends. */
const PERMANENT: ReadonlySet<string> = new Set(['operation_ended', 'operation_not_found', 'shutting_down']);

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
