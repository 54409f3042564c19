import { elementsOf } from './json-messages.js';
import type { Cut } from './grow.js';
import type { Piece } from './stream-store.js';
import { isJson } from './stream.js';

/** Bytes of one stored entry: larger appends are stored as several, so that reading one costs a bounded amount. */
const PIECE_BYTES = 64 * 1024;

/** Cuts a body of bytes into entries, never within a character of UTF-8. */
export function piecesOfBytes(body: Buffer): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0; at < body.length;) {
    const end = boundaryBefore(body, at + PIECE_BYTES);
    pieces.push({ length: end - at, data: body.subarray(at, end) });
    at = end;
  }
  return pieces;
}

/** A character has at most three continuation bytes (`10xxxxxx`); what has more is not text, and is cut anywhere. */
function boundaryBefore(body: Buffer, wanted: number): number {
  if (wanted >= body.length) return body.length;
  for (let back = 0; back <= 3; back++) if ((body[wanted - back]! & 0xc0) !== 0x80) return wanted - back;
  return wanted;
}

/** Gathers messages into entries; a larger message is an entry of its own. */
export function piecesOfMessages(messages: readonly string[]): Piece[] {
  const pieces: Piece[] = [];
  let gathered: string[] = [];
  let size = 0;
  const flush = (): void => {
    if (gathered.length > 0) pieces.push({ length: gathered.length, data: Buffer.from(gathered.join(',')) });
    gathered = [];
    size = 0;
  };
  for (const message of messages) {
    if (size + message.length > PIECE_BYTES) flush();
    gathered.push(message);
    size += message.length;
  }
  flush();
  return pieces;
}

export function headOf(contentType: string): Cut {
  if (!isJson(contentType)) return (data, length) => data.subarray(0, length);
  return (data, length) => Buffer.from(elementsOf(data.toString()).slice(0, length).join(','));
}

export function restOf(contentType: string): Cut {
  if (!isJson(contentType)) return (data, length) => data.subarray(length);
  return (data, length) => Buffer.from(elementsOf(data.toString()).slice(length).join(','));
}
