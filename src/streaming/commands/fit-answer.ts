import type { JsonObject, JsonValue } from '../../platform/json.js';
import { cutText, MAX_FRAME_BYTES, standInFor } from '../../platform/json-stand-in.js';
import { RecordedEvent } from '../../operations/operation-event.js';
import type { OperationSnapshot } from '../../client/protocol/operation-events.js';

/** Bytes of an answer besides its payload: the envelope in both forms, and the longest request id. */
const ENVELOPE_BYTES = 4 * 1024;
/** Payload of one answer: clients with default limits accept messages of one mebibyte. */
export const MAX_CARGO_BYTES = MAX_FRAME_BYTES - ENVELOPE_BYTES;
/** Characters kept of a text in a snapshot that did not fit. */
const SHORT_TEXT = 1000;

/**
 * Makes a snapshot fit into an answer: stand-ins replace its largest parts first.
 * @param copies how often the answer contains it
 */
export function fitSnapshot(snapshot: OperationSnapshot, copies = 2): OperationSnapshot {
  const most = MAX_CARGO_BYTES / copies;
  const fits = (candidate: OperationSnapshot): boolean =>
    Buffer.byteLength(JSON.stringify(candidate)) <= most;
  // Most are small; their parts are bounded, so only a large result or many multi-byte characters can be too much.
  if (fits(snapshot)) return snapshot;
  let fitted = snapshot;
  if (fitted.result !== undefined) fitted = { ...fitted, result: standIn(fitted.result) };
  if (fits(fitted)) return fitted;
  fitted = { ...fitted, message: cutText(fitted.message, SHORT_TEXT) };
  if (fitted.error !== undefined) fitted = { ...fitted, error: cutText(fitted.error, SHORT_TEXT) };
  return fits(fitted) ? fitted : { ...fitted, metadata: standIn(fitted.metadata) };
}

/** As many snapshots of a page as fit into an answer; at least one. */
export function fitPage(snapshots: readonly OperationSnapshot[]): OperationSnapshot[] {
  const page: OperationSnapshot[] = [];
  let bytes = 0;
  for (const snapshot of snapshots) {
    const fitted = fitSnapshot(snapshot, 1);
    bytes += Buffer.byteLength(JSON.stringify(fitted)) + 1;
    if (page.length > 0 && bytes > MAX_CARGO_BYTES) break;
    page.push(fitted);
  }
  return page;
}

/**
 * As many events as fit into an answer, as JSON; at least one, whose data becomes a stand-in if it does not fit.
 * @param most bytes
 */
export function fitEvents(
  events: readonly RecordedEvent[],
  most = MAX_CARGO_BYTES,
): { texts: string[]; last: RecordedEvent | undefined } {
  const texts: string[] = [];
  let bytes = 0;
  let last: RecordedEvent | undefined;
  for (const event of events) {
    const size = Buffer.byteLength(event.json) + 1;
    if (last !== undefined && bytes + size > most) break;
    texts.push(size > most ? withStandIn(event) : event.json);
    bytes += size;
    last = event;
  }
  return { texts, last };
}

function withStandIn(event: RecordedEvent): string {
  const { tenant, operationId, seq, position, type, timestamp } = event;
  const data = JSON.stringify(standInFor(event.data));
  return new RecordedEvent({ tenant, operationId, seq, position, type, timestamp, data }).json;
}

function standIn(value: JsonValue): JsonObject {
  return { ...standInFor(JSON.stringify(value)) };
}
