import { crc32 } from 'node:zlib';
import { EVENT_TYPES, type EventType } from '../operation-event.js';

/** Everything a stored event consists of; the checksum covers all of it. */
export interface ChecksummedEvent {
  readonly position: number;
  readonly op: number;
  readonly seq: number;
  readonly type: string;
  readonly timestamp: number;
  readonly data: string;
}

const TYPE_NUMBERS = new Map<string, number>(EVENT_TYPES.map((type, index) => [type, index + 1]));

/** CRC-32 of the data, seeded with a mix of the other columns: one pass over the text, and any change shows. */
export function eventChecksum({ position, op, seq, type, timestamp, data }: ChecksummedEvent): number {
  let mix = TYPE_NUMBERS.get(type) ?? 0;
  mix = Math.imul(mix ^ seq, 0x9e37_79b1);
  mix = Math.imul(mix ^ op, 0x85eb_ca6b);
  mix = Math.imul(mix ^ (position % 0x1_0000_0000), 0xc2b2_ae35);
  // Times have milliseconds; seconds and the fraction are mixed separately, so that no digit is lost to 32 bits.
  mix = Math.imul(mix ^ Math.floor(timestamp), 0x27d4_eb2f) ^ Math.round((timestamp % 1) * 1e6);
  return crc32(data, mix >>> 0);
}

/** The immutable parts of an operation's row. */
export interface ChecksummedOperation {
  readonly operation_id: string;
  readonly operation_type: string;
  /** As JSON text. */
  readonly metadata: string;
  readonly parent_operation_id?: string | null | undefined;
  readonly created_by?: string | null | undefined;
}

/** Without a parent and a creator it is that of earlier versions, which knew neither. */
export function operationChecksum(operation: ChecksummedOperation): number {
  const { operation_id, operation_type, metadata, parent_operation_id, created_by } = operation;
  const sum = crc32(metadata, crc32(`${operation_id}\n${operation_type}`));
  if (parent_operation_id == null && created_by == null) return sum;
  return crc32(`${parent_operation_id ?? ''}\n${created_by ?? ''}`, sum);
}

export function isEventType(type: string): type is EventType {
  return TYPE_NUMBERS.has(type);
}
