import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { pipeline, type Readable } from 'node:stream';
import { constants, createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { FetchError, type FetchFailure } from './fetch-error.js';

/** Decoders by content coding; each stops at the byte where its input ends, so that streams arrive as they are sent. */
const DECODERS: Readonly<Record<string, () => NodeJS.ReadWriteStream & Readable>> = {
  gzip: () => createGunzip({ flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH }),
  'x-gzip': () => createGunzip({ flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH }),
  deflate: () => createInflate(),
  br: () => createBrotliDecompress(),
};

/** What a response needs from the exchange it belongs to. */
export interface Exchange {
  readonly maxBytes: number;
  /** Why the exchange was aborted; undefined while it was not. */
  failure(): FetchFailure | undefined;
  /** Releases timers and listeners. */
  done(): void;
}

/** A response whose body can be read once, up to a limit of decoded bytes. */
export class BoundedResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: IncomingHttpHeaders;

  constructor(
    /** The final URL, after redirects. */
    readonly url: URL,
    private readonly message: IncomingMessage,
    private readonly exchange: Exchange,
  ) {
    this.status = message.statusCode ?? 0;
    this.statusText = message.statusMessage ?? '';
    this.headers = message.headers;
    message.once('close', () => exchange.done());
    // An unread body may still fail.
    message.on('error', () => {});
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  /** The media type in lower case, without parameters; empty where there is none. */
  get type(): string {
    return (this.headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase();
  }

  /**
   * The body as it arrives. Ending the iteration closes the connection.
   * @throws FetchError when it breaks, is too large or takes too long
   */
  async *chunks(): AsyncGenerator<Buffer> {
    let size = 0;
    try {
      for await (const chunk of this.decoded() as AsyncIterable<Buffer>) {
        size += chunk.byteLength;
        if (size > this.exchange.maxBytes) throw tooLarge(this.exchange.maxBytes);
        yield chunk;
      }
    } catch (thrown) {
      throw this.explain(thrown);
    } finally {
      this.cancel();
    }
  }

  /** The whole body. @throws FetchError */
  async bytes(): Promise<Buffer> {
    const announced = Number(this.headers['content-length'] ?? 0);
    if (announced > this.exchange.maxBytes) {
      this.cancel();
      throw tooLarge(this.exchange.maxBytes);
    }
    const chunks: Buffer[] = [];
    for await (const chunk of this.chunks()) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  /** The whole body as UTF-8 without its byte order mark. @throws FetchError */
  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  /** Closes the connection unless the body has been read to its end. */
  cancel(): void {
    if (this.message.complete) this.message.resume();
    else this.message.destroy();
    this.exchange.done();
  }

  private decoded(): Readable {
    const coding = (this.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
    if (coding === 'identity' || coding === '') return this.message;
    const decoder = DECODERS[coding]?.();
    if (!decoder) throw new FetchError('broken', `the answer is encoded as ${coding.slice(0, 40)}`);
    // The decoder's iteration throws errors of either side.
    pipeline(this.message, decoder, () => {});
    return decoder;
  }

  private explain(thrown: unknown): Error {
    if (thrown instanceof FetchError) return thrown;
    const failure = this.exchange.failure();
    if (failure) return new FetchError(failure.kind, failure.message, { cause: thrown });
    const { message } = thrown as Error;
    const reason = message === 'aborted' ? 'the connection broke within the answer' : message;
    return new FetchError('broken', reason, { cause: thrown });
  }
}

function tooLarge(maxBytes: number): FetchError {
  return new FetchError('too_large', `the answer has more than ${maxBytes} bytes`);
}
