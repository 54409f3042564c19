import { CLIENT_ERROR, OpstreamClientError } from '../errors.js';
import { randomId } from '../random-id.js';
import { pause } from '../pause.js';
import type { ReconnectPolicy } from '../reconnect-policy.js';
import type { RestClient } from '../rest/rest-client.js';
import { placeOf, type StreamPlace } from './stream-chunk.js';

/** Bytes per request; the rest goes with the next. */
const MAX_BATCH_BYTES = 1024 * 1024;

interface Waiting {
  /** A message as JSON text, or bytes; undefined only closes. */
  readonly data: Uint8Array | undefined;
  readonly closes: boolean;
  readonly resolve: (place: StreamPlace) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Appends in order, one request at a time: what is appended during one goes with the next. Requests are numbered, so
 * that one repeated after a lost connection is recorded once.
 */
export class StreamAppender {
  readonly #waiting: Waiting[] = [];
  readonly #producerId: string;
  #epoch = 0;
  #seq = 0;
  #running = false;

  constructor(
    private readonly rest: RestClient,
    private readonly path: string,
    private readonly contentType: () => Promise<string>,
    private readonly reconnect: ReconnectPolicy,
    producerId?: string,
  ) {
    this.#producerId = producerId ?? randomId();
  }

  append(data: Uint8Array | undefined, closes: boolean): Promise<StreamPlace> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ data, closes, resolve, reject });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    // Appends of the same turn go with the first request.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#takeBatch();
      try {
        const place = await this.#send(batch);
        for (const { resolve } of batch) resolve(place);
      } catch (thrown) {
        for (const { reject } of batch) reject(thrown);
      }
    }
    this.#running = false;
  }

  #takeBatch(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { data, closes } of this.#waiting) {
      bytes += data?.length ?? 0;
      if (count > 0 && bytes > MAX_BATCH_BYTES) break;
      count += 1;
      if (closes) break;
    }
    return this.#waiting.splice(0, count);
  }

  async #send(batch: readonly Waiting[]): Promise<StreamPlace> {
    const contentType = await this.contentType();
    const parts = batch.flatMap(({ data }) => (data === undefined ? [] : [data]));
    const isJson = contentType.split(';', 1)[0]!.trim().toLowerCase() === 'application/json';
    const body = parts.length > 0 && isJson ? arrayOf(parts) : joined(parts);
    const headers = {
      'content-type': contentType,
      'producer-id': this.#producerId,
      'producer-epoch': String(this.#epoch),
      'producer-seq': String(this.#seq),
      ...(batch.at(-1)!.closes && { 'stream-closed': 'true' }),
    };
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await this.rest.open('POST', this.path, {
          headers,
          ...(body.length > 0 && { body }),
          signal: AbortSignal.timeout(30_000),
        });
        this.#seq += 1;
        return placeOf(response);
      } catch (thrown) {
        const isUncertain = thrown instanceof OpstreamClientError && thrown.retryable;
        if (!isUncertain) throw thrown;
        if (attempt > this.reconnect.maxAttempts) {
          // Whether it was recorded is unknown: the next one must not be mistaken for its repetition.
          this.#epoch += 1;
          this.#seq = 0;
          throw thrown;
        }
      }
      await pause(this.reconnect.delay(attempt, Math.random()));
    }
  }
}

function arrayOf(messages: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const comma = encoder.encode(',');
  return joined([
    encoder.encode('['),
    ...messages.flatMap((message, index) => (index === 0 ? [message] : [comma, message])),
    encoder.encode(']'),
  ]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Only what the caller gave up is neither. */
export const isUnreachable = (thrown: unknown): boolean =>
  thrown instanceof OpstreamClientError && (thrown.retryable || thrown.code === CLIENT_ERROR.unreachable);
