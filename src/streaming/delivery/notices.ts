import type { HistoryLost } from './wire-format.js';

/** Wraps something that is not an operation event in the event envelope. */
export function noticeText(eventType: string, operationId: string | null, data: object): string {
  return JSON.stringify({
    event_type: eventType,
    operation_id: operationId ?? 'system',
    timestamp: Date.now() / 1000,
    data,
  });
}

/** @param first the first seq that can still be read; null when the log is gone */
export function historyTrimmedText(operationId: string, afterSeq: number, first: number | null): string {
  return noticeText('history_trimmed', operationId, { after_seq: afterSeq, first_seq: first });
}

export function historyLostText({ id, keptThrough, log }: HistoryLost): string {
  return noticeText('history_lost', id, {
    kept_through: id === null ? String(keptThrough) : keptThrough,
    log,
  });
}

export function operationRemovedText(operationId: string): string {
  return noticeText('operation_removed', operationId, { operation_id: operationId });
}
