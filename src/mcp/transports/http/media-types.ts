import type { IncomingHttpHeaders } from 'node:http';
import { OpstreamError } from '../../../platform/errors/opstream-error.js';
import { RPC, RpcError } from '../../protocol/rpc-error.js';

/** Media types and ranges of RFC 9110: any case, any order, with parameters and weights. */

/** The type of a `Content-Type`, in lower case and without parameters. */
export function mediaTypeOf(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]!.trim().toLowerCase();
}

/**
 * Whether an `Accept` header takes a type: its most specific range that fits decides, and a weight of 0 refuses. A
 * header that is absent or empty takes anything.
 */
export function accepts(header: string | undefined, type: string): boolean {
  const accept = header?.trim() || '*/*';
  // What nearly every client sends needs no parsing.
  if (accept === '*/*' || accept === 'application/json, text/event-stream') return true;
  const ranges = [type, `${type.split('/', 1)[0]}/*`, '*/*'];
  let best = ranges.length;
  let weight = 0;
  for (const part of accept.split(',')) {
    const at = ranges.indexOf(mediaTypeOf(part));
    if (at < 0 || at > best) continue;
    best = at;
    weight = Number(/;\s*q\s*=\s*([\d.]+)/i.exec(part)?.[1] ?? 1);
  }
  return weight > 0;
}

/**
 * Checks the headers of a POST. @returns whether the client reads event streams
 * @throws OpstreamError `unsupported_media_type`, RpcError (406)
 */
export function checkMediaTypes(headers: IncomingHttpHeaders): boolean {
  if (mediaTypeOf(headers['content-type']) !== 'application/json') {
    throw new OpstreamError('unsupported_media_type', 'A message must be application/json');
  }
  const acceptsSse = accepts(headers.accept, 'text/event-stream');
  if (acceptsSse || accepts(headers.accept, 'application/json')) return acceptsSse;
  const why = 'Accept must name application/json and text/event-stream';
  throw new RpcError(RPC.serverError, why, undefined, 406);
}
