import { silentLogger, type ClientLogger } from '../client-logger.js';
import { Emitter } from '../emitter.js';
import { reconnectPolicy, type ReconnectPolicy, type ReconnectPreset } from '../reconnect-policy.js';
import { resolveToken, type TokenSource } from '../service-address.js';
import {
  closeSocket,
  openSocket,
  socketFactory,
  type Socket,
  type SocketConstructor,
  type SocketFactory,
} from '../socket.js';
import { CLOSE_CODES } from '../protocol/close-codes.js';

export interface WebSocketClientOptions {
  /** `agents` by default: 1 s · 1.5ⁿ up to 30 s, plus up to 30 %. */
  readonly reconnect?: ReconnectPreset | ReconnectPolicy;
  /** Messages queued while disconnected; further ones are refused with an `error` event. 10,000 by default. */
  readonly maxQueueSize?: number;
  readonly webSocket?: SocketConstructor;
  readonly logger?: ClientLogger;
}

export interface WebSocketClientEvents {
  connected: [];
  /** A parsed message. */
  message: [unknown];
  error: [Error];
  disconnected: [{ code: number; reason: string }];
  /** `delay` in milliseconds. */
  reconnecting: [{ attempt: number; delay: number }];
  reconnect_failed: [];
  /** Protocol pings of the server, and its pongs; only where the environment reports them, as Node does. */
  ping: [];
  pong: [];
}

/**
 * A client for the agents protocol: connects to `url?token=…`, queues what is sent while disconnected, and reconnects
 * until it is closed or runs out of attempts.
 */
export class WebSocketClient extends Emitter<WebSocketClientEvents> {
  readonly #policy: ReconnectPolicy;
  readonly #open: SocketFactory;
  readonly #maxQueueSize: number;
  readonly #logger: ClientLogger;
  #socket: Socket | null = null;
  /** Tells a pending attempt from one that `close` has overtaken. */
  #generation = 0;
  #opening = false;
  #reconnectAttempts = 0;
  #reconnectTimer: ReturnType<typeof setTimeout> | undefined;
  #queue: unknown[] = [];
  #connected = false;
  #intentionallyClosed = false;

  constructor(
    readonly url: string,
    private readonly token: TokenSource,
    options: WebSocketClientOptions = {},
  ) {
    super();
    this.#policy = reconnectPolicy(options.reconnect ?? 'agents');
    this.#open = options.webSocket ? socketFactory(options.webSocket) : openSocket;
    this.#maxQueueSize = options.maxQueueSize ?? 10_000;
    this.#logger = options.logger ?? silentLogger;
  }

  /** Does nothing after `close`, or while connected or connecting. */
  connect(): void {
    if (this.#intentionallyClosed || this.#connected || this.#opening) return;
    clearTimeout(this.#reconnectTimer);
    this.#opening = true;
    const generation = ++this.#generation;
    this.#connectSocket(generation).catch((thrown: unknown) => {
      if (generation !== this.#generation) return;
      this.#opening = false;
      this.#fail('websocket_client_connect_error', asError(thrown));
      this.#scheduleReconnect();
    });
  }

  /** @returns false when the message was queued for the next connection, or could not be sent (see `error`) */
  send(data: unknown): boolean {
    if (this.#connected) return this.#transmit(data);
    if (this.#queue.length < this.#maxQueueSize) this.#queue.push(data);
    else
      this.#fail('websocket_client_send_error', new Error(`More than ${this.#maxQueueSize} messages wait`));
    return false;
  }

  /** Closes for good: code 1000, no reconnect. */
  close(): void {
    this.#intentionallyClosed = true;
    this.#generation++;
    clearTimeout(this.#reconnectTimer);
    const socket = this.#socket;
    this.#socket = null;
    this.#connected = false;
    this.#opening = false;
    if (socket) closeSocket(socket, CLOSE_CODES.normal.code, 'Client closed connection');
    this.#log('info', 'websocket_client_closed');
  }

  isConnected(): boolean {
    return this.#connected;
  }

  getQueueSize(): number {
    return this.#queue.length;
  }

  async #connectSocket(generation: number): Promise<void> {
    const token = (await resolveToken(this.token)) ?? '';
    const separator = this.url.includes('?') ? '&' : '?';
    const socket = await this.#open(`${this.url}${separator}token=${encodeURIComponent(token)}`);
    if (generation !== this.#generation) {
      return closeSocket(socket);
    }
    this.#socket = socket;
    const current = (): boolean => generation === this.#generation;
    socket.addEventListener('open', () => current() && this.#opened());
    socket.addEventListener('message', ({ data }) => current() && this.#received(data));
    socket.addEventListener('error', ({ message }) => {
      if (current()) this.#fail('websocket_client_error', new Error(message || 'The connection failed'));
    });
    // Report the close that answers our own, too.
    socket.addEventListener('close', ({ code, reason }) => this.#closed(generation, code, reason));
    socket.on?.('ping', () => this.emit('ping'));
    socket.on?.('pong', () => this.emit('pong'));
  }

  #opened(): void {
    this.#opening = false;
    this.#connected = true;
    this.#reconnectAttempts = 0;
    this.#log('info', 'websocket_client_connected', { url: this.url });
    this.emit('connected');
    this.#flushQueue();
  }

  #received(data: unknown): void {
    let message: unknown;
    try {
      message = JSON.parse(String(data)) as unknown;
    } catch (thrown) {
      this.#fail('websocket_client_message_parse_error', asError(thrown), { data: String(data) });
      return;
    }
    this.emit('message', message);
  }

  #closed(generation: number, code: number, reason: string): void {
    const current = generation === this.#generation;
    if (!current && !this.#intentionallyClosed) return;
    if (current) {
      this.#connected = false;
      this.#opening = false;
      this.#socket = null;
    }
    this.#log('info', 'websocket_client_disconnected', { code, reason });
    this.emit('disconnected', { code, reason });
    if (!this.#intentionallyClosed) this.#scheduleReconnect();
  }

  #scheduleReconnect(): void {
    if (this.#reconnectAttempts >= this.#policy.maxAttempts) {
      const attempts = this.#reconnectAttempts;
      this.#log('error', 'websocket_client_max_reconnect_attempts', { attempts, url: this.url });
      this.emit('reconnect_failed');
      return;
    }
    const attempt = ++this.#reconnectAttempts;
    const delay = this.#policy.delay(attempt, Math.random());
    this.#log('info', 'websocket_client_scheduling_reconnect', {
      attempt,
      delay: Math.round(delay),
      url: this.url,
    });
    this.#reconnectTimer = setTimeout(() => this.connect(), delay);
    this.emit('reconnecting', { attempt, delay });
  }

  #flushQueue(): void {
    if (this.#queue.length === 0) return;
    this.#log('info', 'websocket_client_flushing_queue', { queueSize: this.#queue.length });
    const queue = this.#queue;
    this.#queue = [];
    for (const data of queue) this.send(data);
  }

  #transmit(data: unknown): boolean {
    try {
      this.#socket?.send(JSON.stringify(data));
      return true;
    } catch (thrown) {
      this.#fail('websocket_client_send_error', asError(thrown));
      return false;
    }
  }

  #fail(event: string, error: Error, details: object = {}): void {
    this.#log('error', event, { error: error.message, ...details });
    this.emit('error', error);
  }

  #log(level: 'info' | 'error', event: string, details: object = {}): void {
    this.#logger[level]({ event, ...details, timestamp: new Date().toISOString() });
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
