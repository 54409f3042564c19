import type { LogToken } from '../../operations/log-token.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';

/** Where a reader of an operation's stream stands: the seq of the last event it has, and the log that it belongs to. */
export interface OperationOffset {
  readonly log: LogToken & { readonly operation: number };
  readonly seq: number;
}

const DIGITS = 15;
const TOKEN = /^(\d{15})_(\d{15})_(\d{15})_([A-Za-z0-9]{1,40})$/;

/** Sorts as text: later epochs, later operations of one id, later events. */
export function encodeOperationOffset({ log, seq }: OperationOffset): string {
  return `${[log.epoch, log.operation, seq].map(padded).join('_')}_${log.uid}`;
}

/** @throws OpstreamError `invalid_cursor` */
export function decodeOperationOffset(token: string): OperationOffset {
  const [, epoch, operation, seq, uid] = TOKEN.exec(token) ?? [];
  if (uid === undefined)
    throw new OpstreamError('invalid_cursor', 'An offset is -1, now, or a Stream-Next-Offset of this stream');
  return { log: { uid, epoch: Number(epoch), operation: Number(operation) }, seq: Number(seq) };
}

const padded = (value: number): string => String(value).padStart(DIGITS, '0');
