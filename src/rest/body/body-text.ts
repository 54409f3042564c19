import { TextDecoder } from 'node:util';
import { OpstreamError } from '../../platform/errors/opstream-error.js';

/** Used for nearly every body; it keeps no state between calls. */
const UTF_8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Decodes a body according to its byte order mark or `charset`, else as UTF-8 (RFC 8259, section 8.1).
 * @throws OpstreamError `invalid_json` for bytes that are not text, `unsupported_media_type` for an unknown charset
 */
export function textOf(bytes: Buffer, contentType: string | undefined): string {
  const charset = markedCharset(bytes) ?? namedCharset(contentType);
  const decoder = decoderFor(charset);
  try {
    return decoder.decode(bytes);
  } catch {
    throw new OpstreamError('invalid_json', `The body is not valid ${charset.toUpperCase()} text`);
  }
}

function markedCharset(bytes: Buffer): string | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 'utf-8' : undefined;
}

function namedCharset(contentType = ''): string {
  return /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(contentType)?.[1]?.toLowerCase() ?? 'utf-8';
}

function decoderFor(charset: string): TextDecoder {
  if (charset === 'utf-8') return UTF_8;
  try {
    return new TextDecoder(charset, { fatal: true });
  } catch {
    throw new OpstreamError(
      'unsupported_media_type',
      `The charset ${charset.slice(0, 50)} is not supported; send UTF-8`,
    );
  }
}
