import { OpstreamError } from '../platform/errors/opstream-error.js';
import type { LogIdentity } from './operation-store.js';

/**
 * Identifies a log beside a position or seq in it: `uid.epoch`, and `uid.epoch.number` for the log of one operation.
 * Numbers alone cannot tell a log from another one with the same numbers: after a restore, a power loss, in a new data
 * directory, or when an id was reused.
 */
export interface LogToken {
  readonly uid: string;
  readonly epoch: number;
  /** Creation number of the operation; undefined for a tenant's log. */
  readonly operation?: number | undefined;
}

const TOKEN = /^([A-Za-z0-9]{1,40})\.(\d{1,15})(?:\.(\d{1,15}))?$/;

/** @throws OpstreamError `invalid_cursor` when it is present but not a token */
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

/** Token of the current log. @param operation creation number, for the log of one operation */
export function currentToken({ uid, epochs }: LogIdentity, operation?: number): string {
  const { epoch } = epochs.at(-1)!;
  return operation === undefined ? `${uid}.${epoch}` : `${uid}.${epoch}.${operation}`;
}

/**
 * Up to which position a reader's events are still in the log, judging by epochs alone. An epoch begins when something
 * may have been lost: events of an earlier epoch beyond its beginning are not in this log.
 * @returns Infinity when the token names the newest epoch
 */
export function sharedThrough({ uid, epochs }: LogIdentity, token: LogToken): number {
  if (token.uid !== uid) return 0;
  const next = epochs.find(({ epoch }) => epoch > token.epoch);
  if (epochs.some(({ epoch }) => epoch === token.epoch)) return next?.from ?? Infinity;
  // An epoch this log never had: the reader comes from another branch, e.g. after a restored backup.
  const before = epochs.findLast(({ epoch }) => epoch < token.epoch);
  if (before === undefined) return 0;
  return next?.from ?? before.from;
}

/** `17@k3f9a2.2`: a place in a log as one word, as in the ids of event streams. */
export function formatPlace(place: number, token: string): string {
  return `${place}@${token}`;
}

/** Splits a place that may include its log. */
export function splitPlace(value: unknown): { place: unknown; log: unknown } {
  if (typeof value !== 'string') return { place: value, log: undefined };
  const at = value.indexOf('@');
  return at < 0 ? { place: value, log: undefined } : { place: value.slice(0, at), log: value.slice(at + 1) };
}
