import { OpstreamError } from '../../platform/errors/opstream-error.js';

/**
 * Where a reader of a session's stream stands: the newest message it has. Its time tells it from another message that
 * was given the same seq after a loss or a restore, and the session's time tells the session from another one of its id.
 */
export interface SessionOffset {
  /** Unix seconds, as the session has it. */
  readonly createdAt: number;
  readonly seq: number;
  /** Unix seconds, as the message has it; 0 before the first one. */
  readonly timestamp: number;
}

const TOKEN = /^(\d{16})_(\d{16})_(\d{16})$/;

/** Sorts as text: later sessions of one id, later messages. */
export function encodeSessionOffset({ createdAt, seq, timestamp }: SessionOffset): string {
  return [micros(createdAt), seq, micros(timestamp)]
    .map((value) => String(value).padStart(16, '0'))
    .join('_');
}

/** @throws OpstreamError `invalid_cursor` */
export function decodeSessionOffset(token: string): SessionOffset {
  const [, createdAt, seq, timestamp] = TOKEN.exec(token) ?? [];
  if (seq === undefined)
    throw new OpstreamError('invalid_cursor', 'An offset is -1, now, or a Stream-Next-Offset of this stream');
  return { createdAt: Number(createdAt) / 1e6, seq: Number(seq), timestamp: Number(timestamp) / 1e6 };
}

/** Whether two times are the same as far as offsets tell them. */
export const isSameTime = (one: number, other: number): boolean => micros(one) === micros(other);

const micros = (seconds: number): number => Math.round(seconds * 1e6);
