import type { IncomingMessage } from 'node:http';
import { pipeline, Readable } from 'node:stream';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { decoderOf } from './content-encoding.js';

/**
 * A body as it arrives, decompressed.
 * @throws OpstreamError `unsupported_media_type`; `invalid_request` when it cannot be decompressed or is incomplete
 */
export async function* unpackedStream(request: IncomingMessage): AsyncGenerator<Buffer> {
  const decoder = decoderOf(request.headers['content-encoding']);
  const chunks = request[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  try {
    const first = await chunks.next();
    if (first.done) return;
    const all = Readable.from(startingWith(first.value, chunks));
    if (decoder === undefined) {
      for await (const chunk of all) yield chunk as Buffer;
      return;
    }
    // Errors of the pipeline reach the loop through its last stream.
    const unpacked = pipeline(all, decoder(first.value), () => {});
    for await (const chunk of unpacked as AsyncIterable<Buffer>) yield chunk;
  } catch (thrown) {
    const why = request.complete ? 'is not what its Content-Encoding says' : 'ended early';
    throw new OpstreamError('invalid_request', `The body ${why}`, {}, { cause: thrown });
  }
}

async function* startingWith(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}
