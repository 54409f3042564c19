import type { JsonObject } from '../../platform/json.js';
import type { EventType } from '../operation-event.js';
import { isEventType } from './event-checksum.js';

/** Shown in place of stored bytes that differ from what was recorded. */
const MESSAGE = 'The stored event is damaged; its content is lost';

/**
 * An event whose content is lost, in the shape of its type. An end stays an end, so that nobody waits for it forever;
 * everything else becomes a line of the log.
 */
export function damagedEvent(type: string): { readonly type: EventType; readonly data: string } {
  switch (isEventType(type) ? type : 'log') {
    case 'completed':
      return { type: 'completed', data: JSON.stringify({ status: 'completed', duration: 0, damaged: true }) };
    case 'error':
      return {
        type: 'error',
        data: JSON.stringify({ error: MESSAGE, error_type: 'DamagedEvent', damaged: true }),
      };
    case 'cancelled':
      return { type: 'cancelled', data: JSON.stringify({ reason: MESSAGE, damaged: true }) };
    default:
      return { type: 'log', data: JSON.stringify({ level: 'error', message: MESSAGE, damaged: true }) };
  }
}

/** Shown in place of unreadable metadata. */
export const DAMAGED_METADATA: JsonObject = Object.freeze({ damaged: true });

/** Shown in place of an unreadable result. */
export const DAMAGED_RESULT: JsonObject = DAMAGED_METADATA;
