import { Emitter } from '../emitter.js';
import { CLIENT_ERROR, OpstreamClientError } from '../errors.js';
import { pause } from '../pause.js';
import { untilAnswered } from './input-waiter.js';
import { EventBuffer } from './event-buffer.js';
import type { JsonObject, JsonValue } from '../json.js';
import type { OpenedOperation, ProducerEventData, ProducerEventType } from '../protocol/operation-events.js';
import { randomId } from '../random-id.js';
import { reconnectPolicy, type ReconnectPolicy, type ReconnectPreset } from '../reconnect-policy.js';
import type { EventDraft, RestClient } from '../rest/rest-client.js';

export interface ProducerOptions {
  readonly operationId?: string;
  readonly metadata?: JsonObject;
  /** What it is a part of; by default OPSTREAM_OPERATION_ID of the environment, and nothing for null. */
  readonly parentOperationId?: string | null;
  /** How long an event may wait for others to share its request; 20 ms by default. */
  readonly flushMs?: number;
  /** Events in one request at most; 500 by default. */
  readonly batchSize?: number;
  /** Events held while the service cannot be reached; further ones are refused. 10,000 by default. */
  readonly maxBuffered?: number;
  /** The same bound in characters of JSON; 16 million by default. */
  readonly maxBufferedCharacters?: number;
  /**
   * How long the service may hear nothing of this producer before it ends the operation as `Stalled`; 120 by default, 0
   * for never. Events renew it, and so does the producer itself while there are none.
   */
  readonly leaseSeconds?: number;
  /**
   * Shares the work with everyone who opens this type with this key: see `opened`. Give a lease, too, or a producer that
   * dies keeps the key until its operation is cancelled.
   */
  readonly cacheKey?: string;
  /** Seconds after its end that the result may be handed out; needs a `cacheKey`. */
  readonly ttl?: number;
  /** When to try again after a failure that may pass; `spread` by default. */
  readonly retry?: ReconnectPreset | ReconnectPolicy;
}

export interface ProducerEvents {
  /** A request failed and will be repeated after `delay` milliseconds. */
  retrying: [{ attempt: number; delay: number; error: OpstreamClientError }];
  /** The service is answering (again). */
  recording: [];
  /** So many events are recorded. */
  acknowledged: [number];
  /** The service will never take this event: it is not valid. */
  rejected: [{ event: EventDraft; error: OpstreamClientError }];
  /** Nothing more will be recorded: the operation was ended elsewhere, access was refused, or the policy gave up. */
  stopped: [OpstreamClientError];
}

/**
 * Records one operation over REST without ever getting in the way of the work: events are buffered, sent in batches,
 * and repeated with their `event_id` until the service has acknowledged them, so that each is recorded once. The
 * operation itself is opened by the first request.
 *
 * ```ts
 * const job = new OperationProducer(new RestClient(), 'import', { metadata: { file: 'a.csv' } });
 * job.progress(0.5, 'Half of the rows');
 * await job.result({ rows: 1200 });
 * ```
 */
export class OperationProducer extends Emitter<ProducerEvents> {
  readonly operationId: string;
  readonly #metadata: JsonObject | undefined;
  readonly #parent: string | null | undefined;
  readonly #flushMs: number;
  readonly #batchSize: number;
  readonly #policy: ReconnectPolicy;
  readonly #abort = new AbortController();
  readonly #buffer: EventBuffer;
  #opened = false;
  #sending: Promise<void> | undefined;
  #failures = 0;
  #dropped = 0;
  #stopped: OpstreamClientError | undefined;
  /** Ends the wait before the next request. */
  #wake: (() => void) | undefined;
  /** Why the service did not take the end of the operation; by the end's `event_id`. */
  #refusedEnd: OpstreamClientError | undefined;
  #endId: string | undefined;
  /** Renews the lease while there is nothing to send. */
  #renewal: ReturnType<typeof setInterval> | undefined;
  readonly #leaseSeconds: number;
  readonly #cache: { cacheKey?: string | undefined; ttl?: number | undefined };
  readonly #opening = deferred<OpenedOperation>();

  constructor(
    private readonly rest: RestClient,
    private readonly operationType: string,
    options: ProducerOptions = {},
  ) {
    super();
    this.operationId = options.operationId ?? randomId();
    this.#metadata = options.metadata;
    this.#parent = options.parentOperationId;
    this.#flushMs = options.flushMs ?? 20;
    this.#batchSize = options.batchSize ?? 500;
    const { maxBuffered = 10_000, maxBufferedCharacters = 16_000_000 } = options;
    this.#buffer = new EventBuffer(maxBuffered, maxBufferedCharacters);
    this.#leaseSeconds = options.leaseSeconds ?? DEFAULT_LEASE_SECONDS;
    this.#cache = { cacheKey: options.cacheKey, ttl: options.ttl };
    this.#policy = reconnectPolicy(options.retry ?? 'spread');
  }

  /** Why nothing more is recorded, once that is so. */
  get stopped(): OpstreamClientError | undefined {
    return this.#stopped;
  }

  /** Events not yet acknowledged. */
  get bufferedCount(): number {
    return this.#buffer.length;
  }

  /** Events that were refused because the buffer was full. */
  get droppedCount(): number {
    return this.#dropped;
  }

  /**
   * Opens the operation, and resolves once it is. With a `cacheKey`, look at `cached` before you begin: when it is true
   * the work is or was done by the operation of the answer, and this producer records nothing.
   * @throws why recording stopped: see `flush`
   */
  get opened(): Promise<OpenedOperation> {
    void this.#start();
    return this.#opening.promise;
  }

  /**
   * Asks a person or program, and waits for the answer: restarts of the service and lost connections only delay it.
   * The lease is renewed meanwhile.
   * @param schema JSON Schema that an answer must match; null for any JSON
   * @param options `timeout` in seconds, `key` names the request
   * @throws OpstreamClientError `input_declined`, `input_expired`, `input_withdrawn`, `operation_ended`, or why
   *   recording stopped
   */
  async ask(
    message: string,
    schema: JsonObject | null = null,
    options: { timeout?: number; key?: string } = {},
  ): Promise<JsonValue> {
    const { key = randomId(), timeout } = options;
    const { signal } = this.#abort;
    await this.opened;
    await this.flush();
    const question = { key, message, schema, timeout, eventId: randomId(), signal };
    const { seq } = await this.#repeated(() => this.rest.requestInput(this.operationId, question));
    return untilAnswered(this.rest, { operationId: this.operationId, key, seq }, this.#policy, signal);
  }

  /** Repeats a request while its failure may pass. */
  async #repeated<Answer>(request: () => Promise<Answer>): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await request();
      } catch (error) {
        const passes = error instanceof OpstreamClientError && error.retryable;
        if (!passes || attempt > this.#policy.maxAttempts) throw error;
        this.#abort.signal.throwIfAborted();
        await pause(this.#policy.delay(attempt, Math.random()), this.#abort.signal);
      }
    }
  }

  /** Opens the operation without waiting for its first event. */
  open(): void {
    void this.#start();
  }

  /** @param progress 0 to 1. @returns false when it was refused: the buffer is full, or recording has stopped */
  progress(progress: number, message?: string, details?: JsonObject): boolean {
    return this.record('progress', { progress, message, details });
  }

  status(status: string, message?: string, details?: JsonObject): boolean {
    return this.record('status', { status, message, details });
  }

  log(level: string, message: string, details?: JsonObject): boolean {
    return this.record('log', { level, message, details });
  }

  /**
   * Ends the operation with its result; resolves once everything is recorded.
   * @throws see `flush`, and why the service did not take this event
   */
  result(result: JsonValue): Promise<void> {
    return this.#finish('result', { result });
  }

  /** Ends the operation with an error; resolves once everything is recorded. @throws see `result` */
  error(error: string, errorType?: string, details?: JsonObject): Promise<void> {
    return this.#finish('error', { error, error_type: errorType, details });
  }

  /** Ends the operation as cancelled; resolves once everything is recorded. @throws see `result` */
  cancelled(reason?: string): Promise<void> {
    return this.#finish('cancelled', { reason });
  }

  /**
   * @returns false when it was refused: the buffer is full, or recording has stopped
   * @throws OpstreamClientError `invalid_json` for data that cannot be written as JSON, e.g. because it contains itself
   */
  record<Type extends ProducerEventType>(type: Type, data: ProducerEventData[Type]): boolean {
    if (this.#stopped) return false;
    if (this.#buffer.isFull) {
      this.#dropped++;
      return false;
    }
    this.#push(type, data);
    return true;
  }

  /**
   * Resolves once everything recorded so far is acknowledged.
   * @throws OpstreamClientError why recording stopped: `operation_ended`, `unauthorized`, `unreachable` …
   */
  async flush(): Promise<void> {
    while (!this.#stopped && (this.#buffer.length > 0 || this.#sending)) await this.#start();
    if (this.#stopped) throw this.#stopped;
  }

  /** Gives up: nothing more is sent. */
  close(): void {
    this.#stop(new OpstreamClientError(CLIENT_ERROR.closed, 'The producer was closed'));
  }

  #finish<Type extends ProducerEventType>(type: Type, data: ProducerEventData[Type]): Promise<void> {
    if (!this.#stopped) {
      // The end always fits, and events missing before it are reported.
      if (this.#dropped > 0) {
        const message = `${this.#dropped} events were dropped while the service could not be reached`;
        this.#push('log', { level: 'warning', message });
      }
      this.#endId = this.#push(type, data);
      // The program may be about to exit, and the service back long before the next attempt is due.
      this.#wake?.();
    }
    return this.flush().then(() => {
      if (this.#refusedEnd) throw this.#refusedEnd;
      this.#stopRenewing();
    });
  }

  /** @returns the id of the event */
  #push<Type extends ProducerEventType>(type: Type, data: ProducerEventData[Type]): string {
    const eventId = randomId();
    this.#buffer.push({ event_type: type, data, event_id: eventId } as EventDraft);
    void this.#start();
    return eventId;
  }

  /** One loop at a time sends; events that come meanwhile go with its next request. */
  #start(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    this.#sending ??= this.#send().finally(() => (this.#sending = undefined));
    return this.#sending;
  }

  async #send(): Promise<void> {
    await this.#pause(this.#flushMs);
    while (!this.#stopped && (this.#buffer.length > 0 || !this.#opened)) {
      try {
        if (this.#opened) await this.#sendBatch(this.#buffer.batchLength(this.#batchSize));
        else await this.#openOperation();
        if (this.#failures > 0) this.emit('recording');
        this.#failures = 0;
      } catch (thrown) {
        await this.#failed(thrown);
      }
    }
  }

  async #openOperation(): Promise<void> {
    const opened = await this.rest.createOperation(this.operationType, {
      operationId: this.operationId,
      metadata: this.#metadata,
      parentOperationId: this.#parent,
      leaseSeconds: this.#leaseSeconds === 0 ? undefined : this.#leaseSeconds,
      ...this.#cache,
      signal: this.#abort.signal,
    });
    this.#opened = true;
    this.#opening.resolve(opened);
    if (opened.cached === true) {
      const message = `Operation ${opened.operation_id} answers for the cache key`;
      return this.#stop(new OpstreamClientError(CLIENT_ERROR.cached, message));
    }
    this.#startRenewing();
    this.emit('recording');
  }

  /** An empty append says that the producer is still there. */
  #startRenewing(): void {
    if (this.#leaseSeconds === 0 || this.#stopped) return;
    const renew = (): void => {
      if (this.#sending || this.#buffer.length > 0) return;
      // The next one comes in time; what the service has against it, an event will learn.
      this.rest.record(this.operationId, [], { signal: this.#abort.signal }).catch(() => {});
    };
    this.#renewal = setInterval(renew, (this.#leaseSeconds * 1000) / RENEWALS_PER_LEASE);
    // In Node, work that is over must not be kept from exiting.
    (this.#renewal as { unref?: () => void }).unref?.();
  }

  #stopRenewing(): void {
    clearInterval(this.#renewal);
  }

  /** Sends the oldest events; one the service calls invalid is found by halving, and reported instead of sent. */
  async #sendBatch(count: number): Promise<void> {
    const events = this.#buffer.oldest(count);
    try {
      await this.rest.record(this.operationId, events, { signal: this.#abort.signal });
      this.#buffer.remove(count);
      this.emit('acknowledged', count);
    } catch (error) {
      if (!(error instanceof OpstreamClientError) || !INVALID.has(error.code)) throw error;
      if (count > 1) return this.#sendBatch(Math.ceil(count / 2));
      this.#buffer.remove(1);
      if (events[0]!.event_id === this.#endId) this.#refusedEnd = error;
      this.emit('rejected', { event: events[0]!, error });
    }
  }

  async #failed(thrown: unknown): Promise<void> {
    const error =
      thrown instanceof OpstreamClientError
        ? thrown
        : new OpstreamClientError(CLIENT_ERROR.closed, String(thrown));
    if (!error.retryable || this.#failures >= this.#policy.maxAttempts) return this.#stop(error);
    const attempt = ++this.#failures;
    const delay = this.#policy.delay(attempt, Math.random());
    this.emit('retrying', { attempt, delay, error });
    await this.#pause(delay);
  }

  #stop(error: OpstreamClientError): void {
    if (this.#stopped) return;
    this.#stopped = error;
    this.#opening.reject(error);
    this.#stopRenewing();
    this.#buffer.clear();
    this.#abort.abort(error);
    this.#wake?.();
    this.emit('stopped', error);
  }

  /** Resolves after a time, or early when woken. */
  #pause(ms: number): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** A promise that nobody has to await. */
function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((...both) => ([resolve, reject] = both));
  promise.catch(() => {});
  return { promise, resolve, reject };
}

const DEFAULT_LEASE_SECONDS = 120;
/** One renewal may get lost, and another come late. */
const RENEWALS_PER_LEASE = 4;

const INVALID: ReadonlySet<string> = new Set([
  'invalid_event',
  'invalid_json',
  'invalid_request',
  'payload_too_large',
]);
