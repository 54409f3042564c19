import type { IncomingMessage } from 'node:http';
import { OpstreamError } from '../../platform/errors/opstream-error.js';

/**
 * The whole body of a request.
 * @throws OpstreamError `payload_too_large` above the limit; `invalid_request` when the sender goes away
 */
export async function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limitBytes) throw tooLarge(limitBytes);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limitBytes) throw tooLarge(limitBytes);
      chunks.push(chunk);
    }
  } catch (thrown) {
    if (thrown instanceof OpstreamError) throw thrown;
    throw new OpstreamError('invalid_request', 'The body ended early', {}, { cause: thrown });
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

function tooLarge(limitBytes: number): OpstreamError {
  return new OpstreamError('payload_too_large', `A body has at most ${limitBytes} bytes`);
}
