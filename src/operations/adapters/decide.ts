import { isDeepStrictEqual } from 'node:util';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { isActive, open, record, type NumberedEvent, type Operation } from '../operation.js';
import type { OpenCommand, Receipt, RecordCommand } from '../operation-store.js';

/** The changes of a command, before anything is written; shared by every adapter. */
export interface Decision {
  readonly operation: Operation;
  readonly events: readonly NumberedEvent[];
  readonly receipts: readonly Receipt[];
}

/**
 * @param number creation number of a new operation
 * @param stored the operation that already has this id, if any
 * @throws OpstreamError `operation_exists` when that one differs in type or metadata
 */
export function decideOpen(command: OpenCommand, number: number, stored: Operation | undefined): Decision {
  const { operation } = command;
  if (!stored) {
    const opened = open(operation, number, command.at);
    return { ...opened, receipts: [{ seq: 1, timestamp: command.at, repeated: false }] };
  }
  const same =
    stored.operationType === operation.operationType &&
    isDeepStrictEqual(stored.metadata, operation.metadata);
  if (!same) {
    throw new OpstreamError(
      'operation_exists',
      `Operation ${operation.operationId} exists with another type or other metadata`,
    );
  }
  return { operation: stored, events: [], receipts: [openingReceipt(stored)] };
}

/** The receipt of an opening that found its operation. */
export function openingReceipt({ startedAt }: Operation): Receipt {
  return { seq: 1, timestamp: startedAt, repeated: true };
}

/**
 * @param known finds the receipt of an already recorded `event_id`
 * @throws OpstreamError `operation_not_found`, `operation_ended`
 */
export function decideRecord(
  command: RecordCommand,
  stored: Operation | undefined,
  known: (eventId: string) => Receipt | undefined,
): Decision {
  if (!stored) {
    throw new OpstreamError('operation_not_found', `There is no operation ${command.operationId}`);
  }
  // The clock may have been set back; an event never precedes the previous one.
  const at = Math.max(command.at, stored.updatedAt);
  // Without events it is a sign of life.
  let operation = command.drafts.length === 0 && isActive(stored) ? { ...stored, updatedAt: at } : stored;
  const events: NumberedEvent[] = [];
  const receipts: Receipt[] = [];
  /** What this command itself recorded: a batch may contain an `event_id` twice. */
  let here: Map<string, Receipt> | undefined;
  for (const draft of command.drafts) {
    const { eventId } = draft;
    const first = eventId === undefined ? undefined : (here?.get(eventId) ?? known(eventId));
    if (first) {
      receipts.push({ ...first, repeated: true });
      continue;
    }
    const transition = record(operation, draft, at);
    const receipt = { seq: operation.eventCount + 1, timestamp: at, repeated: false };
    receipts.push(receipt);
    if (eventId !== undefined) (here ??= new Map()).set(eventId, receipt);
    operation = transition.operation;
    events.push(...transition.events);
  }
  return { operation, events, receipts };
}
