import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib';
import type { Transform } from 'node:stream';
import { OpstreamError } from '../../platform/errors/opstream-error.js';

/** Encodings of bodies that are taken (RFC 9110, section 8.4.1), as log shippers send them. */
const DECODERS: Readonly<Record<string, (first: Buffer) => Transform>> = {
  gzip: () => createGunzip(),
  'x-gzip': () => createGunzip(),
  // Some clients leave out the wrapping that the standard asks for; its first byte is always the same.
  deflate: (first) => (first[0] === 0x78 ? createInflate() : createInflateRaw()),
  br: () => createBrotliDecompress(),
  zstd: () => createZstdDecompress(),
};

/**
 * What unpacks a body, given its first bytes; undefined for a body that is not packed.
 * @throws OpstreamError `unsupported_media_type` that names the encodings which are taken
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
