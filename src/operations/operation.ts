import { NO_LOGS, type LogCounts } from '../client/protocol/log-level.js';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import type { JsonObject, JsonValue } from '../platform/json.js';
import type { EventDraft } from './operation-draft.js';
import { changeInputs, endInputs, NO_INPUTS, type Inputs } from './operation-input.js';
import type { EventType } from './operation-event.js';

/**
 * The operation's state machine: pure, without clock, store or framework. `running` ends once, in `completed`,
 * `error` or `cancelled`; a final state is final.
 */
export type OperationState = 'running' | 'completed' | 'error' | 'cancelled';

/** Snapshot: the state folded from an operation's log. Times are Unix seconds with fraction. */
export interface Operation {
  readonly tenant: string;
  /** Creation number, unique within the store: an id that is reused after removal gets another number. */
  readonly number: number;
  readonly operationId: string;
  readonly operationType: string;
  readonly metadata: JsonObject;
  /** Who runs the work; null if unknown. */
  readonly owner: string | null;
  /** Seconds without a sign of life after which the work counts as abandoned; null without a lease. */
  readonly leaseSeconds: number | null;
  readonly state: OperationState;
  /** Free text from `status` events while running, then the final state. */
  readonly status: string;
  /** 0 to 1. */
  readonly progress: number;
  readonly message: string;
  readonly startedAt: number;
  readonly updatedAt: number;
  readonly endedAt: number | null;
  /** Number of events ever recorded, i.e. the seq of the newest one. */
  readonly eventCount: number;
  /** Lowest seq still stored; above 1 the beginning was trimmed. */
  readonly firstSeq: number;
  readonly logCounts: Readonly<LogCounts>;
  readonly result?: JsonValue;
  readonly error?: string;
  readonly errorType?: string;
  /** The operation this one is a part of; it may be unknown to the store. */
  readonly parentOperationId?: string;
  /** User who opened it; absent for anonymous callers and for the service itself. */
  readonly createdBy?: string;
  /** User who cancelled it, likewise. */
  readonly cancelledBy?: string;
  /** What it asks for; absent until it asked for something. */
  readonly inputs?: Inputs;
}

/** An event with its seq, but without a position: the store assigns that when it records it. */
export interface NumberedEvent {
  readonly seq: number;
  readonly type: EventType;
  readonly timestamp: number;
  readonly data: string;
  readonly eventId?: string | undefined;
}

export interface Transition {
  readonly operation: Operation;
  readonly events: readonly NumberedEvent[];
}

export interface NewOperation {
  readonly tenant: string;
  readonly operationId: string;
  readonly operationType: string;
  readonly metadata: JsonObject;
  readonly owner?: string | null | undefined;
  readonly leaseSeconds?: number | null | undefined;
  readonly parentOperationId?: string | undefined;
  readonly createdBy?: string | undefined;
}

const FINAL_STATES: ReadonlySet<string> = new Set(['completed', 'error', 'cancelled']);

/**
 * Creates an operation: its log begins with the `started` status event, which leaves `status` at `running`.
 * @param number its creation number
 */
export function open(input: NewOperation, number: number, at: number): Transition {
  const { parentOperationId, createdBy } = input;
  const data = JSON.stringify({
    status: 'started',
    operation_type: input.operationType,
    metadata: input.metadata,
    parent_operation_id: parentOperationId,
    created_by: createdBy,
  });
  return {
    operation: {
      tenant: input.tenant,
      number,
      operationId: input.operationId,
      operationType: input.operationType,
      metadata: input.metadata,
      owner: input.owner ?? null,
      leaseSeconds: input.leaseSeconds ?? null,
      state: 'running',
      status: 'running',
      progress: 0,
      message: '',
      startedAt: at,
      updatedAt: at,
      endedAt: null,
      eventCount: 1,
      firstSeq: 1,
      logCounts: NO_LOGS,
      ...(parentOperationId !== undefined && { parentOperationId }),
      ...(createdBy !== undefined && { createdBy }),
    },
    events: [{ seq: 1, type: 'status', timestamp: at, data }],
  };
}

/**
 * Records one event; a `result` is followed by `completed` with the duration in seconds.
 * @param at Unix seconds
 * @throws OpstreamError `operation_ended`
 */
export function record(operation: Operation, draft: EventDraft, at: number): Transition {
  if (operation.state !== 'running') {
    throw new OpstreamError(
      'operation_ended',
      `Operation ${operation.operationId} has ended (${operation.state}); no event can be added`,
      { state: operation.state },
    );
  }
  const seq = operation.eventCount + 1;
  const { type, data, eventId } = draft;
  const events: NumberedEvent[] = [{ seq, type, timestamp: at, data, eventId }];
  const next = { ...operation, eventCount: seq, updatedAt: at };
  switch (type) {
    case 'progress':
      next.progress = draft.progress ?? 0;
      next.message = draft.message ?? '';
      return { operation: next, events };
    case 'status':
      if (draft.input) {
        const { data: changed, ...rest } = changeInputs(operation.inputs ?? NO_INPUTS, draft.input, seq, at);
        return {
          operation: { ...next, ...rest },
          events: [{ seq, type, timestamp: at, data: changed, eventId }],
        };
      }
      return { operation: withStatus(next, draft), events };
    case 'log': {
      const level = draft.level ?? 'info';
      next.logCounts = { ...operation.logCounts, [level]: operation.logCounts[level] + 1 };
      return { operation: next, events };
    }
    case 'error':
      return {
        operation: {
          ...end(next, 'error', at),
          ...(draft.error !== undefined && { error: draft.error }),
          ...(draft.errorType !== undefined && { errorType: draft.errorType }),
        },
        events,
      };
    case 'cancelled':
      return {
        operation: {
          ...end(next, 'cancelled', at),
          message: draft.message ?? '',
          ...(draft.cancelledBy !== undefined && { cancelledBy: draft.cancelledBy }),
        },
        events,
      };
    case 'result': {
      const completed = JSON.stringify({ status: 'completed', duration: duration(operation, at) });
      events.push({ seq: seq + 1, type: 'completed', timestamp: at, data: completed });
      const ended = end({ ...next, eventCount: seq + 1, progress: 1 }, 'completed', at);
      return { operation: { ...ended, result: draft.result ?? null }, events };
    }
  }
}

/** Active means not ended, regardless of the free-text status. */
export function isActive(operation: Operation): boolean {
  return operation.state === 'running';
}

/** Seconds from start to `at`, in milliseconds precision and never negative, even when the clock was set back. */
export function duration(operation: Operation, at: number): number {
  return Math.max(0, Math.round((at - operation.startedAt) * 1000) / 1000);
}

/**
 * A status event that names a final state is recorded, but neither ends the operation nor changes its status; nor does
 * any, while the operation waits for input.
 */
function withStatus(operation: Operation, draft: EventDraft): Operation {
  const status = draft.status ?? operation.status;
  const isWaiting = operation.inputs !== undefined && operation.inputs.open.length > 0;
  return FINAL_STATES.has(status) || isWaiting
    ? { ...operation, message: draft.message ?? '' }
    : { ...operation, status, message: draft.message ?? '' };
}

function end(operation: Operation, state: Exclude<OperationState, 'running'>, at: number): Operation {
  const ended = { ...operation, state, status: state, endedAt: at };
  return operation.inputs ? { ...ended, inputs: endInputs(operation.inputs) } : ended;
}
