import { crc32 } from 'node:zlib';
import { NO_LOGS, type LogCounts } from '../../client/protocol/log-level.js';
import { parseJson, type JsonObject, type JsonValue } from '../../platform/json.js';
import { RecordedEvent, type EventType } from '../operation-event.js';
import { NO_INPUTS, type Inputs } from '../operation-input.js';
import type { Operation, OperationState } from '../operation.js';
import { DAMAGED_METADATA, DAMAGED_RESULT, damagedEvent } from './damaged.js';
import { eventChecksum, isEventType, operationChecksum } from './event-checksum.js';
import type { EventRow, OperationRow } from './sqlite-statements.js';

/** `tenant_no * 2^36 + position`: 6.8e10 events for each of 131,071 tenants stay within JavaScript's safe integers. */
export const TENANT_SPAN = 2 ** 36;
export const MAX_TENANTS = 2 ** 17 - 1;

/** Values of `operations.phase`; a listing's filters are ranges of them. */
export const PHASES = { running: 0, working: 1, completed: 2, error: 3, cancelled: 4 } as const;

/** Called with where damage was found; must not throw. */
export type OnDamage = (where: string) => void;

interface Outcome {
  readonly result?: JsonValue;
  readonly error?: string;
  readonly error_type?: string;
  readonly cancelled_by?: string;
}

export function toOperation(tenant: string, row: OperationRow, onDamage: OnDamage): Operation {
  const damaged = (what: string) => onDamage(`${what} of operation ${row.operation_id}`);
  const outcome = row.outcome === null ? {} : readOutcome(row, () => damaged('the outcome'));
  return {
    tenant,
    number: row.op,
    operationId: row.operation_id,
    operationType: row.operation_type,
    metadata: readMetadata(row, () => damaged('the metadata')),
    owner: row.owner,
    leaseSeconds: row.lease_seconds,
    state: row.state as OperationState,
    status: row.status,
    progress: row.progress,
    message: row.message,
    startedAt: row.started_at,
    updatedAt: Math.max(row.updated_at ?? row.started_at, row.renewed_at ?? 0),
    endedAt: row.ended_at,
    eventCount: row.event_count ?? 0,
    firstSeq: row.first_seq,
    logCounts: readLogCounts(row.log_counts),
    ...(outcome.result !== undefined && { result: outcome.result }),
    ...(outcome.error !== undefined && { error: outcome.error }),
    ...(outcome.error_type !== undefined && { errorType: outcome.error_type }),
    ...(row.parent_operation_id != null && { parentOperationId: row.parent_operation_id }),
    ...(row.created_by != null && { createdBy: row.created_by }),
    ...(outcome.cancelled_by !== undefined && { cancelledBy: outcome.cancelled_by }),
    ...(row.inputs != null && { inputs: readInputs(row.inputs, () => damaged('the input requests')) }),
  };
}

/** Null where nothing was logged, which is most events of most operations. */
export function logCountsText({ debug, info, warning, error }: LogCounts): string | null {
  return debug + info + warning + error === 0 ? null : `${debug},${info},${warning},${error}`;
}

function readLogCounts(text: string | null): LogCounts {
  if (text === null) return NO_LOGS;
  const [debug = 0, info = 0, warning = 0, error = 0] = text
    .split(',')
    .map((digits) => (Number.isSafeInteger(Number(digits)) ? Number(digits) : 0));
  return { debug, info, warning, error };
}

function readInputs(text: string, onDamage: () => void): Inputs {
  try {
    return parseJson(text) as unknown as Inputs;
  } catch {
    onDamage();
    return NO_INPUTS;
  }
}

export function inputsOf({ inputs }: Operation): string | null {
  return inputs === undefined ? null : JSON.stringify(inputs);
}

function readMetadata(row: OperationRow, onDamage: () => void): JsonObject {
  const sound = row.crc === null || row.crc === operationChecksum(row);
  if (sound) {
    try {
      return parseJson(row.metadata) as JsonObject;
    } catch {
      // Reported below, like a checksum mismatch.
    }
  }
  onDamage();
  return DAMAGED_METADATA;
}

/** A listing omits results, and with them what the checksum covers. */
function readOutcome(row: OperationRow, onDamage: () => void): Outcome {
  const text = row.outcome!;
  if (row.outcome_crc === null || row.outcome_crc === crc32(text)) {
    try {
      return parseJson(text) as Outcome;
    } catch {
      // Reported below, like a checksum mismatch.
    }
  }
  onDamage();
  return row.state === 'error'
    ? { error: 'The stored error is damaged', error_type: 'DamagedEvent' }
    : { result: DAMAGED_RESULT };
}

export function outcomeOf(operation: Operation): string | null {
  if (operation.state === 'running') return null;
  return JSON.stringify({
    result: operation.result,
    error: operation.error,
    error_type: operation.errorType,
    cancelled_by: operation.cancelledBy,
  });
}

export function phaseOf({ state, status }: Operation): number {
  if (state !== 'running') return PHASES[state];
  return status === 'running' ? PHASES.running : PHASES.working;
}

/** The event of a row, or its stand-in if the row is damaged. */
export function toEvent(tenant: string, row: EventRow, onDamage: OnDamage): RecordedEvent {
  const position = row.position % TENANT_SPAN;
  const fields = {
    tenant,
    operationId: row.operation_id,
    seq: row.seq,
    position,
    timestamp: Number.isFinite(row.timestamp) ? row.timestamp : 0,
  };
  if (isSound(row)) return new RecordedEvent({ ...fields, type: row.type as EventType, data: row.data });
  onDamage(`event ${row.seq} of operation ${row.operation_id}`);
  return new RecordedEvent({ ...fields, ...damagedEvent(row.type) });
}

/** Rows of earlier versions have no checksum: they must at least be readable for clients. */
export function isSound(row: Omit<EventRow, 'operation_id'>): boolean {
  if (row.crc !== null) return row.crc === eventChecksum(row);
  if (!isEventType(row.type)) return false;
  try {
    JSON.parse(row.data);
    return true;
  } catch {
    return false;
  }
}
