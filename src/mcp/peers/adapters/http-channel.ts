import { setTimeout as delay } from 'node:timers/promises';
import { encodeRequest, isObject, type Params, type RequestId } from '../../protocol/json-rpc.js';
import type { ChannelEvents, PeerChannel, PeerTarget } from '../peer-channel.js';
import { readEvents } from './sse-reader.js';

const DEFAULT_RETRY_MS = 1000;
/** Times that the stream of one answer is resumed before the request counts as lost. */
const MAX_RESUMES = 5;

/** Where a stream can be resumed. */
interface Position {
  lastEventId: string | undefined;
  retryMs: number;
}

/**
 * MCP over Streamable HTTP (up to 2025-11-25) as a channel: every message is a POST, whose answer may be a stream that
 * is resumed when it breaks; what the far side says of its own accord comes over a standing GET stream. A session that
 * the far side no longer knows ends the channel, and its owner begins another.
 */
export class HttpChannel implements PeerChannel {
  private readonly ended = new AbortController();
  private readonly pinger: NodeJS.Timeout;
  private sessionId: string | undefined;
  private version: string | undefined;
  private pings = 0;

  constructor(
    private readonly target: PeerTarget,
    private readonly events: ChannelEvents,
  ) {
    this.pinger = setInterval(() => void this.ping(), target.timeouts.pingIntervalMs);
  }

  send(text: string): void {
    if (!this.ended.signal.aborted) void this.deliver(text);
  }

  /** Nothing is buffered here: each message is a request of its own. */
  drained(): undefined {}

  async close(): Promise<void> {
    if (this.ended.signal.aborted) return;
    this.end('closed');
    if (this.sessionId === undefined) return;
    const signal = AbortSignal.timeout(this.target.timeouts.closeMs);
    // The far side may have gone, or keep its sessions until they expire.
    await this.fetch('DELETE', { signal }).catch(() => undefined);
  }

  private async deliver(text: string): Promise<void> {
    const message = JSON.parse(text) as Params;
    const isInitialize = message.method === 'initialize';
    try {
      const timeout = isInitialize ? [AbortSignal.timeout(this.target.timeouts.connectMs)] : [];
      const response = await this.fetch('POST', { body: text, signal: this.until(...timeout) });
      if (isInitialize) this.sessionId = response.headers.get('mcp-session-id') ?? undefined;
      await this.read(response, message);
      if (message.method === 'notifications/initialized') void this.listen();
    } catch (thrown) {
      this.fail(thrown);
    }
  }

  private async read(response: Response, message: Params): Promise<void> {
    const isRequest = message.id !== undefined && message.method !== undefined;
    const type = response.headers.get('content-type') ?? '';
    if (response.ok && type.startsWith('text/event-stream') && response.body) {
      await this.readAnswer(response.body, message);
      return;
    }
    const body = await response.text();
    if (response.status === 404 && this.sessionId !== undefined)
      throw new Error('the far side ended the session');
    if (response.status === 401 || response.status === 403) {
      throw new Error(`the far side answered ${response.status}: check the token in the URL or headers`);
    }
    if (type.startsWith('application/json') && isRpc(body)) return this.emit(body);
    if (response.ok && !isRequest) return;
    if (response.status >= 500 || !isRequest) throw new Error(`the far side answered ${response.status}`);
    this.unanswered(message, `the far side answered ${response.status} without a message`);
  }

  /** Reads the stream of one answer; a stream that breaks before the answer is resumed where it can be. */
  private async readAnswer(body: ReadableStream<Uint8Array>, message: Params): Promise<void> {
    const position: Position = { lastEventId: undefined, retryMs: DEFAULT_RETRY_MS };
    let stream: ReadableStream<Uint8Array> | null = body;
    for (let resumes = 0; stream !== null; resumes++) {
      const answered = await this.readStream(stream, position, message.id);
      if (answered || message.id === undefined) return;
      if (position.lastEventId === undefined || resumes >= MAX_RESUMES) break;
      await delay(position.retryMs, undefined, { signal: this.ended.signal });
      const response = await this.fetch('GET', { signal: this.until(), lastEventId: position.lastEventId });
      stream = response.ok ? response.body : null;
    }
    this.unanswered(message, 'the stream of the answer ended before the answer');
  }

  /** @returns whether the answer to the request `id` came; a stream that breaks is one that ends */
  private async readStream(
    stream: ReadableStream<Uint8Array>,
    position: Position,
    id?: unknown,
  ): Promise<boolean> {
    let answered = false;
    try {
      for await (const event of readEvents(stream)) {
        position.lastEventId = event.id ?? position.lastEventId;
        position.retryMs = event.retryMs ?? position.retryMs;
        if (event.data === '') continue;
        answered ||= isAnswerTo(event.data, id);
        this.emit(event.data);
      }
    } catch (thrown) {
      if (this.ended.signal.aborted) throw thrown;
    }
    return answered;
  }

  /** The standing stream of what the far side says of its own accord; not every server has one (405). */
  private async listen(): Promise<void> {
    const position: Position = { lastEventId: undefined, retryMs: DEFAULT_RETRY_MS };
    try {
      for (;;) {
        const response = await this.fetch('GET', { signal: this.until(), lastEventId: position.lastEventId });
        if (response.status === 404 && this.sessionId !== undefined) {
          throw new Error('the far side ended the session');
        }
        if (!response.ok || !response.body) return;
        await this.readStream(response.body, position);
        await delay(position.retryMs, undefined, { signal: this.ended.signal });
      }
    } catch (thrown) {
      this.fail(thrown);
    }
  }

  /** HTTP has no connection that could break: a far side that has gone shows by not answering. */
  private async ping(): Promise<void> {
    if (this.version === undefined) return;
    const text = encodeRequest(`ping-${++this.pings}`, 'ping', {});
    try {
      const timeout = AbortSignal.timeout(this.target.timeouts.pingTimeoutMs);
      const response = await this.fetch('POST', { body: text, signal: this.until(timeout) });
      await response.body?.cancel();
      if (response.status === 404) throw new Error('the far side ended the session');
    } catch (thrown) {
      this.fail(thrown);
    }
  }

  private fetch(
    method: string,
    options: { body?: string; signal: AbortSignal; lastEventId?: string | undefined },
  ): Promise<Response> {
    const { body, signal, lastEventId } = options;
    return fetch(this.target.url, {
      method,
      signal,
      ...(body !== undefined && { body }),
      headers: {
        ...this.target.headers,
        accept: method === 'GET' ? 'text/event-stream' : 'application/json, text/event-stream',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(this.sessionId !== undefined && { 'mcp-session-id': this.sessionId }),
        ...(this.version !== undefined && { 'mcp-protocol-version': this.version }),
        ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
      },
    });
  }

  private emit(text: string): void {
    // The handshake's answer names the version that every later request has to carry.
    if (this.version === undefined) {
      const message = JSON.parse(text) as Params;
      const version = isObject(message.result) ? message.result.protocolVersion : undefined;
      if (typeof version === 'string') this.version = version;
    }
    this.events.message(text);
  }

  private unanswered({ id }: Params, reason: string): void {
    this.events.unanswered(id as RequestId, reason);
  }

  private fail(thrown: unknown): void {
    if (this.ended.signal.aborted) return;
    const { message, cause } = thrown as Error & { cause?: Error };
    this.end(cause?.message ? `${message}: ${cause.message}` : message);
  }

  private end(reason: string): void {
    clearInterval(this.pinger);
    this.ended.abort();
    this.events.closed(reason);
  }

  private until(...signals: AbortSignal[]): AbortSignal {
    return signals.length === 0 ? this.ended.signal : AbortSignal.any([this.ended.signal, ...signals]);
  }
}

function isRpc(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) && value.jsonrpc === '2.0';
  } catch {
    return false;
  }
}

function isAnswerTo(text: string, id: unknown): boolean {
  if (id === undefined || !isRpc(text)) return false;
  const message = JSON.parse(text) as Params;
  return message.id === id && message.method === undefined;
}
