import { parseJson, type JsonObject, type JsonValue } from '../../platform/json.js';
import { RecordedEvent, type EventType } from '../operation-event.js';
import type { Operation, OperationState } from '../operation.js';
import type { EventRow, OperationRow } from './sqlite-statements.js';

/** `tenant_no * 2^36 + position`: 6.8e10 events for each of 131,071 tenants stay within JavaScript's safe integers. */
export const TENANT_SPAN = 2 ** 36;
export const MAX_TENANTS = 2 ** 17 - 1;

export function toOperation(tenant: string, row: OperationRow): Operation {
  const outcome = (row.outcome === null ? {} : parseJson(row.outcome)) as {
    result?: JsonValue;
    error?: string;
    error_type?: string;
  };
  return {
    tenant,
    operationId: row.operation_id,
    operationType: row.operation_type,
    metadata: parseJson(row.metadata) as JsonObject,
    state: row.state as OperationState,
    status: row.status,
    progress: row.progress,
    message: row.message,
    startedAt: row.started_at,
    updatedAt: row.updated_at,
    endedAt: row.ended_at,
    eventCount: row.event_count,
    firstSeq: row.first_seq,
    ...(outcome.result !== undefined && { result: outcome.result }),
    ...(outcome.error !== undefined && { error: outcome.error }),
    ...(outcome.error_type !== undefined && { errorType: outcome.error_type }),
  };
}

export function outcomeOf(operation: Operation): string | null {
  if (operation.state === 'running') return null;
  return JSON.stringify({
    result: operation.result,
    error: operation.error,
    error_type: operation.errorType,
  });
}

export function toEvent(tenant: string, row: EventRow): RecordedEvent {
  return new RecordedEvent({
    tenant,
    operationId: row.operation_id,
    seq: row.seq,
    position: row.position % TENANT_SPAN,
    type: row.type as EventType,
    timestamp: row.timestamp,
    data: row.data,
  });
}
