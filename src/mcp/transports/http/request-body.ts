import type { IncomingMessage } from 'node:http';
import { OpstreamError } from '../../../platform/errors/opstream-error.js';

/**
 * Reads a body of at most `limit` bytes as text.
 * @throws OpstreamError `payload_too_large`, `invalid_request` when the client gives up midway
 */
export function readBody(request: IncomingMessage, limit: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const announced = Number(request.headers['content-length'] ?? 0);
    if (announced > limit) return reject(tooLarge(limit));
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > limit) reject(tooLarge(limit));
      else chunks.push(chunk);
    });
    request.on('end', () =>
      resolve(chunks.length === 1 ? chunks[0]!.toString() : Buffer.concat(chunks).toString()),
    );
    request.on('error', () => reject(new OpstreamError('invalid_request', 'The body ended early')));
  });
}

function tooLarge(limit: number): OpstreamError {
  return new OpstreamError('payload_too_large', `The body may have ${limit} bytes`);
}
