// The event that the peers publish: the JSON that Opstream sends for a log event, so that all move the same bytes.
import { nowNs } from './commands.mjs';

export function sampleEvent(seq, bytes) {
  return event(seq, messageOf(bytes));
}

/** A message that makes the JSON of an event this long, give or take the digits of its numbers. */
export function messageOf(bytes) {
  return 'x'.repeat(Math.max(0, bytes - ENVELOPE_BYTES));
}

function event(seq, message) {
  return {
    event_type: 'log',
    operation_id: 'bench',
    seq,
    position: String(seq),
    timestamp: Date.now() / 1000,
    data: { level: 'info', message, details: { sent_ns: nowNs() } },
  };
}

const ENVELOPE_BYTES = JSON.stringify(event(1000, '')).length;
