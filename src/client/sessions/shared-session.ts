import { CLIENT_ERROR, OpstreamClientError } from '../errors.js';
import { parseJson, type JsonObject, type JsonValue } from '../json.js';
import { pause } from '../pause.js';
import { randomId } from '../random-id.js';
import { RECONNECT, type ReconnectPolicy } from '../reconnect-policy.js';
import type { RestClient } from '../rest/rest-client.js';
import { eventsOf } from './event-stream.js';
import type {
  MemoryEntry,
  NewSessionMessage,
  SessionMessage,
  SessionSearchHit,
  SharedSessionInfo,
} from '../protocol/session-types.js';

export interface SessionFollowOptions {
  /** Start after this seq; 0, the default, is the beginning. */
  readonly afterSeq?: number;
  readonly signal?: AbortSignal;
  readonly reconnect?: ReconnectPolicy;
}

/**
 * One shared session. `for await (const message of session)` reads its messages and continues live, across lost
 * connections; each message comes once.
 */
export class SharedSession implements AsyncIterable<SessionMessage> {
  readonly #rest: RestClient;

  constructor(
    rest: RestClient,
    readonly id: string,
  ) {
    this.#rest = rest;
  }

  static create(
    rest: RestClient,
    purpose: string,
    options: { readonly sessionId?: string; readonly metadata?: JsonObject } = {},
  ): Promise<SharedSessionInfo> {
    const body = { purpose, session_id: options.sessionId, metadata: options.metadata };
    return rest.request('POST', 'api/sessions', { body });
  }

  info(): Promise<SharedSessionInfo> {
    return this.#rest.request('GET', this.#path());
  }

  /** Adds a message. Repeating it with the same `message_key` adds none. */
  send(content: string, options: NewSessionMessage = {}): Promise<SessionMessage> {
    const body = { message_key: randomId(), ...options, content };
    return this.#rest.request('POST', this.#path('messages'), { body });
  }

  /** One page, oldest first unless `order` says otherwise. */
  messages(
    query: {
      readonly limit?: number;
      readonly offset?: number;
      readonly sender?: string;
      readonly order?: 'oldest' | 'newest';
    } = {},
  ): Promise<{ messages: SessionMessage[]; total_count: number; has_more: boolean }> {
    return this.#rest.request('GET', this.#path('messages'), { query: { ...query } });
  }

  /** Fuzzy search, best match first. @param threshold minimum similarity, 0 to 100 */
  async search(
    text: string,
    options: { readonly threshold?: number; readonly limit?: number } = {},
  ): Promise<SessionSearchHit[]> {
    const query = { q: text, ...options };
    return (await this.#rest.request<{ results: SessionSearchHit[] }>('GET', this.#path('search'), { query }))
      .results;
  }

  /** Who is connected by a socket. */
  async presence(): Promise<{ agent_id: string; connections: number }[]> {
    type Answer = { participants: { agent_id: string; connections: number }[] };
    return (await this.#rest.request<Answer>('GET', this.#path('presence'))).participants;
  }

  /** Closes the session; it can still be read. */
  close(): Promise<SharedSessionInfo> {
    return this.#rest.request('POST', this.#path('close'));
  }

  /** Your memory in this session. */
  readonly memory = {
    get: (key: string): Promise<MemoryEntry> => this.#memory('GET', key),
    set: (
      key: string,
      value: JsonValue,
      options: { readonly expiresIn?: number; readonly ifVersion?: number } = {},
    ): Promise<MemoryEntry> =>
      this.#memory('PUT', key, { value, expires_in: options.expiresIn, if_version: options.ifVersion }),
    delete: (key: string): Promise<void> => this.#memory('DELETE', key),
  };

  [Symbol.asyncIterator](): AsyncIterator<SessionMessage, void> {
    return this.follow();
  }

  /**
   * The messages you may see, in order, until the signal fires.
   * @throws OpstreamClientError when the service refuses, or is given up
   */
  async *follow(options: SessionFollowOptions = {}): AsyncGenerator<SessionMessage, void> {
    const { signal, reconnect = RECONNECT.spread } = options;
    let seq = options.afterSeq ?? 0;
    let attempt = 0;
    while (!isAborted(signal)) {
      try {
        const body = await this.#rest.openStream(this.#path('stream'), { after_seq: seq }, signal);
        attempt = 0;
        for await (const { event, data } of eventsOf(body)) {
          if (event === 'stream_error') throw streamError(data);
          if (event !== 'message') continue;
          const message = parseJson(data) as SessionMessage;
          seq = message.seq;
          yield message;
        }
      } catch (thrown) {
        if (isAborted(signal)) return;
        if (thrown instanceof OpstreamClientError && thrown.code !== CLIENT_ERROR.unreachable) throw thrown;
        if (attempt >= reconnect.maxAttempts) throw thrown;
      }
      attempt += 1;
      await pause(reconnect.delay(attempt, Math.random()), signal);
    }
  }

  #path(below?: string): string {
    const path = `api/sessions/${encodeURIComponent(this.id)}`;
    return below === undefined ? path : `${path}/${below}`;
  }

  #memory<Answer>(method: string, key: string, body?: object): Promise<Answer> {
    const path = `api/memory/${encodeURIComponent(key)}`;
    return this.#rest.request(method, path, { query: { session_id: this.id }, ...(body && { body }) });
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function streamError(data: string): OpstreamClientError {
  const { code, detail } = parseJson(data) as { code?: unknown; detail?: unknown };
  return new OpstreamClientError(typeof code === 'string' ? code : 'internal', String(detail));
}
