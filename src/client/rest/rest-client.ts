import { inheritedParent } from '../inherited-parent.js';
import type { OperationFilter } from '../protocol/hub-commands.js';
import { CLIENT_ERROR, OpstreamClientError } from '../errors.js';
import { reasonOf } from './fetch-failure.js';
import { isObject, parseJson, type JsonObject, type JsonValue, toJson } from '../json.js';
import type {
  EventFilter,
  EventPage,
  OperationPage,
  OpenedOperation,
  OperationSnapshot,
  ProducerEventData,
  ProducerEventType,
  Receipt,
  SearchedEventPage,
  ServerStats,
} from '../protocol/operation-events.js';
import { readLog, readLogEvents, type LoggedEvent, type LogOptions } from './log-lines.js';
import { resolveToken, ServiceAddress, type TokenSource } from '../service-address.js';

export interface RestClientOptions {
  /** The service's address; `http://127.0.0.1:8765` by default. */
  readonly url?: string;
  readonly token?: TokenSource;
  readonly fetch?: typeof fetch;
  /** How long an answer may take; 30,000 by default. */
  readonly timeoutMs?: number;
}

export interface InputQuestion {
  readonly key: string;
  readonly message: string;
  /** JSON Schema that an answer must match; any JSON by default. */
  readonly schema?: JsonObject | null;
  /** Seconds until it expires; by default it stays open while the operation runs. */
  readonly timeout?: number | undefined;
  /** Your own id makes the call repeatable. */
  readonly eventId?: string;
  readonly signal?: AbortSignal;
}

export interface ListQuery extends Readonly<OperationFilter> {
  /** Highest first; `started` by default. */
  readonly sort?: 'started' | 'updated' | 'duration';
  /** Also count the operations that match, by state, regardless of their status. */
  readonly counts?: boolean;
  readonly limit?: number;
  /** The `next_cursor` of the previous page. */
  readonly cursor?: string;
}

/** One event as a producer sends it in a batch. */
export type EventDraft = {
  [Type in ProducerEventType]: { event_type: Type; data: ProducerEventData[Type]; event_id?: string };
}[ProducerEventType];

/** An API key without its secret; times are Unix seconds. */
export interface ApiKey {
  id: string;
  name: string;
  user_id: string;
  scopes: string[];
  created_at: number;
  expires_at: number | null;
}

export interface CreateApiKey {
  readonly name: string;
  readonly role?: 'user' | 'admin';
  readonly scopes?: readonly string[];
  readonly user_id?: string;
  /** Seconds; by default the key is valid until it is revoked. */
  readonly expires_in?: number;
}

/** A copy of the store made by the service. */
export interface Backup {
  file: string;
  /** Its path on the service's machine. */
  path: string;
  bytes: number;
  /** Operations of all tenants in the copy. */
  operations: number;
  /** The highest position of the caller's log in the copy. */
  mark: string;
}

export interface CancelledOperation extends OperationSnapshot {
  /** With `children`: how many others were cancelled. */
  children_cancelled?: number;
  /** There are more than one request cancels; repeat it. */
  children_incomplete?: boolean;
}

export interface BatchReceipt {
  receipts: Receipt[];
  operation: OperationSnapshot;
}

export interface RestCall {
  readonly query?: Record<string, string | number | boolean | undefined>;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/** An outgoing request. */
export interface OpenCall {
  readonly query?: Readonly<Record<string, string | number>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer> | string;
  readonly signal?: AbortSignal;
}

/**
 * The REST interface of a service (docs/protocol.md, "REST"). Nothing is retried here: failures throw an
 * OpstreamClientError with the service's code, or `unreachable`, `timeout`, `unexpected_answer`.
 */
export class RestClient {
  readonly address: ServiceAddress;
  readonly #token: TokenSource | undefined;
  readonly #fetch: typeof fetch;
  readonly #timeoutMs: number;

  /** @throws TypeError for an invalid URL */
  constructor(options: RestClientOptions = {}) {
    this.address = new ServiceAddress(options.url);
    this.#token = options.token;
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
    this.#timeoutMs = options.timeoutMs ?? 30_000;
  }

  /** Repeating it with the same `operationId`, type and metadata returns the same operation. */
  createOperation(
    operationType: string,
    options: {
      operationId?: string;
      metadata?: JsonObject;
      /** Seconds of silence after which the service ends the operation as `Stalled`. */
      leaseSeconds?: number | undefined;
      /** What it is a part of; by default OPSTREAM_OPERATION_ID of the environment, and nothing for null. */
      parentOperationId?: string | null | undefined;
      /** Shares the work with everyone who opens this type with this key; see `cached` of the answer. */
      cacheKey?: string | undefined;
      /** Seconds after its end that the result may be handed out; needs a `cacheKey`. */
      ttl?: number | undefined;
      signal?: AbortSignal;
    } = {},
  ): Promise<OpenedOperation> {
    const { parentOperationId: parent = inheritedParent(options.operationId) } = options;
    const body = {
      operation_type: operationType,
      operation_id: options.operationId,
      metadata: options.metadata,
      lease_seconds: options.leaseSeconds,
      ...(parent != null && { parent_operation_id: parent }),
      cache_key: options.cacheKey,
      ttl: options.ttl,
    };
    return this.#call('POST', 'api/operations', { body, signal: options.signal });
  }

  /** Newest first, one page. */
  listOperations(query: ListQuery = {}): Promise<OperationPage> {
    return this.#call('GET', 'api/operations', { query: { ...query } });
  }

  getOperation(operationId: string): Promise<OperationSnapshot> {
    return this.#call('GET', operationPath(operationId));
  }

  /** One page of an operation's log. @param afterSeq 0 for the beginning */
  getEvents(operationId: string, afterSeq = 0, limit?: number): Promise<EventPage> {
    return this.#call('GET', operationPath(operationId, 'events'), { query: { after_seq: afterSeq, limit } });
  }

  /**
   * The events of a log that match a filter, or a page before a seq. One call searches a bounded part of a long log:
   * while `has_more`, continue after `searched_through`, or before `searched_from`.
   */
  searchLog(operationId: string, filter: EventFilter): Promise<SearchedEventPage> {
    const { event_type: types, count = false, ...rest } = filter;
    const query = {
      ...rest,
      count: String(count),
      event_type: typeof types === 'string' ? types : types?.join(','),
    };
    return this.#call('GET', operationPath(operationId, 'events'), { query });
  }

  /**
   * The text of an operation's log events, line by line. Each call is one request: nothing is resumed.
   * @throws OpstreamClientError the service's refusal; `operation_not_found` also when the operation is deleted
   *   meanwhile, `connection_lost` when the log breaks off for another reason
   */
  log(operationId: string, options: LogOptions = {}): AsyncGenerator<string, void> {
    return readLog(this, operationId, options, 'text/plain');
  }

  /** Like `log`, with the log events themselves. */
  logEvents(operationId: string, options: LogOptions = {}): AsyncGenerator<LoggedEvent, void> {
    return readLogEvents(this, operationId, options);
  }

  /** Records events in one transaction, all or none. An empty list renews the operation's lease. */
  record(
    operationId: string,
    events: readonly EventDraft[],
    options: { signal?: AbortSignal } = {},
  ): Promise<BatchReceipt> {
    return this.#call('POST', operationPath(operationId, 'events'), { body: events, ...options });
  }

  /** Asks for input; repeatable with the same `eventId`. @returns the seq of the request */
  requestInput(operationId: string, request: InputQuestion): Promise<{ key: string; seq: number }> {
    const { eventId, signal, ...body } = request;
    return this.#call('POST', operationPath(operationId, 'input'), {
      body: { ...body, event_id: eventId },
      signal,
    });
  }

  /** Answers an open request. @throws OpstreamClientError `input_rejected`, `input_closed`, `input_not_found` */
  async answerInput(operationId: string, key: string, answer: JsonValue): Promise<void> {
    await this.#call('POST', operationPath(operationId, `input/${encodeURIComponent(key)}`), {
      body: { answer },
    });
  }

  /** Refuses to answer an open request. */
  async declineInput(operationId: string, key: string): Promise<void> {
    const path = operationPath(operationId, `input/${encodeURIComponent(key)}`);
    await this.#call('POST', path, { body: { declined: true } });
  }

  /** Withdraws an open request: nobody needs to answer it any more. */
  async withdrawInput(operationId: string, key: string): Promise<void> {
    await this.#call('DELETE', operationPath(operationId, `input/${encodeURIComponent(key)}`));
  }

  cancelOperation(
    operationId: string,
    reason?: string,
    options: { /** Cancel everything that runs below it as well. */ children?: boolean } = {},
  ): Promise<CancelledOperation> {
    const body = { reason, ...(options.children && { children: true }) };
    return this.#call('POST', operationPath(operationId, 'cancel'), { body });
  }

  /** Deletes an ended operation. */
  async deleteOperation(operationId: string): Promise<void> {
    await this.#call('DELETE', operationPath(operationId));
  }

  /** Mirrors a Forge attempt into an operation, shared by all its watchers. */
  watchForgeAttempt(attemptId: string): Promise<OperationSnapshot> {
    return this.#call('POST', `api/forge/attempts/${encodeURIComponent(attemptId)}/watch`);
  }

  /** The keys of the caller's tenant; requires the scope `admin`. */
  async listApiKeys(): Promise<ApiKey[]> {
    return (await this.#call<{ keys: ApiKey[] }>('GET', 'api/keys')).keys;
  }

  /** Creates a key; `key` is shown only once. */
  createApiKey(key: CreateApiKey): Promise<ApiKey & { key: string }> {
    return this.#call('POST', 'api/keys', { body: key });
  }

  /** Revokes a key and closes every connection opened with it. */
  async revokeApiKey(id: string): Promise<void> {
    await this.#call('DELETE', `api/keys/${encodeURIComponent(id)}`);
  }

  /**
   * Makes the service copy its store while it runs; requires the scope `admin`. Choose a sufficient `timeoutMs`.
   * @param file a name in the service's BACKUP_DIR; by default one with the time
   */
  createBackup(file?: string): Promise<Backup> {
    return this.#call('POST', 'api/admin/backup', { body: { file } });
  }

  getStats(): Promise<ServerStats> {
    return this.#call('GET', 'api/stats');
  }

  /** Any request below the service's root, for calls without their own method. */
  request<Answer>(method: string, path: string, call: RestCall = {}): Promise<Answer> {
    return this.#call(method, path, call);
  }

  /** Opens an event stream. @throws OpstreamClientError the service's refusal, or `unreachable` */
  async openStream(
    path: string,
    query: Record<string, string | number>,
    signal?: AbortSignal,
  ): Promise<ReadableStream<Uint8Array>> {
    const headers = { accept: 'text/event-stream' };
    const response = await this.open('GET', path, { query, headers, ...(signal && { signal }) });
    if (!response.body) throw this.#unexpected(response.status);
    return response.body;
  }

  /**
   * A request whose response is read by the caller, without a time limit.
   * @throws OpstreamClientError the service's refusal, or `unreachable`
   */
  async open(method: string, path: string, call: OpenCall = {}): Promise<Response> {
    const { query = {}, body, signal } = call;
    const url = this.address.http(path);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
    const token = await resolveToken(this.#token);
    const headers = { ...call.headers, ...(token && { authorization: `Bearer ${token}` }) };
    let response: Response;
    try {
      response = await this.#fetch(url, {
        method,
        headers,
        ...(signal && { signal }),
        ...(body && { body }),
      });
    } catch (cause) {
      const message = `Cannot reach ${this.address.displayUrl}: ${reasonOf(cause)}`;
      throw new OpstreamClientError(CLIENT_ERROR.unreachable, message, undefined, { cause });
    }
    if (response.status < 400) return response;
    if (method === 'HEAD') throw this.#refusedHead(response.status);
    throw this.#refused(response.status, parseJson(await response.text()));
  }

  async #call<Answer>(method: string, path: string, call: RestCall = {}): Promise<Answer> {
    const url = this.address.http(path);
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const token = await resolveToken(this.#token);
    const headers: Record<string, string> = { accept: 'application/json' };
    if (token) headers.authorization = `Bearer ${token}`;
    if (call.body !== undefined) headers['content-type'] = 'application/json';
    const body = call.body === undefined ? undefined : toJson(call.body);
    const { status, text } = await this.#exchange(url, { method, headers, body }, call.signal);
    const answer = text === '' ? undefined : parseJson(text);
    if (status >= 400) throw this.#refused(status, answer);
    if (answer === undefined && status !== 204) throw this.#unexpected(status);
    return answer as Answer;
  }

  async #exchange(
    url: URL,
    request: RequestInit,
    signal: AbortSignal | undefined,
  ): Promise<{ status: number; text: string }> {
    const timeout = AbortSignal.timeout(this.#timeoutMs);
    try {
      const response = await this.#fetch(url, {
        ...request,
        signal: signal ? AbortSignal.any([timeout, signal]) : timeout,
      });
      return { status: response.status, text: await response.text() };
    } catch (cause) {
      if (signal?.aborted) throw cause;
      if (timeout.aborted) {
        const message = `${this.address.displayUrl} gave no answer within ${this.#timeoutMs} ms`;
        throw new OpstreamClientError(CLIENT_ERROR.timeout, message, undefined, { cause });
      }
      const message = `Cannot reach ${this.address.displayUrl}: ${reasonOf(cause)}`;
      throw new OpstreamClientError(CLIENT_ERROR.unreachable, message, undefined, { cause });
    }
  }

  /** A response to HEAD has no body with details. */
  #refusedHead(status: number): OpstreamClientError {
    const code = HEAD_REFUSALS[status];
    if (code === undefined) return this.#unexpected(status);
    return new OpstreamClientError(code, `${this.address.displayUrl} answers HTTP ${status}`, status);
  }

  #refused(status: number, problem: unknown): OpstreamClientError {
    if (!isObject(problem) || typeof problem.code !== 'string') return this.#unexpected(status);
    const message = typeof problem.detail === 'string' ? problem.detail : problem.code;
    return new OpstreamClientError(problem.code, message, status);
  }

  #unexpected(status: number): OpstreamClientError {
    const message = `${this.address.displayUrl} does not answer like an Opstream service (HTTP ${status})`;
    return new OpstreamClientError(CLIENT_ERROR.unexpectedAnswer, message, status);
  }
}

const HEAD_REFUSALS: Readonly<Record<number, string>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'stream_not_found',
  410: 'stream_gone',
  429: 'too_many_requests',
  503: 'overloaded',
};

function operationPath(operationId: string, below?: string): string {
  const path = `api/operations/${encodeURIComponent(operationId)}`;
  return below ? `${path}/${below}` : path;
}
