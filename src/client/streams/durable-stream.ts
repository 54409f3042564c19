import { OpstreamClientError } from '../errors.js';
import { parseJson, toJson, type JsonValue } from '../json.js';
import { pause } from '../pause.js';
import { RECONNECT, type ReconnectPolicy } from '../reconnect-policy.js';
import type { RestClient } from '../rest/rest-client.js';
import { eventsOf } from '../sessions/event-stream.js';
import { isUnreachable, StreamAppender } from './stream-appender.js';
import { placeOf, StreamChunk, type StreamPlace } from './stream-chunk.js';

export interface DurableStreamOptions {
  /** Base path of all streams; `v1/stream` by default. */
  readonly root?: string;
  /** Identifies this writer: two writers with the same name and epoch repeat each other. Unique by default. */
  readonly producerId?: string;
  readonly reconnect?: ReconnectPolicy;
}

export interface CreateStreamOptions {
  /** `application/json` by default. */
  readonly contentType?: string;
  /** Seconds without a read or write after which the stream is removed. */
  readonly ttlSeconds?: number;
  /** Time at which it is removed. */
  readonly expiresAt?: Date;
  /** Lets shared caches keep what is read. */
  readonly isPublic?: boolean;
  /** Creates an operation that starts and ends with the stream. */
  readonly operation?: boolean;
}

export interface StreamInfo extends StreamPlace {
  readonly contentType: string;
  /** The operation created with the stream, or shown by this stream. */
  readonly operationId: string | undefined;
}

export interface StreamFollowOptions {
  /** `-1`, the default, is the beginning; `now` the end; or the `offset` of a chunk. */
  readonly offset?: string;
  readonly signal?: AbortSignal;
}

/**
 * One Durable Stream (docs/streams.md). `for await (const chunk of stream)` reads it from the beginning and continues
 * live until it is closed, across lost connections; every byte comes once.
 */
export class DurableStream implements AsyncIterable<StreamChunk> {
  readonly #rest: RestClient;
  readonly #address: string;
  readonly #reconnect: ReconnectPolicy;
  readonly #appender: StreamAppender;
  /** Never changes; fetched once, so that appends wait for it in order. */
  #contentType: Promise<string> | undefined;

  /** @param path of the stream, like `chat/42`; `operations/<id>` and `sessions/<id>` are read only */
  constructor(
    rest: RestClient,
    readonly path: string,
    options: DurableStreamOptions = {},
  ) {
    const { root = 'v1/stream', reconnect = RECONNECT.spread, producerId } = options;
    this.#rest = rest;
    this.#address = `${root}/${path.split('/').map(encodeURIComponent).join('/')}`;
    this.#reconnect = reconnect;
    const contentType = (): Promise<string> => this.#typeOf();
    this.#appender = new StreamAppender(rest, this.#address, contentType, reconnect, producerId);
  }

  /** Creates the stream, or confirms that it exists with these options. @throws OpstreamClientError `stream_exists` */
  async create(options: CreateStreamOptions = {}): Promise<StreamInfo> {
    const { contentType = 'application/json', ttlSeconds, expiresAt, isPublic, operation } = options;
    const headers = {
      'content-type': contentType,
      ...(ttlSeconds !== undefined && { 'stream-ttl': String(ttlSeconds) }),
      ...(expiresAt && { 'stream-expires-at': expiresAt.toISOString() }),
      ...(isPublic && { 'stream-public': 'true' }),
      ...(operation && { 'opstream-operation': 'true' }),
    };
    return this.#infoOf(await this.#rest.open('PUT', this.#address, { headers }));
  }

  async info(): Promise<StreamInfo> {
    return this.#infoOf(await this.#rest.open('HEAD', this.#address));
  }

  /**
   * Appends a message of a JSON stream, or text or bytes of any other; resolves once it is recorded. Appends are
   * recorded in order, each once.
   */
  async append(data: JsonValue | Uint8Array): Promise<StreamPlace> {
    return this.#appender.append(this.#encode(data, await this.#isJson()), false);
  }

  /** Closes the stream: its followers come to their end. @param last appended in the same step */
  async close(last?: JsonValue | Uint8Array): Promise<StreamPlace> {
    const data = last === undefined ? undefined : this.#encode(last, await this.#isJson());
    return this.#appender.append(data, true);
  }

  /** Deletes the stream. */
  async delete(): Promise<void> {
    await this.#rest.open('DELETE', this.#address);
  }

  [Symbol.asyncIterator](): AsyncIterator<StreamChunk, void> {
    return this.follow();
  }

  /** The current content after an offset. */
  async *read(offset = '-1'): AsyncGenerator<StreamChunk, void> {
    for (let place: StreamPlace = { offset, upToDate: false, closed: false }; !place.upToDate;) {
      const chunk = await this.#get({ offset: place.offset });
      yield chunk;
      place = chunk;
    }
  }

  /**
   * The current content, then new data, until the stream is closed or the signal fires.
   * @throws OpstreamClientError `stream_gone` when the offset's log was lost, other refusals, or when it is given up
   */
  async *follow(options: StreamFollowOptions = {}): AsyncGenerator<StreamChunk, void> {
    const { signal } = options;
    let offset = options.offset ?? '-1';
    let attempt = 0;
    while (!isAborted(signal)) {
      try {
        for await (const chunk of this.#live(offset, signal)) {
          attempt = 0;
          offset = chunk.offset;
          yield chunk;
          if (chunk.closed) return;
        }
      } catch (thrown) {
        if (isAborted(signal)) return;
        if (thrown instanceof OpstreamClientError && !isUnreachable(thrown)) throw thrown;
        attempt += 1;
        if (attempt > this.#reconnect.maxAttempts) throw thrown;
        await pause(this.#reconnect.delay(attempt, Math.random()), signal);
      }
    }
  }

  /** One connection. Events of text lose what kind of line ends it has, so text is waited for instead. */
  async *#live(offset: string, signal: AbortSignal | undefined): AsyncGenerator<StreamChunk, void> {
    const contentType = await this.#typeOf();
    if (contentType.startsWith('text/')) {
      yield await this.#get({ offset, live: 'long-poll' }, signal);
      return;
    }
    const response = await this.#open({ offset, live: 'sse' }, signal);
    const isBase64 = response.headers.get('stream-sse-data-encoding') === 'base64';
    let pending: Uint8Array = new Uint8Array();
    for await (const { event, data } of eventsOf(response.body!)) {
      if (event === 'data') pending = isBase64 ? fromBase64(data) : new TextEncoder().encode(data);
      if (event === 'stream_error') throw streamError(data);
      if (event !== 'control') continue;
      yield new StreamChunk(pending, controlOf(data));
      pending = new Uint8Array();
    }
  }

  async #get(query: Record<string, string>, signal?: AbortSignal): Promise<StreamChunk> {
    const response = await this.#open(query, signal);
    const bytes = new Uint8Array(await response.arrayBuffer());
    return new StreamChunk(bytes, placeOf(response, query.offset));
  }

  #open(query: Record<string, string>, signal?: AbortSignal): Promise<Response> {
    return this.#rest.open('GET', this.#address, { query, ...(signal && { signal }) });
  }

  async #isJson(): Promise<boolean> {
    const contentType = await this.#typeOf();
    return contentType.split(';', 1)[0]!.trim().toLowerCase() === 'application/json';
  }

  #typeOf(): Promise<string> {
    this.#contentType ??= this.info().then(
      ({ contentType }) => contentType,
      (thrown: unknown) => {
        this.#contentType = undefined;
        throw thrown;
      },
    );
    return this.#contentType;
  }

  #encode(data: JsonValue | Uint8Array, isJson: boolean): Uint8Array {
    if (data instanceof Uint8Array) return data;
    if (!isJson && typeof data !== 'string')
      throw new TypeError('A stream that is not JSON takes text and bytes');
    return new TextEncoder().encode(isJson ? toJson(data) : (data as string));
  }

  #infoOf(response: Response): StreamInfo {
    const contentType = response.headers.get('content-type') ?? 'application/octet-stream';
    this.#contentType = Promise.resolve(contentType);
    const operationId = response.headers.get('opstream-operation') ?? undefined;
    return { ...placeOf(response), contentType, operationId };
  }
}

const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted === true;

function controlOf(data: string): StreamPlace {
  const control = parseJson(data) as {
    streamNextOffset: string;
    upToDate?: boolean;
    streamClosed?: boolean;
  };
  const closed = control.streamClosed === true;
  return { offset: control.streamNextOffset, upToDate: closed || control.upToDate === true, closed };
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text.replace(/\n/g, '')), (character) => character.charCodeAt(0));
}

function streamError(data: string): OpstreamClientError {
  const { code, detail } = parseJson(data) as { code?: unknown; detail?: unknown };
  return new OpstreamClientError(typeof code === 'string' ? code : 'internal', String(detail));
}
