import type { IncomingMessage } from 'node:http';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { REQUEST_TIMEOUT_MS } from '../server/server-options.js';
import { BodyBudget } from './body-budget.js';
import { textOf } from './body-text.js';
import { decoderOf } from './content-encoding.js';

/**
 * Reads a body of at most `limit` bytes, decompressed and decoded, within the request timeout.
 * @throws OpstreamError `payload_too_large`, `unsupported_media_type`, `request_timeout`, `invalid_json` for bytes
 *   that are not text, `invalid_request` when it cannot be decompressed or the client aborts
 */
export async function readBody(request: IncomingMessage, limit: number): Promise<string> {
  return textOf(await readBytes(request, limit), request.headers['content-type']);
}

/** Like `readBody`, for any content type. */
export async function readBytes(request: IncomingMessage, limit: number): Promise<Buffer> {
  const decoder = decoderOf(request.headers['content-encoding']);
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge(limit);
  const packed = arrived(request) ?? (await collect(request, limit));
  return decoder === undefined || packed.length === 0 ? packed : unpack(packed, decoder, limit);
}

/** A body that arrived during authentication: no waiting, timing or accounting needed. */
function arrived(request: IncomingMessage): Buffer | undefined {
  const length = Number(request.headers['content-length']);
  if (!(length > 0) || request.readableLength !== length) return undefined;
  return (request.read() as Buffer | null) ?? undefined;
}

function collect(request: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const budget = new BodyBudget(request.socket?.remoteAddress ?? '');
    const timeout = setTimeout(() => {
      settle(() => reject(new OpstreamError('request_timeout', 'The body took too long to arrive')));
    }, REQUEST_TIMEOUT_MS);
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > limit) return settle(() => reject(tooLarge(limit)));
      try {
        budget.take(chunk.length);
      } catch (thrown) {
        return settle(() => reject(thrown));
      }
      chunks.push(chunk);
    };
    const onEnd = (): void => settle(() => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    const onGone = (): void =>
      settle(() => reject(new OpstreamError('invalid_request', 'The body ended early')));
    const settle = (outcome: () => void): void => {
      clearTimeout(timeout);
      budget.release();
      request.off('data', onData).off('end', onEnd).off('close', onGone).off('error', onGone);
      // Nobody else listens for the reset of a connection whose body was refused.
      request.on('error', () => {});
      outcome();
    };
    request.on('data', onData).on('end', onEnd).on('close', onGone).on('error', onGone);
  });
}

async function unpack(
  packed: Buffer,
  decoder: NonNullable<ReturnType<typeof decoderOf>>,
  limit: number,
): Promise<Buffer> {
  const stream = decoder(packed);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    stream.end(packed);
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      size += chunk.length;
      // A few kilobytes may decompress to gigabytes.
      if (size > limit) throw tooLarge(limit);
      chunks.push(chunk);
    }
  } catch (thrown) {
    if (thrown instanceof OpstreamError) throw thrown;
    throw new OpstreamError(
      'invalid_request',
      'The body does not match its Content-Encoding',
      {},
      { cause: thrown },
    );
  }
  return Buffer.concat(chunks);
}

function tooLarge(limit: number): OpstreamError {
  return new OpstreamError('payload_too_large', `A body may have ${limit} bytes`);
}
