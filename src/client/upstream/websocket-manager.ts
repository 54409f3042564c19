import { HandlerBacklog } from './handler-backlog.js';
import { RECONNECT, type ReconnectPolicy } from '../reconnect-policy.js';
import { openUpstreamSocket, type UpstreamOptions, type UpstreamSocket } from './upstream-socket.js';

/** What a stream's owner may need besides its messages. */
export interface StreamHooks {
  /** The socket is open, for the first time or again: servers replay from here, so folded state starts from scratch. */
  readonly onOpen?: () => void;
  /** The socket closed; a reconnect follows unless the subscription is closed. */
  readonly onClose?: (code: number) => void;
}

/** @param data the message parsed as JSON, or its text when it is none; @param text the message as it came */
type OnMessage = (data: unknown, text: string) => void | Promise<void>;

/** One listener of one stream. */
export interface Subscription {
  readonly id: string;
  readonly url: string;
  /** The pooled socket currently serving this subscription. */
  ws: UpstreamSocket;
  readonly onMessage: OnMessage;
  readonly onError: ((error: Error) => void) | undefined;
  readonly hooks: StreamHooks;
  reconnectAttempts: number;
  readonly maxReconnectAttempts: number;
  /** Nominal milliseconds before the next attempt. */
  reconnectDelay: number;
  closed: boolean;
}

export interface WebSocketManagerOptions extends UpstreamOptions {
  /**
   * Delays between attempts; by default the `upstream` preset, 1, 2, 4, 8, 16 s. Each subscription chooses the number
   * of attempts.
   */
  readonly reconnect?: Pick<ReconnectPolicy, 'delay'>;
}

/** Everything belonging to one pooled URL: its listeners and its reconnects. */
interface Stream {
  readonly url: string;
  readonly listeners: Set<Subscription>;
  attempts: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/**
 * Persistent subscriptions to WebSocket streams: one socket per URL for any number of subscriptions, reconnected
 * per URL with exponential backoff. The socket closes with its last subscription.
 *
 * A message is parsed as JSON once and handed to every listener, as the raw string when it is none; listeners must
 * not change it. A listener that returns a promise is waited for: while many are unfinished the socket is not read.
 */
export class WebSocketManager {
  readonly subscriptions = new Map<string, Subscription>();
  readonly connectionPool = new Map<string, UpstreamSocket>();
  private readonly streams = new Map<string, Stream>();
  private readonly reconnect: Pick<ReconnectPolicy, 'delay'>;
  private nextId = 0;

  constructor(private readonly options: WebSocketManagerOptions = {}) {
    this.reconnect = options.reconnect ?? RECONNECT.upstream;
  }

  /**
   * Subscribes to a stream, over an already open socket to its URL if there is one. What a server sends only once per
   * socket (a replay, a snapshot) does not reach later subscribers.
   * @param onError connection errors, refusals (`StreamRefusedError`), listener failures, and finally giving up
   * @param maxReconnectAttempts consecutive failures after which this subscription gives up
   * @returns the subscription's id
   */
  subscribe(
    streamUrl: string,
    onMessage: OnMessage,
    onError?: (error: Error) => void,
    maxReconnectAttempts = 5,
    hooks: StreamHooks = {},
  ): string {
    const id = `sub_${this.nextId++}`;
    const stream = this.streams.get(streamUrl) ?? this.addStream(streamUrl);
    const subscription: Subscription = {
      id,
      url: streamUrl,
      ws: this.liveSocket(stream),
      onMessage,
      onError,
      hooks,
      reconnectAttempts: stream.attempts,
      maxReconnectAttempts,
      reconnectDelay: this.reconnect.delay(1, 0),
      closed: false,
    };
    this.subscriptions.set(id, subscription);
    stream.listeners.add(subscription);
    return id;
  }

  /**
   * Ends a subscription; an unknown id is ignored. The last one of a URL closes its socket, even while it is
   * connecting.
   */
  unsubscribe(subscriptionId: string): void {
    const subscription = this.subscriptions.get(subscriptionId);
    if (!subscription) return;
    subscription.closed = true;
    this.subscriptions.delete(subscriptionId);
    const stream = this.streams.get(subscription.url);
    if (!stream?.listeners.delete(subscription) || stream.listeners.size > 0) return;
    this.dropStream(stream);
  }

  /** Ends every subscription and closes every socket. */
  close(): void {
    for (const subscription of this.subscriptions.values()) subscription.closed = true;
    this.subscriptions.clear();
    for (const stream of this.streams.values()) this.dropStream(stream);
  }

  private addStream(url: string): Stream {
    const stream = {
      url,
      listeners: new Set<Subscription>(),
      attempts: 0,
      timer: undefined,
    };
    this.streams.set(url, stream);
    return stream;
  }

  private dropStream(stream: Stream): void {
    clearTimeout(stream.timer);
    stream.listeners.clear();
    this.streams.delete(stream.url);
    const socket = this.connectionPool.get(stream.url);
    this.connectionPool.delete(stream.url);
    // A paused socket would never see the peer's close frame.
    socket?.resume();
    socket?.close();
  }

  /** The stream's socket; a new one unless one is connecting, open, or about to be replaced by a reconnect. */
  private liveSocket(stream: Stream): UpstreamSocket {
    const socket = this.connectionPool.get(stream.url);
    if (socket && (stream.timer !== undefined || socket.isAlive)) return socket;
    return this.connect(stream);
  }

  private connect(stream: Stream): UpstreamSocket {
    const socket = openUpstreamSocket(stream.url, this.options, {
      onOpen: () => this.opened(stream, socket),
      onMessage: (text) => this.received(stream, socket, backlog, text),
      onError: (error) => {
        if (this.isCurrent(stream, socket)) this.report(stream, error);
      },
      onClose: (code) => this.closed(stream, socket, code),
    });
    const backlog = new HandlerBacklog(socket);
    this.connectionPool.set(stream.url, socket);
    for (const listener of stream.listeners) listener.ws = socket;
    return socket;
  }

  /** False for events of a socket that was given up or replaced. */
  private isCurrent(stream: Stream, socket: UpstreamSocket): boolean {
    return this.connectionPool.get(stream.url) === socket && this.streams.get(stream.url) === stream;
  }

  private opened(stream: Stream, socket: UpstreamSocket): void {
    if (!this.isCurrent(stream, socket)) return;
    stream.attempts = 0;
    for (const listener of listenersOf(stream)) {
      listener.reconnectAttempts = 0;
      listener.reconnectDelay = this.reconnect.delay(1, 0);
      listener.hooks.onOpen?.();
    }
  }

  private received(stream: Stream, socket: UpstreamSocket, backlog: HandlerBacklog, text: string): void {
    if (!this.isCurrent(stream, socket)) return;
    const message = parse(text);
    for (const listener of listenersOf(stream)) {
      if (listener.closed) continue;
      try {
        const finished = listener.onMessage(message, text);
        if (finished instanceof Promise) backlog.add(text.length, finished.catch(handlerFailed(listener)));
      } catch (thrown) {
        handlerFailed(listener)(thrown);
      }
    }
  }

  private closed(stream: Stream, socket: UpstreamSocket, code: number): void {
    if (!this.isCurrent(stream, socket)) return;
    for (const listener of listenersOf(stream)) listener.hooks.onClose?.(code);
    // A hook may have ended the subscription, or all of them.
    if (this.isCurrent(stream, socket)) this.scheduleReconnect(stream);
  }

  private scheduleReconnect(stream: Stream): void {
    stream.attempts++;
    for (const listener of listenersOf(stream)) {
      if (stream.attempts > listener.maxReconnectAttempts) {
        this.giveUp(stream, listener);
        continue;
      }
      listener.reconnectAttempts = stream.attempts;
      listener.reconnectDelay = this.reconnect.delay(stream.attempts, 0);
    }
    if (stream.listeners.size === 0) {
      this.dropStream(stream);
      return;
    }
    stream.timer = setTimeout(
      () => {
        stream.timer = undefined;
        this.connect(stream);
      },
      this.reconnect.delay(stream.attempts, Math.random()),
    );
  }

  private giveUp(stream: Stream, listener: Subscription): void {
    listener.closed = true;
    stream.listeners.delete(listener);
    this.subscriptions.delete(listener.id);
    listener.onError?.(new Error(`Failed to reconnect after ${listener.maxReconnectAttempts} attempts`));
  }

  private report(stream: Stream, error: Error): void {
    for (const listener of listenersOf(stream)) if (!listener.closed) listener.onError?.(error);
  }
}

/** For programs that want one pool for the whole process. */
export const wsManager = new WebSocketManager();

/** A copy: listeners may unsubscribe, or subscribe others, while they are called. */
function listenersOf(stream: Stream): readonly Subscription[] {
  return Array.from(stream.listeners);
}

function handlerFailed(listener: Subscription): (thrown: unknown) => void {
  return (thrown) => {
    if (!listener.closed) listener.onError?.(toError(thrown));
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
