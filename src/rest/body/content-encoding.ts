import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib';
import type { Transform } from 'node:stream';
import { OpstreamError } from '../../platform/errors/opstream-error.js';

/** Supported content encodings (RFC 9110, section 8.4.1), as log shippers use them. */
const DECODERS: Readonly<Record<string, (first: Buffer) => Transform>> = {
  gzip: () => createGunzip(),
  'x-gzip': () => createGunzip(),
  // Some clients omit the zlib wrapper that the standard requires; its first byte is always the same.
  deflate: (first) => (first[0] === 0x78 ? createInflate() : createInflateRaw()),
  br: () => createBrotliDecompress(),
  zstd: () => createZstdDecompress(),
};

/**
 * Returns a factory for the decompressor, given the first bytes; undefined for an uncompressed body.
 * @throws OpstreamError `unsupported_media_type` naming the supported encodings
 */
export function decoderOf(header: string | undefined): ((first: Buffer) => Transform) | undefined {
  const encoding = header?.trim().toLowerCase() ?? '';
  if (encoding === '' || encoding === 'identity') return undefined;
  if (Object.hasOwn(DECODERS, encoding)) return DECODERS[encoding];
  throw new OpstreamError(
    'unsupported_media_type',
    `Content-Encoding ${encoding.slice(0, 50)} is not supported; send the body plain, or as gzip, deflate, br or zstd`,
    { accept_encoding: 'gzip, deflate, br, zstd' },
  );
}
