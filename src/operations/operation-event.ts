import { exceedsBytes, MAX_EVENT_DATA_BYTES, standInFor } from '../platform/json-stand-in.js';

/** The events of an operation's log: their types, their numbered record and their JSON form. */

export const EVENT_TYPES = [
  'progress',
  'status',
  'log',
  'result',
  'completed',
  'error',
  'cancelled',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** The parts of a recorded event. `data` is JSON text: it is serialized once, when the event is accepted. */
export interface EventFields {
  readonly tenant: string;
  readonly operationId: string;
  /** 1, 2, 3 … within the operation, without gaps. */
  readonly seq: number;
  /** Order over all operations of the tenant; opaque to clients. */
  readonly position: number;
  readonly type: EventType;
  /** Unix seconds with fraction. */
  readonly timestamp: number;
  readonly data: string;
}

/**
 * One durable event. Its JSON form is built on first use and kept, so that it is encoded once for all subscribers and
 * transports.
 */
export class RecordedEvent implements EventFields {
  readonly tenant: string;
  readonly operationId: string;
  readonly seq: number;
  readonly position: number;
  readonly type: EventType;
  readonly timestamp: number;
  readonly data: string;
  #json: string | undefined;

  constructor(fields: EventFields) {
    this.tenant = fields.tenant;
    this.operationId = fields.operationId;
    this.seq = fields.seq;
    this.position = fields.position;
    this.type = fields.type;
    this.timestamp = fields.timestamp;
    this.data = fields.data;
  }

  /** `{"event_type","operation_id","seq","position","timestamp","data"}` as JSON text. */
  get json(): string {
    // Ids contain only characters that need no escaping, so the text can be concatenated.
    this.#json ??=
      `{"event_type":"${this.type}","operation_id":"${this.operationId}","seq":${this.seq},` +
      `"position":"${this.position}","timestamp":${this.timestamp},"data":${sendable(this.data)}}`;
    return this.#json;
  }
}

/** Data recorded under an earlier, larger limit becomes a stand-in: its message would not fit. */
function sendable(data: string): string {
  return exceedsBytes(data, MAX_EVENT_DATA_BYTES) ? JSON.stringify(standInFor(data)) : data;
}

/** True when this event is the last one of its operation. */
export function isFinal(type: EventType): boolean {
  return type === 'completed' || type === 'error' || type === 'cancelled';
}
