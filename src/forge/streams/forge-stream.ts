import { StreamRefusedError } from '../../client/upstream/upstream-socket.js';
import type { WebSocketManager } from '../../client/upstream/websocket-manager.js';
import { decodeFrame, type ForgeFrame } from '../decoding/frame.js';

/** Why a stream ended: the server sent `finished`, does not have it, or became unreachable. */
export type StreamEnd =
  { readonly reason: 'finished' } | { readonly reason: 'refused' | 'unreachable'; readonly error: Error };

export interface StreamHandlers {
  /** The socket opened, for the first time or again: everything is replayed from here. */
  onOpen(): void;
  /** Called in order. Returned promises may overlap; when too many are pending, the socket is paused. */
  onFrame(frame: ForgeFrame): void | Promise<void>;
  /** The connection failed or was lost and will be retried, or a frame could not be handled. */
  onError(error: Error): void;
  /** The last call; not made after `close()`. */
  onEnd(end: StreamEnd): void;
}

export interface StreamOptions {
  /** Consecutive connection failures before the stream is given up. */
  readonly maxReconnectAttempts: number;
  /**
   * Milliseconds during which a refused stream is retried: Forge announces a process slightly before its log can be
   * opened.
   */
  readonly retryRefusedMs: number;
}

const FIRST_RETRY_MS = 50;

/**
 * One Forge stream. At each opening a 404 or a web page leads to the next URL at once; only the URL that worked is
 * remembered between openings. Ends by itself after `finished`, which real servers do not follow with a close.
 */
export class ForgeStream {
  private subscription: string | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private current = 0;
  /** Refusals since the stream was last open. */
  private refusals = 0;
  private refusedSince = 0;
  private retryDelay = FIRST_RETRY_MS;
  private ended = false;
  private finished = false;
  private handled: Promise<void> = Promise.resolve();

  /** @param urls at least one */
  constructor(
    private readonly manager: WebSocketManager,
    private readonly urls: readonly string[],
    private readonly handlers: StreamHandlers,
    private readonly options: StreamOptions,
  ) {
    this.connect();
  }

  /** The URL in use, or tried next. */
  get url(): string {
    return this.urls[this.current]!;
  }

  /** No handler is called after this. */
  close(): void {
    this.ended = true;
    clearTimeout(this.retry);
    this.disconnect();
  }

  private connect(): void {
    this.subscription = this.manager.subscribe(
      this.url,
      (data, text) => this.receive(decodeFrame(data, text)),
      (error) => this.failed(error),
      this.options.maxReconnectAttempts,
      { onOpen: () => this.opened() },
    );
  }

  private disconnect(): void {
    if (this.subscription !== undefined) this.manager.unsubscribe(this.subscription);
    this.subscription = undefined;
  }

  private opened(): void {
    this.refusals = 0;
    this.retryDelay = FIRST_RETRY_MS;
    this.handlers.onOpen();
  }

  private receive(frame: ForgeFrame): void | Promise<void> {
    if (this.ended || this.finished) return undefined;
    const done = this.handlers.onFrame(frame);
    // Every promise resolves to nothing: a chain of results would keep them all alive.
    const settled = Promise.resolve(done).catch(() => {});
    this.handled = Promise.all([this.handled, settled]).then(() => {});
    if (frame.kind === 'finished') void this.finish();
    return done;
  }

  /** The end follows after everything before it was handled. */
  private async finish(): Promise<void> {
    this.finished = true;
    await this.handled;
    this.end({ reason: 'finished' });
  }

  private failed(error: Error): void {
    if (this.ended) return;
    if (error instanceof StreamRefusedError && isElsewhere(error)) {
      this.tryElsewhere(error);
    } else if (error instanceof StreamRefusedError && error.status >= 400 && error.status < 500) {
      this.end({ reason: 'refused', error });
    } else if (this.subscription !== undefined && !this.manager.subscriptions.has(this.subscription)) {
      this.end({ reason: 'unreachable', error });
    } else {
      this.handlers.onError(error);
    }
  }

  private tryElsewhere(error: StreamRefusedError): void {
    this.disconnect();
    const now = Date.now();
    if (this.refusals === 0) this.refusedSince = now;
    this.refusals++;
    this.current = (this.current + 1) % this.urls.length;
    if (this.refusals % this.urls.length !== 0) {
      this.connect();
    } else if (now - this.refusedSince < this.options.retryRefusedMs) {
      this.retry = setTimeout(() => this.connect(), this.retryDelay);
      this.retryDelay *= 2;
    } else {
      this.end({ reason: 'refused', error });
    }
  }

  private end(end: StreamEnd): void {
    if (this.ended) return;
    this.close();
    this.handlers.onEnd(end);
  }
}

/** Forge answers unknown ids with 404 and unknown paths with its web page; other 4xx concern the request itself. */
function isElsewhere({ status, contentType }: StreamRefusedError): boolean {
  return status === 404 || contentType.startsWith('text/html');
}
