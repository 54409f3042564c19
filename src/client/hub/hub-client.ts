import { RestClient } from '../rest/rest-client.js';
import { SharedSession } from '../sessions/shared-session.js';
import { DurableStream, type DurableStreamOptions } from '../streams/durable-stream.js';
import { Emitter } from '../emitter.js';
import { CLIENT_ERROR, OpstreamClientError } from '../errors.js';
import type { EventQueue } from './event-queue.js';
import { firehose } from './firehose.js';
import { HubConnection, type HubConnectionEvents, type HubConnectionOptions } from './hub-connection.js';
import type { JsonObject, JsonValue } from '../json.js';
import { OperationFeed, type FollowedEvent } from './operation-feed.js';
import {
  isHistoryLost,
  isHistoryTrimmed,
  isOperationEvent,
  type EventFilter,
  type EventPage,
  type HistoryLost,
  type OperationPage,
  type OpenedOperation,
  type OperationSnapshot,
  type ProducerEventData,
  type ProducerEventType,
  type Receipt,
  type SearchedEventPage,
  type ServerStats,
} from '../protocol/operation-events.js';
import type { Frame } from './pending-commands.js';
import type { EmitCommand } from '../protocol/hub-commands.js';
import { inheritedParent } from '../inherited-parent.js';
import type { CancelledAnswer } from '../protocol/hub-messages.js';
import { randomId } from '../random-id.js';
import type { LogOptions } from '../rest/log-lines.js';
import type { ListQuery } from '../rest/rest-client.js';

export interface HubClientOptions extends HubConnectionOptions {
  /** Events held for one slow loop, before the rest is left in the log for later. 10,000 by default. */
  readonly maxBuffered?: number;
}

export interface FollowOptions {
  /** Start after this event: 0 for the whole log. By default, from now on. */
  readonly afterSeq?: number;
  /** Lets the service omit `progress` events that newer ones supersede. */
  readonly coalesce?: boolean;
  /** Stops the loop. */
  readonly signal?: AbortSignal;
}

export interface FollowAllOptions {
  /**
   * Start after the event at this `position`. By default, from now on. A position kept from an earlier run reveals a
   * lost log only with its log: `position@log`.
   */
  readonly after?: string;
  readonly signal?: AbortSignal;
}

interface HubClientEvents extends Omit<HubConnectionEvents, 'frame'> {
  /** The service has another log of an operation than the one that was followed; its followers are notified, too. */
  historyLost: [HistoryLost];
}

/**
 * A client of the operations hub (docs/protocol.md, "Hub"). It connects on first use, reconnects by its policy, and
 * continues every loop where it was: each event once, in order, without a gap.
 *
 * ```ts
 * const hub = new HubClient({ url: 'http://127.0.0.1:8765' });
 * for await (const event of hub.follow(operationId, { afterSeq: 0 })) {
 *   if (event.event_type === 'progress') console.log(event.data.progress);
 * }
 * hub.close();
 * ```
 */
export class HubClient extends Emitter<HubClientEvents> {
  readonly #options: HubClientOptions;
  readonly #connection: HubConnection;
  readonly #feeds = new Map<string, OperationFeed>();
  /** Active firehoses; they end with the client. */
  readonly #firehoses = new Set<EventQueue<FollowedEvent>>();

  /** @throws TypeError for an invalid URL */
  constructor(options: HubClientOptions = {}) {
    super();
    this.#options = options;
    this.#connection = new HubConnection(options)
      .on('connected', () => {
        for (const feed of this.#feeds.values()) feed.subscribe();
        this.emit('connected');
      })
      .on('frame', (frame) => this.#receive(frame))
      .on('disconnected', (how) => this.emit('disconnected', how))
      .on('reconnecting', (when) => this.emit('reconnecting', when))
      .on('ended', (error) => {
        for (const feed of this.#feeds.values()) {
          if (error.code === CLIENT_ERROR.closed) feed.end();
          else feed.fail(error);
        }
        this.emit('ended', error);
      });
  }

  get isConnected(): boolean {
    return this.#connection.isOpen;
  }

  /** Commands waiting for a connection or an answer. */
  get pendingCount(): number {
    return this.#connection.pendingCount;
  }

  /**
   * Connects at once, to find out whether the service is there; every other method also connects, but keeps trying.
   * @throws OpstreamClientError `unreachable`, `unauthorized`, `forbidden`; the client is closed then
   */
  connect(): Promise<void> {
    return this.#connection.connect();
  }

  /** Ends every loop, rejects pending commands, and disconnects for good. */
  close(): void {
    for (const queue of this.#firehoses) queue.end();
    this.#connection.close();
  }

  /**
   * The events of one operation until its end, even if it is created later. Yields a `history_trimmed` where the
   * service no longer has the events. The loop throws OpstreamClientError when the service refuses, is given up, or
   * has lost the operation.
   */
  follow(operationId: string, options: FollowOptions = {}): AsyncIterableIterator<FollowedEvent, undefined> {
    if (this.#connection.hasEnded)
      throw new OpstreamClientError(CLIENT_ERROR.closed, 'The client was closed');
    let feed = this.#feeds.get(operationId);
    if (!feed) {
      feed = new OperationFeed(this.#connection, operationId, () => this.#feeds.delete(operationId));
      this.#feeds.set(operationId, feed);
    }
    this.#connection.start();
    const queue = feed.follow(options.afterSeq, options.coalesce ?? false, this.#capacity);
    if (options.signal) queue.endWith(options.signal);
    return queue;
  }

  /** The events of all operations, in the order of recording, until the signal or the client ends it. */
  followAll(options: FollowAllOptions = {}): AsyncIterableIterator<FollowedEvent, undefined> {
    if (this.#connection.hasEnded)
      throw new OpstreamClientError(CLIENT_ERROR.closed, 'The client was closed');
    const queue = firehose(this.#options, options.after, this.#capacity, () => this.#firehoses.delete(queue));
    this.#firehoses.add(queue);
    if (options.signal) queue.endWith(options.signal);
    return queue;
  }

  /** A session that agents and people share. */
  session(sessionId: string): SharedSession {
    return new SharedSession(this.#rest(), sessionId);
  }

  /** A Durable Stream: create it, append to it, read it, follow it. */
  stream(path: string, options: DurableStreamOptions = {}): DurableStream {
    return new DurableStream(this.#rest(), path, options);
  }

  /**
   * Creates an operation. The id is chosen here unless the caller gives one, so that a repeat after a lost connection
   * does not create a second one.
   */
  async createOperation(
    operationType: string,
    options: {
      operationId?: string;
      metadata?: JsonObject;
      leaseSeconds?: number;
      /** What it is a part of; by default OPSTREAM_OPERATION_ID of the environment, and nothing for null. */
      parentOperationId?: string | null;
    } = {},
  ): Promise<string> {
    const operationId = options.operationId ?? randomId();
    const { parentOperationId: parent = inheritedParent(operationId) } = options;
    await this.#connection.request({
      command: 'create_operation',
      operation_type: operationType,
      operation_id: operationId,
      metadata: options.metadata,
      lease_seconds: options.leaseSeconds,
      ...(parent != null && { parent_operation_id: parent }),
    });
    return operationId;
  }

  /**
   * Opens an operation that is shared by its cache key.
   * @returns it, or with `cached: true` the operation that answers for the key: do not run the work, follow that one
   */
  async openShared(
    operationType: string,
    options: { cacheKey: string; ttl?: number; metadata?: JsonObject; leaseSeconds?: number },
  ): Promise<OpenedOperation> {
    const answer = await this.#connection.request({
      command: 'create_operation',
      operation_type: operationType,
      operation_id: randomId(),
      metadata: options.metadata,
      lease_seconds: options.leaseSeconds,
      cache_key: options.cacheKey,
      ttl: options.ttl,
    });
    return { ...answer.operation, cached: answer.status === 'cached' };
  }

  /**
   * Answers an open request for input (`input_requests` of a snapshot).
   * @throws OpstreamClientError `input_rejected`, `input_closed`, `input_not_found`
   */
  async answerInput(operationId: string, key: string, answer: JsonValue): Promise<void> {
    const eventId = randomId();
    await this.#connection.request({
      command: 'answer_input',
      operation_id: operationId,
      key,
      answer,
      event_id: eventId,
    });
  }

  /** Renews an operation's lease when there is no event to record. */
  async renew(operationId: string): Promise<void> {
    await this.#connection.request({ command: 'renew', operation_id: operationId });
  }

  /**
   * Records one event; resolves once it is stored. Repeated after a lost connection it is recorded once.
   * @param eventId the producer's own id of this event, when the caller itself may repeat it
   */
  async record<Type extends ProducerEventType>(
    operationId: string,
    eventType: Type,
    data: ProducerEventData[Type],
    eventId: string = randomId(),
  ): Promise<Omit<Receipt, 'timestamp'>> {
    const answer = await this.#connection.request({
      command: 'emit',
      operation_id: operationId,
      event_type: eventType,
      data,
      event_id: eventId,
    } as EmitCommand);
    return answer.data;
  }

  /** Ends an operation as `cancelled`; its producer is notified. */
  async cancelOperation(
    operationId: string,
    reason?: string,
    options: { /** Cancel everything that runs below it as well. */ children?: boolean } = {},
  ): Promise<CancelledAnswer['data']> {
    const answer = await this.#connection.request({
      command: 'cancel_operation',
      operation_id: operationId,
      reason,
      event_id: randomId(),
      ...(options.children && { children: true }),
    });
    return answer.data;
  }

  /** @returns null for an operation the service does not know */
  async getOperation(operationId: string): Promise<OperationSnapshot | null> {
    const answer = await this.#connection.request({ command: 'get_operation', operation_id: operationId });
    return answer.operation;
  }

  async listOperations(query: ListQuery = {}): Promise<OperationPage> {
    const answer = await this.#connection.request({ command: 'list_operations', ...query });
    return answer.data;
  }

  /** @param afterSeq 0 for the beginning */
  async getHistory(operationId: string, afterSeq = 0, limit?: number): Promise<EventPage> {
    const answer = await this.#connection.request({
      command: 'get_history',
      operation_id: operationId,
      after_seq: afterSeq,
      limit,
    });
    return answer.data;
  }

  /**
   * The events of a log that match a filter, or a page before a seq. One call searches a bounded part of a long log:
   * while `has_more`, continue after `searched_through`, or before `searched_from`.
   */
  async searchLog(operationId: string, filter: EventFilter): Promise<SearchedEventPage> {
    const answer = await this.#connection.request({
      command: 'get_history',
      operation_id: operationId,
      ...filter,
      count: filter.count ?? false,
    });
    return answer.data as SearchedEventPage;
  }

  /** The text of an operation's log events, line by line, over a request of its own: see `RestClient.log`. */
  log(operationId: string, options: LogOptions = {}): AsyncGenerator<string, void> {
    return this.#rest().log(operationId, options);
  }

  async getStats(): Promise<ServerStats> {
    const answer = await this.#connection.request({ command: 'get_stats' });
    return answer.stats;
  }

  /** @returns the round trip in milliseconds */
  async ping(): Promise<number> {
    const sent = performance.now();
    await this.#connection.request({ command: 'ping' });
    return performance.now() - sent;
  }

  #rest(): RestClient {
    const { url, token } = this.#options;
    return new RestClient({ ...(url !== undefined && { url }), ...(token !== undefined && { token }) });
  }

  get #capacity(): number {
    return this.#options.maxBuffered ?? 10_000;
  }

  #receive(frame: Frame): void {
    if (isOperationEvent(frame)) this.#feeds.get(frame.operation_id)?.accept(frame);
    else if (isHistoryTrimmed(frame)) this.#feeds.get(frame.operation_id)?.trimmed(frame);
    else if (isHistoryLost(frame)) {
      this.#feeds.get(frame.operation_id)?.lost(frame);
      this.emit('historyLost', frame);
    }
  }
}
