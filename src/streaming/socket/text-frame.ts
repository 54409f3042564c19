import { constants, deflateRawSync } from 'node:zlib';

/** Unmasked WebSocket text frames (RFC 6455, section 5.2), built once and shared by every connection they go to. */

const FIN_TEXT = 0x81;
/** The payload is compressed (RFC 7692, section 6). */
const RSV1 = 0x40;
/** Shorter payloads hardly shrink. */
const MIN_DEFLATE_BYTES = 128;
/** The window promised in the handshake; see `SHARED_DEFLATE`. */
const WINDOW_BITS = 10;

/**
 * Compression for shared frames: without context takeover, so that one compressed frame is valid for every connection.
 * Clients may compress, too; its state costs 22 KB per connection.
 */
export const SHARED_DEFLATE = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  serverMaxWindowBits: WINDOW_BITS,
  zlibInflateOptions: { chunkSize: 10 * 1024 },
  concurrencyLimit: 10,
} as const;

export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const frame = frameOf(FIN_TEXT, length);
  frame.write(text, frame.length - length);
  return frame;
}

/**
 * A compressed frame, or a plain one where compression does not pay.
 * @param above characters up to which a protocol does not compress
 */
export function deflatedTextFrame(text: string, above = MIN_DEFLATE_BYTES): Buffer {
  if (text.length <= above) return textFrame(text);
  const options = { level: 6, windowBits: WINDOW_BITS, finishFlush: constants.Z_SYNC_FLUSH };
  const deflated = deflateRawSync(text, options);
  // A message ends without the four bytes of the sync flush.
  const length = deflated.length - 4;
  if (length >= Buffer.byteLength(text)) return textFrame(text);
  const frame = frameOf(FIN_TEXT | RSV1, length);
  deflated.copy(frame, frame.length - length, 0, length);
  return frame;
}

/** A frame with its header written and room for the payload. */
function frameOf(firstByte: number, length: number): Buffer {
  const header = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(header + length);
  frame[0] = firstByte;
  if (header === 2) frame[1] = length;
  else if (header === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeUInt32BE(Math.floor(length / 2 ** 32), 2);
    frame.writeUInt32BE(length % 2 ** 32, 6);
  }
  return frame;
}

/** The payloads of plain frames, for a connection without access to the raw socket. */
export function* splitFrames(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length;) {
    const short = bytes[at + 1]!;
    const header = short < 126 ? 2 : short === 126 ? 4 : 10;
    const length =
      header === 2
        ? short
        : header === 4
          ? bytes.readUInt16BE(at + 2)
          : bytes.readUInt32BE(at + 2) * 2 ** 32 + bytes.readUInt32BE(at + 6);
    yield bytes.subarray(at + header, at + header + length);
    at += header + length;
  }
}
