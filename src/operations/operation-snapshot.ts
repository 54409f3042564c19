import type { InputRequestSnapshot, OperationSnapshot } from '../client/protocol/operation-events.js';
import type { InputRequest } from './operation-input.js';
import { duration, type Operation } from './operation.js';

/** The JSON form of an operation on every transport. @param withResult lists omit the result: it may be large, and `GET /api/operations/:id` has it */
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
    log_counts: operation.logCounts,
    ...(withResult && operation.result !== undefined && { result: operation.result }),
    ...(operation.error !== undefined && { error: operation.error }),
    ...(operation.errorType !== undefined && { error_type: operation.errorType }),
    ...(operation.parentOperationId !== undefined && { parent_operation_id: operation.parentOperationId }),
    ...(operation.createdBy !== undefined && { created_by: operation.createdBy }),
    ...(operation.cancelledBy !== undefined && { cancelled_by: operation.cancelledBy }),
    ...(operation.inputs &&
      operation.inputs.open.length > 0 && {
        input_requests: operation.inputs.open.map((request) => toInputRequest(request, withResult)),
      }),
  };
}

function toInputRequest(
  { key, message, schema, expiresAt, seq }: InputRequest,
  withSchema: boolean,
): InputRequestSnapshot {
  return { key, message, ...(withSchema && { schema }), expires_at: expiresAt, seq };
}
