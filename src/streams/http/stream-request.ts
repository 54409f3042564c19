import type { IncomingHttpHeaders } from 'node:http';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import type { ForkRequest } from '../stream-store.js';
import type { Lifetime, ProducerSequence } from '../stream.js';

/** Reads the headers of the Durable Streams protocol. Every function throws OpstreamError `invalid_request`. */

const WHOLE = /^(0|[1-9]\d*)$/;
/** RFC 3339, section 5.6. */
const TIME = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
const MAX_NAME_LENGTH = 256;

export function header(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name];
  return typeof value === 'string' ? value : null;
}

/** Only `true` closes; any other value is as good as none. */
export function closes(headers: IncomingHttpHeaders): boolean {
  return header(headers, 'stream-closed')?.trim().toLowerCase() === 'true';
}

export function lifetimeOf(headers: IncomingHttpHeaders): Lifetime {
  const ttl = header(headers, 'stream-ttl');
  const expiresAt = header(headers, 'stream-expires-at');
  if (ttl !== null && expiresAt !== null) throw invalid('Send Stream-TTL or Stream-Expires-At, not both');
  if (expiresAt !== null && (!TIME.test(expiresAt) || Number.isNaN(Date.parse(expiresAt))))
    throw invalid('Stream-Expires-At must be a time like 2027-01-31T12:00:00Z');
  return { ttlSeconds: ttl === null ? null : wholeNumber(ttl, 'Stream-TTL'), expiresAt };
}

/** @param sourceOf the stream's path in a path of the service's */
export function forkOf(
  headers: IncomingHttpHeaders,
  sourceOf: (path: string) => string | undefined,
): ForkRequest | null {
  const from = header(headers, 'stream-forked-from');
  const offset = header(headers, 'stream-fork-offset');
  const subOffset = header(headers, 'stream-fork-sub-offset');
  if (from === null) {
    if (offset === null && subOffset === null) return null;
    throw invalid('Stream-Fork-Offset and Stream-Fork-Sub-Offset need Stream-Forked-From');
  }
  const sourcePath = sourceOf(from);
  if (sourcePath === undefined) throw invalid('Stream-Forked-From must be the path of a stream');
  return {
    sourcePath,
    offset,
    subOffset: subOffset === null ? 0 : wholeNumber(subOffset, 'Stream-Fork-Sub-Offset'),
  };
}

export function producerOf(headers: IncomingHttpHeaders): ProducerSequence | null {
  const id = header(headers, 'producer-id');
  const epoch = header(headers, 'producer-epoch');
  const seq = header(headers, 'producer-seq');
  if (id === null && epoch === null && seq === null) return null;
  if (id === null || epoch === null || seq === null)
    throw invalid('Send Producer-Id, Producer-Epoch and Producer-Seq together');
  if (id === '' || id.length > MAX_NAME_LENGTH) throw invalid('Producer-Id must have 1 to 256 characters');
  return { id, epoch: wholeNumber(epoch, 'Producer-Epoch'), seq: wholeNumber(seq, 'Producer-Seq') };
}

export function streamSeqOf(headers: IncomingHttpHeaders): string | null {
  const seq = header(headers, 'stream-seq');
  if (seq !== null && seq.length > MAX_NAME_LENGTH)
    throw invalid('Stream-Seq must have at most 256 characters');
  return seq;
}

function wholeNumber(text: string, name: string): number {
  const value = Number(text);
  if (!WHOLE.test(text) || !Number.isSafeInteger(value))
    throw invalid(`${name} must be a whole number up to 2^53-1`);
  return value;
}

export function invalid(message: string): OpstreamError {
  return new OpstreamError('invalid_request', message);
}
