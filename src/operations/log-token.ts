import { OpstreamError } from '../platform/errors/opstream-error.js';
import type { LogIdentity } from './operation-store.js';

/**
 * What names a log beside a position or seq in it: `uid.epoch`, and `uid.epoch.number` for the log of one operation.
 * Numbers alone do not tell a log from another one that has grown under the same numbers: after a restore, after a loss
 * of power, in a new data directory, or when an id was opened again.
 */
export interface LogToken {
  readonly uid: string;
  readonly epoch: number;
  /** Creation number of the operation; undefined for a tenant's log. */
  readonly operation?: number | undefined;
}

const TOKEN = /^([A-Za-z0-9]{1,40})\.(\d{1,15})(?:\.(\d{1,15}))?$/;

/** @throws OpstreamError `invalid_cursor` when it is given but no token */
export function parseLogToken(value: unknown): LogToken | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const [, uid, epoch, operation] = (typeof value === 'string' && TOKEN.exec(value)) || [];
  if (uid === undefined) throw new OpstreamError('invalid_cursor', 'log must be the token of a log');
  return {
    uid,
    epoch: Number(epoch),
    operation: operation === undefined ? undefined : Number(operation),
  };
}

/** Names the log as it is now. @param operation creation number, for the log of one operation */
export function currentToken({ uid, epochs }: LogIdentity, operation?: number): string {
  const { epoch } = epochs.at(-1)!;
  return operation === undefined ? `${uid}.${epoch}` : `${uid}.${epoch}.${operation}`;
}

/**
 * Up to which position what a reader has is what the log still holds, going by the epochs alone. An epoch begins when
 * something may have been lost: what a reader of an earlier epoch has beyond its beginning is not in this log.
 * @returns Infinity when the token names the newest epoch
 */
export function sharedThrough({ uid, epochs }: LogIdentity, token: LogToken): number {
  if (token.uid !== uid) return 0;
  const next = epochs.find(({ epoch }) => epoch > token.epoch);
  if (epochs.some(({ epoch }) => epoch === token.epoch)) return next?.from ?? Infinity;
  // An epoch that this log never had: the reader comes from another branch of it, as after a restored backup.
  const before = epochs.findLast(({ epoch }) => epoch < token.epoch);
  if (before === undefined) return 0;
  return next?.from ?? before.from;
}

/** `17@k3f9a2.2`: a place in a log as one word, as the ids of event streams carry it. */
export function formatPlace(place: number, token: string): string {
  return `${place}@${token}`;
}

/** Splits a place that may carry its log. */
export function splitPlace(value: unknown): { place: unknown; log: unknown } {
  if (typeof value !== 'string') return { place: value, log: undefined };
  const at = value.indexOf('@');
  return at < 0 ? { place: value, log: undefined } : { place: value.slice(0, at), log: value.slice(at + 1) };
}
