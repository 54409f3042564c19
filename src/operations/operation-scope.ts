import { AsyncLocalStorage } from 'node:async_hooks';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import type { JsonObject, JsonValue } from '../platform/json.js';
import type { OperationKey } from './operation-key.js';
import type { InputRequestFields } from './input-draft.js';
import { parseDraft, type EventDraft, type ProducerEventType } from './operation-draft.js';

export interface AskOptions {
  /** Seconds to wait for an answer; by default as long as the work runs. */
  readonly timeout?: number;
  /** Names the request within the operation; a UUID by default. */
  readonly key?: string;
}

/** Records one event of the scope's operation; null if the operation could not be created. */
export type Emit = (draft: EventDraft) => Promise<unknown>;

/**
 * The reporting interface of running work. No method but `ask` rejects: failing to emit never breaks the work. Failures go to
 * `onEmitFailure`, and the work continues.
 */
export class OperationScope {
  private over = false;

  constructor(
    /** Null when the operation could not be created and the work runs unrecorded. */
    readonly operationId: string | null,
    /** Fires when the operation is cancelled by anyone. */
    readonly signal: AbortSignal,
    private readonly emit: Emit,
    private readonly onEmitFailure: (error: unknown) => void,
    private readonly asker: (request: InputRequestFields) => Promise<JsonValue>,
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

  /**
   * Asks a person or program, and waits: the operation's status is `input_required` until anybody with permission
   * answers, on any transport.
   * @param schema JSON Schema that an answer must match; null for any JSON
   * @returns the answer
   * @throws InputClosedError when it is declined, withdrawn, or not given in time; the signal's reason once the
   *   operation is cancelled; OpstreamError when the request cannot be recorded
   */
  ask(message: string, schema: JsonObject | null = null, options: AskOptions = {}): Promise<JsonValue> {
    return this.asker({ message, schema, ...options });
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

  /** The first end counts. An invalid one does not, so that the work's return or failure ends it. */
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

  /** A full or unavailable store must not leave the operation running: the end is retried. */
  private async recordEnd(draft: EventDraft, retryAfterMs: number): Promise<void> {
    try {
      await this.emit(draft);
    } catch (error) {
      this.onEmitFailure(error);
      if (!isPassing(error)) return;
      // The work continues in the meantime.
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

/** First and last delay before a failed end is retried. */
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 60_000;

function isPassing(error: unknown): boolean {
  if (!(error instanceof OpstreamError)) return true;
  return !PERMANENT.has(error.code);
}

/** Refusals that no retry changes; what a shutdown leaves running, the next start ends. */
const PERMANENT: ReadonlySet<string> = new Set(['operation_ended', 'operation_not_found', 'shutting_down']);

/** The operation some code runs in. */
interface Current {
  readonly tenant: string;
  readonly operationId: string | undefined;
  readonly scope?: OperationScope;
}

const current = new AsyncLocalStorage<Current>();

/**
 * The operation the calling code runs in, at any depth.
 * @throws Error outside of `operations.run` and `@StreamOperation`
 */
export function currentOperation(): OperationScope {
  const scope = current.getStore()?.scope;
  if (!scope)
    throw new Error('There is no current operation: call this inside operations.run or @StreamOperation');
  return scope;
}

/** Runs work with `currentOperation()` set. */
export function withinScope<T>(tenant: string, scope: OperationScope, work: () => T): T {
  // Work that could not be recorded hands on what it runs in.
  const operationId = scope.operationId ?? enclosingOperation(tenant);
  return current.run({ tenant, operationId, scope }, work);
}

/** Runs work that reports otherwise: what it opens belongs to the operation. */
export function withinOperation<T>({ tenant, operationId }: OperationKey, work: () => T): T {
  return current.run({ tenant, operationId }, work);
}

/** What an operation opened here belongs to; another tenant's operation is nobody's parent. */
export function enclosingOperation(tenant: string): string | undefined {
  const enclosing = current.getStore();
  return enclosing?.tenant === tenant ? enclosing.operationId : undefined;
}
