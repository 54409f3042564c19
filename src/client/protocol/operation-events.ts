import type { Level, LogCounts } from './log-level.js';
import { isObject, type JsonObject, type JsonValue } from '../json.js';

/** What a service sends about operations, as on the wire (docs/protocol.md). */

/** The `data` of each type of event. */
export interface EventData {
  /** `progress` is 0 to 1. */
  progress: { progress: number; message: string; details: JsonObject };
  status: {
    status: string;
    message?: string;
    details?: JsonObject;
    operation_type?: string;
    metadata?: JsonObject;
    parent_operation_id?: string;
    created_by?: string;
    /** The event is about a request for input. */
    input?: InputChange;
  };
  log: { level: string; message: string; details?: JsonObject };
  result: { result: JsonValue };
  /** `duration` in seconds. */
  completed: { status: 'completed'; duration: number };
  error: { error: string; error_type: string; details?: JsonObject };
  cancelled: { status: 'cancelled'; reason: string; cancelled_by?: string };
}

export type EventType = keyof EventData;

/** One recorded event of an operation. */
export interface EventOf<Type extends EventType> {
  event_type: Type;
  operation_id: string;
  /** 1, 2, 3 … within the operation, without gaps. */
  seq: number;
  /** Order over all operations; send it back as `after`. */
  position: string;
  /** Unix seconds with fraction. */
  timestamp: number;
  data: EventData[Type];
}

export type OperationEvent = { [Type in EventType]: EventOf<Type> }[EventType];

/** Yielded where events are missing because the service no longer keeps them. */
export interface HistoryTrimmed {
  event_type: 'history_trimmed';
  operation_id: string;
  timestamp: number;
  /** For one operation: seqs, `first_seq` null when it is gone. For all operations: positions. */
  data: {
    after_seq?: number;
    first_seq?: number | null;
    after?: string;
    first_position?: string | null;
  };
}

/**
 * Stands in a stream where the service turned out to have another log than the one that was followed: it was restored,
 * lost its end, was replaced, or the operation's id was opened again. What was delivered behind `kept_through` is not in
 * this log, which goes on behind it.
 */
export interface HistoryLost {
  event_type: 'history_lost';
  operation_id: string;
  timestamp: number;
  /** `kept_through` is a seq or, for all operations, a position; `log` is the current log. */
  data: { kept_through: number | string; log: string };
}

/** Told to followers of all operations when one was deleted, or retention removed it. */
export interface OperationRemoved {
  event_type: 'operation_removed';
  operation_id: string;
  timestamp: number;
  data: { operation_id: string };
}

/** The state folded from an operation's log. Times are Unix seconds. */
export interface OperationSnapshot {
  operation_id: string;
  operation_type: string;
  started_at: number;
  status: string;
  /** 0 to 1. */
  progress: number;
  metadata: JsonObject;
  event_count: number;
  message: string;
  updated_at: number;
  ended_at: number | null;
  /** Seconds, once ended. */
  duration: number | null;
  /** The oldest stored event. */
  first_seq: number;
  /** Log events recorded, by level; trimmed ones included. */
  log_counts: LogCounts;
  /** Id of the log it was folded from; not in lists. */
  log?: string;
  result?: JsonValue;
  error?: string;
  error_type?: string;
  /** The operation this one is a part of. */
  parent_operation_id?: string;
  /** User who opened it; absent for anonymous callers and for the service itself. */
  created_by?: string;
  /** User who cancelled it, likewise. */
  cancelled_by?: string;
  /** What it waits for, while its status is `input_required`. */
  input_requests?: InputRequestSnapshot[];
}

/** An open request for input. */
export interface InputRequestSnapshot {
  key: string;
  message: string;
  /** JSON Schema of the answer; null for any JSON. Not in lists. */
  schema?: JsonObject | null;
  /** Unix seconds. */
  expires_at: number | null;
  /** The event that asked. */
  seq: number;
}

/** What a `status` event tells of a request for input. */
export interface InputChange {
  state: 'requested' | 'answered' | 'declined' | 'expired' | 'withdrawn';
  key: string;
  /** Of a request. */
  schema?: JsonObject | null;
  expires_at?: number | null;
  /** Of a closing: who did it, what they answered, and the seq of the request. */
  by?: string | null;
  answer?: JsonValue;
  request_seq?: number;
}

/** A page of a listing, newest first. */
export interface OperationPage {
  operations: OperationSnapshot[];
  next_cursor: string | null;
  /** The search stopped at its bound before the page was full: `next_cursor` continues it. */
  incomplete?: boolean;
  /** When they were asked for. */
  counts?: OperationCounts;
}

/** Operations that match the filter of a listing, regardless of its status, by state. */
export interface OperationCounts {
  running: number;
  completed: number;
  error: number;
  cancelled: number;
  /** Counting stopped at its bound: there are at least so many. */
  incomplete?: boolean;
}

/** A page of an operation's log. */
export interface EventPage {
  events: OperationEvent[];
  first_seq: number;
  head_seq: number;
  /** There is more to read in this direction. */
  has_more: boolean;
  /** True when events after `after_seq` are no longer kept. */
  history_trimmed: boolean;
  /** Id of the log; send it back with a later `after_seq`. */
  log: string;
  /** True when events that were read before are not in this log. */
  history_lost?: true;
  /** With `history_lost`: what was read before is valid up to here, and the page begins after it. */
  kept_through?: number;
}

/** A page of a log read backward or through a filter. */
export interface SearchedEventPage extends EventPage {
  /** Every match from here to `searched_through` is in the page; reading backward, continue before it. */
  searched_from: number;
  /** Reading forward, continue after it. */
  searched_through: number;
  /** Matches in the whole stored log; null when they were not all counted. */
  total: number | null;
  /** Matches before `searched_from`; null when they were not all counted. */
  total_before: number | null;
}

/** Which events of a log are wanted. */
export interface EventFilter {
  event_type?: EventType | readonly EventType[];
  /** The least severe level of `log` events; without `event_type`, only those are wanted. */
  level?: Level;
  /** Text that occurs in a value of the event, in any case of letters; 1 to 200 characters. */
  q?: string;
  /** Only events after this seq. */
  after_seq?: number;
  /** The latest events before this seq; beyond the end for the last ones. */
  before_seq?: number;
  /** Also count what matches in the whole log. */
  count?: boolean;
  limit?: number;
}

/** The answer to a creation. */
export interface OpenedOperation extends OperationSnapshot {
  /**
   * With a cache key: true when this is another producer's operation, running or completed. Do not run the work;
   * follow this operation, or take its result.
   */
  cached?: boolean;
}

/** A type rather than an interface, so that it can be shown as any record. */
export type ServerStats = {
  connected_clients: number;
  active_operations: number;
  total_operations: number;
  subscriptions: number;
};

/** What a producer may record; `completed` follows from `result`. */
export interface ProducerEventData {
  progress: { progress: number; message?: string; details?: JsonObject };
  status: { status: string; message?: string; details?: JsonObject };
  log: { level?: string; message: string; details?: JsonObject };
  result: { result: JsonValue };
  error: { error: string; error_type?: string; details?: JsonObject };
  cancelled: { reason?: string };
}

export type ProducerEventType = keyof ProducerEventData;

export interface Receipt {
  seq: number;
  /** Unix seconds. */
  timestamp: number;
  /** True when this `event_id` was recorded before; `seq` is where. */
  repeated: boolean;
}

const EVENT_TYPES: ReadonlySet<unknown> = new Set<EventType>([
  'progress',
  'status',
  'log',
  'result',
  'completed',
  'error',
  'cancelled',
]);

/** Tells an operation's event from other frames of a connection. */
export function isOperationEvent(frame: unknown): frame is OperationEvent {
  return (
    isObject(frame) &&
    EVENT_TYPES.has(frame.event_type) &&
    typeof frame.operation_id === 'string' &&
    typeof frame.seq === 'number' &&
    isObject(frame.data)
  );
}

export function isHistoryTrimmed(frame: unknown): frame is HistoryTrimmed {
  return (
    isObject(frame) &&
    frame.event_type === 'history_trimmed' &&
    typeof frame.operation_id === 'string' &&
    isObject(frame.data)
  );
}

export function isHistoryLost(frame: unknown): frame is HistoryLost {
  return (
    isObject(frame) &&
    frame.event_type === 'history_lost' &&
    typeof frame.operation_id === 'string' &&
    isObject(frame.data)
  );
}

/** True for the last event of an operation. */
export function isFinalEvent(event: { readonly event_type: string }): boolean {
  return event.event_type === 'completed' || event.event_type === 'error' || event.event_type === 'cancelled';
}
