import type { JsonValue } from '../platform/json.js';
import { duration, type Operation } from './operation.js';

/** The JSON form of an operation on every transport. */
export interface OperationSnapshot {
  operation_id: string;
  operation_type: string;
  /** Unix seconds. */
  started_at: number;
  status: string;
  /** 0 to 1. */
  progress: number;
  metadata: JsonValue;
  event_count: number;
  message: string;
  updated_at: number;
  ended_at: number | null;
  /** Seconds, once ended. */
  duration: number | null;
  first_seq: number;
  /** Id of the log it was folded from; see `log-token.ts`. */
  log?: string;
  result?: JsonValue;
  error?: string;
  error_type?: string;
}

/** @param withResult lists omit the result: it may be large, and `GET /api/operations/:id` has it */
export function toSnapshot(operation: Operation, withResult = true): OperationSnapshot {
  return {
    operation_id: operation.operationId,
    operation_type: operation.operationType,
    started_at: operation.startedAt,
    status: operation.status,
    progress: operation.progress,
    metadata: operation.metadata,
    event_count: operation.eventCount,
    message: operation.message,
    updated_at: operation.updatedAt,
    ended_at: operation.endedAt,
    duration: operation.endedAt === null ? null : duration(operation, operation.endedAt),
    first_seq: operation.firstSeq,
    ...(withResult && operation.result !== undefined && { result: operation.result }),
    ...(operation.error !== undefined && { error: operation.error }),
    ...(operation.errorType !== undefined && { error_type: operation.errorType }),
  };
}
