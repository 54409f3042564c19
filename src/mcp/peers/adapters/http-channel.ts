import { setTimeout as delay } from 'node:timers/promises';
import { boundedFetch } from '../../../platform/http/bounded-fetch.js';
import type { BoundedResponse } from '../../../platform/http/bounded-response.js';
import { FetchError } from '../../../platform/http/fetch-error.js';
import { isObject } from '../../protocol/json-rpc.js';
import {
  MAX_ANSWER_BYTES,
  type ChannelEvents,
  type PeerChannel,
  type PeerTarget,
  type SentRequest,
} from '../peer-channel.js';
import { fateOf, namesRequest } from '../request-fate.js';
import { readEvents } from './sse-reader.js';
import { StandingStream } from './standing-stream.js';

const DEFAULT_RETRY_MS = 1000;
/** Consecutive resumptions of an answer's stream without any event. */
const MAX_BARREN_RESUMES = 5;
/** Milliseconds a stream may stay open after its answer; then its connection is closed. */
const LINGER_MS = 1000;

/** One pending request: its session, and how it is aborted. */
interface Exchange {
  readonly request: SentRequest;
  readonly sessionId: string | undefined;
  readonly ending: AbortController;
  lastEventId?: string | undefined;
  retryMs: number;
  answered: boolean;
}

/**
 * MCP over Streamable HTTP as a channel: every message is a POST, whose answer may be a stream that is resumed when it
 * breaks. Each request succeeds or fails on its own (`request-fate.ts`). The channel itself ends when a request cannot
 * be made at all; pending answers still arrive.
 */
export class HttpChannel implements PeerChannel {
  readonly noticesLoss = false;
  private readonly exchanges = new Map<number, Exchange>();
  private readonly closing = new AbortController();
  private standing: StandingStream | undefined;
  private sessionId: string | undefined;
  private version: string | undefined;
  private isStateless = false;
  private hasEnded = false;
  /** What must finish before anything else is sent: the peer must first know that the session has begun. */
  private first: Promise<void> | undefined;

  constructor(
    private readonly target: PeerTarget & { readonly url: string },
    private readonly events: ChannelEvents,
    lifetime: AbortSignal,
  ) {
    lifetime.addEventListener('abort', () => this.closing.abort(), { once: true });
  }

  send(text: string, request?: SentRequest): void {
    if (!request) {
      const sending = this.post(text);
      if (text.includes('"notifications/initialized"')) this.begin(sending);
      return;
    }
    const ending = new AbortController();
    const exchange = {
      request,
      sessionId: this.sessionId,
      ending,
      retryMs: DEFAULT_RETRY_MS,
      answered: false,
    };
    this.exchanges.set(request.id, exchange);
    void this.exchange(text, exchange).finally(() => this.exchanges.delete(request.id));
  }

  abandon(id: number): void {
    this.exchanges.get(id)?.ending.abort();
  }

  agreed(version: string, isStateless: boolean): void {
    this.version = version;
    this.isStateless = isStateless;
  }

  forgetSession(): void {
    this.standing?.stop();
    this.standing = undefined;
    this.sessionId = undefined;
    this.version = undefined;
    this.first = undefined;
  }

  /** Nothing is buffered here: each message is a separate request. */
  drained(): undefined {}

  async close(withinMs = Infinity): Promise<void> {
    const { sessionId } = this;
    this.end('closed', false);
    for (const { ending } of this.exchanges.values()) ending.abort();
    if (sessionId === undefined || this.closing.signal.aborted) return this.closing.abort();
    // The remote may be gone, or keep its sessions until they expire.
    const deleted = await this.fetch('DELETE', {
      sessionId,
      headMs: Math.min(this.target.timeouts.closeMs, withinMs),
    }).catch(() => {});
    deleted?.cancel();
    this.closing.abort();
  }

  /** Once the peer knows that the session has begun, it may send messages of its own. */
  private begin(sending: Promise<void>): void {
    const limit = delay(this.target.timeouts.connectMs, undefined, { ref: false });
    this.first = Promise.race([sending, limit]).finally(() => {
      this.first = undefined;
      if (!this.isStateless && !this.hasEnded && this.standing === undefined) this.listen();
    });
  }

  /** Sends a message that needs no answer. A failure shows with the next request at the latest. */
  private async post(text: string): Promise<void> {
    const headMs = this.target.timeouts.connectMs;
    try {
      const response = await this.fetch('POST', { body: text, sessionId: this.sessionId, headMs });
      response.cancel();
    } catch (thrown) {
      this.endIfUnreachable(thrown);
    }
  }

  private async exchange(text: string, exchange: Exchange): Promise<void> {
    const { request, ending } = exchange;
    try {
      await this.first;
      if (ending.signal.aborted) return;
      if (this.hasEnded) throw new FetchError('unreachable', 'the connection has ended');
      const response = await this.fetch('POST', {
        body: text,
        sessionId: exchange.sessionId,
        signal: ending.signal,
        headers: request.headers,
      });
      if (request.method === 'initialize' && response.ok) {
        const given = response.headers['mcp-session-id'];
        this.sessionId = typeof given === 'string' ? given : undefined;
      }
      await this.read(response, exchange);
    } catch (thrown) {
      if (exchange.answered) return;
      const maybeCarriedOut = !(thrown instanceof FetchError) || thrown.maybeCarriedOut;
      // Before the failure is reported, so that nobody retries over this channel.
      this.endIfUnreachable(thrown);
      this.fail(exchange, thrown instanceof Error ? thrown.message : String(thrown), maybeCarriedOut);
    }
  }

  private async read(response: BoundedResponse, exchange: Exchange): Promise<void> {
    if (response.ok && response.type === 'text/event-stream') return this.readStreams(response, exchange);
    const { id } = exchange.request;
    const { status, type } = response;
    const body = await response.text();
    const { location } = response.headers;
    const fate = fateOf(id, exchange.sessionId !== undefined, { status, type, body, location });
    exchange.answered = true;
    if (fate.fate === 'failed') return this.events.failed(id, fate);
    // Unchanged, if the body is the message itself.
    await this.events.message(isAnswerTo(body, id) ? body : JSON.stringify(fate.message), id);
  }

  /** Reads the stream of one answer; a stream that breaks before the answer is resumed if possible. */
  private async readStreams(first: BoundedResponse, exchange: Exchange): Promise<void> {
    const { ending, sessionId } = exchange;
    let stream: BoundedResponse | undefined = first;
    for (let barren = 0; stream !== undefined;) {
      const before = exchange.lastEventId;
      await this.readStream(stream, exchange);
      if (exchange.answered) return;
      const { lastEventId } = exchange;
      barren = lastEventId === before ? barren + 1 : 0;
      if (lastEventId === undefined || barren > MAX_BARREN_RESUMES) break;
      await delay(exchange.retryMs * 2 ** barren, undefined, { signal: ending.signal });
      const resumed = await this.fetch('GET', { sessionId, lastEventId, signal: ending.signal });
      stream = resumed.ok && resumed.type === 'text/event-stream' ? resumed : undefined;
      if (!stream) resumed.cancel();
    }
    this.fail(exchange, 'the stream of the answer ended before the answer', true);
  }

  private async readStream(stream: BoundedResponse, exchange: Exchange): Promise<void> {
    const { request, ending } = exchange;
    let linger: NodeJS.Timeout | undefined;
    try {
      for await (const event of readEvents(stream.chunks(), MAX_ANSWER_BYTES)) {
        exchange.lastEventId = event.id ?? exchange.lastEventId;
        exchange.retryMs = event.retryMs ?? exchange.retryMs;
        if (event.data === '' || exchange.answered) continue;
        exchange.answered = isAnswerTo(event.data, request.id);
        if (exchange.answered) linger = setTimeout(() => ending.abort(), LINGER_MS).unref();
        await this.events.message(event.data, request.id);
      }
    } catch (thrown) {
      if (ending.signal.aborted || (thrown instanceof FetchError && thrown.kind === 'too_large'))
        throw thrown;
      // A broken stream counts as ended.
    } finally {
      clearTimeout(linger);
    }
  }

  private listen(): void {
    const { sessionId } = this;
    const { connectMs } = this.target.timeouts;
    this.standing = new StandingStream({
      get: (lastEventId, signal) => this.fetch('GET', { sessionId, lastEventId, signal, headMs: connectMs }),
      message: (text) => this.events.message(text),
      doubtful: (reason) => this.events.doubtful(reason),
      unreachable: (error) => this.endIfUnreachable(error),
    });
    this.standing.start();
  }

  private fetch(
    method: 'GET' | 'POST' | 'DELETE',
    more: {
      readonly body?: string;
      readonly sessionId: string | undefined;
      readonly signal?: AbortSignal;
      readonly lastEventId?: string | undefined;
      readonly headMs?: number;
      readonly headers?: Readonly<Record<string, string>> | undefined;
    },
  ): Promise<BoundedResponse> {
    const { body, sessionId, lastEventId, headers, signal } = more;
    return boundedFetch({
      url: this.target.url,
      method,
      body,
      signal: signal ? AbortSignal.any([signal, this.closing.signal]) : this.closing.signal,
      maxBytes: MAX_ANSWER_BYTES,
      headMs: more.headMs ?? this.target.timeouts.requestMaxMs,
      redirects: 'method',
      headers: {
        ...this.target.headers,
        ...headers,
        accept: method === 'GET' ? 'text/event-stream' : 'application/json, text/event-stream',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(sessionId !== undefined && { 'mcp-session-id': sessionId }),
        ...(this.version !== undefined && { 'mcp-protocol-version': this.version }),
        ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
      },
    });
  }

  private fail({ request, ending }: Exchange, reason: string, maybeCarriedOut: boolean): void {
    if (ending.signal.aborted) return;
    this.events.failed(request.id, { kind: 'failed', reason, maybeCarriedOut });
  }

  private endIfUnreachable(thrown: unknown): void {
    if (thrown instanceof FetchError && thrown.kind === 'unreachable') this.end(thrown.message, true);
  }

  private end(reason: string, keepsAnswers: boolean): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.standing?.stop();
    this.events.closed(reason, keepsAnswers);
  }
}

function isAnswerTo(text: string, id: number): boolean {
  // Most messages are notifications, which need not be parsed twice.
  if (!text.includes('"result"') && !text.includes('"error"')) return false;
  try {
    const value: unknown = JSON.parse(text);
    const messages: readonly unknown[] = Array.isArray(value) ? value : [value];
    return messages.some((one) => isObject(one) && one.method === undefined && namesRequest(one, id));
  } catch {
    return false;
  }
}
