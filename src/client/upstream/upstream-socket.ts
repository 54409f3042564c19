import { CLOSE_CODES } from '../protocol/close-codes.js';

export interface UpstreamOptions {
  /** Sent with the upgrade; browsers cannot. Default: `User-Agent: Genie-MCP/1.0`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds between pings; a peer that has not answered by the next one is disconnected. 0 = off. */
  readonly keepAliveMs?: number;
  /** Milliseconds for the upgrade. Default 10000. */
  readonly handshakeTimeoutMs?: number;
  /** Bytes of one message. Default 64 MiB. */
  readonly maxPayload?: number;
}

export interface UpstreamHandlers {
  readonly onOpen: () => void;
  readonly onMessage: (text: string) => void;
  readonly onError: (error: Error) => void;
  /** Always the last call, even after a failed or refused upgrade. */
  readonly onClose: (code: number) => void;
}

/** The upgrade was answered with an ordinary HTTP response; only Node can tell. */
export class StreamRefusedError extends Error {
  override readonly name = 'StreamRefusedError';

  /**
   * @param contentType empty if the response had none
   * @param body its first 2000 characters
   */
  constructor(
    readonly url: string,
    readonly status: number,
    readonly contentType: string,
    readonly body: string,
  ) {
    super(`Unexpected server response: ${status}`);
  }
}

/** A client socket that `WebSocketManager` pools. */
export interface UpstreamSocket {
  /** As in the WebSocket standard: 0 connecting, 1 open, 2 closing, 3 closed. */
  readonly readyState: number;
  /** Connecting or open. */
  readonly isAlive: boolean;
  /** Stops reading, which slows the peer down; no effect in browsers. */
  pause(): void;
  resume(): void;
  close(): void;
}

const DEFAULT_HEADERS = { 'User-Agent': 'Genie-MCP/1.0' };
const REFUSAL_BODY_LIMIT = 2000;
const CLOSED = 3;

/** The part of `ws`'s socket we use, declared here because browsers must not have to resolve the package. */
interface NodeWebSocket {
  readonly readyState: number;
  readonly isPaused: boolean;
  pause(): void;
  resume(): void;
  ping(): void;
  close(): void;
  terminate(): void;
  on(event: 'open' | 'pong', listener: () => void): unknown;
  on(event: 'message', listener: (data: { toString(): string }) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'unexpected-response', listener: (request: unknown, response: HttpResponse) => void): unknown;
  on(event: 'close', listener: (code: number) => void): unknown;
}

interface HttpResponse {
  readonly statusCode?: number | undefined;
  readonly headers: { readonly 'content-type'?: string | undefined };
  setEncoding(encoding: 'utf8'): unknown;
  setTimeout(ms: number, listener: () => void): unknown;
  destroy(): unknown;
  on(event: 'data', listener: (chunk: string) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
}

/** Opens a socket for the current environment: `ws` in Node, the global `WebSocket` elsewhere. */
export function openUpstreamSocket(
  url: string,
  options: UpstreamOptions,
  handlers: UpstreamHandlers,
): UpstreamSocket {
  return runsInNode() ? new NodeSocket(url, options, handlers) : new BrowserSocket(url, handlers);
}

function runsInNode(): boolean {
  return typeof process === 'object' && typeof process.versions?.node === 'string';
}

class NodeSocket implements UpstreamSocket {
  private socket: NodeWebSocket | undefined;
  private ended = false;
  private keepAlive: ReturnType<typeof setInterval> | undefined;
  private answered = true;

  constructor(
    private readonly url: string,
    private readonly options: UpstreamOptions,
    private readonly handlers: UpstreamHandlers,
  ) {
    this.open().catch((error: unknown) => this.fail(error));
  }

  get readyState(): number {
    return this.socket?.readyState ?? (this.ended ? CLOSED : 0);
  }

  get isAlive(): boolean {
    return this.readyState <= 1;
  }

  pause(): void {
    this.socket?.pause();
  }

  resume(): void {
    this.answered = true;
    this.socket?.resume();
  }

  close(): void {
    this.ended = true;
    this.socket?.close();
  }

  private async open(): Promise<void> {
    const { WebSocket } = await import('ws');
    if (!this.ended) this.attach(new WebSocket(this.url, this.wsOptions()));
  }

  private get handshakeTimeoutMs(): number {
    return this.options.handshakeTimeoutMs ?? 10_000;
  }

  private wsOptions() {
    return {
      headers: { ...DEFAULT_HEADERS, ...this.options.headers },
      handshakeTimeout: this.handshakeTimeoutMs,
      maxPayload: this.options.maxPayload ?? 64 * 1024 * 1024,
      perMessageDeflate: false,
    };
  }

  private attach(socket: NodeWebSocket): void {
    this.socket = socket;
    const { onOpen, onMessage, onError, onClose } = this.handlers;
    socket.on('open', () => {
      this.startKeepAlive(socket);
      onOpen();
    });
    socket.on('message', (data) => onMessage(data.toString()));
    let refused = false;
    // To ws, closing a refused socket is another error; the refusal has been reported.
    socket.on('error', (error) => {
      if (!refused) onError(error);
    });
    socket.on('unexpected-response', (_request, response) => {
      let body = '';
      response.setEncoding('utf8');
      response.setTimeout(this.handshakeTimeoutMs, () => response.destroy());
      response.on('data', (chunk) => {
        body = (body + chunk).slice(0, REFUSAL_BODY_LIMIT);
        if (body.length === REFUSAL_BODY_LIMIT) response.destroy();
      });
      response.on('close', () => {
        const contentType = response.headers['content-type'] ?? '';
        onError(new StreamRefusedError(this.url, response.statusCode ?? 0, contentType, body));
        // With a listener for this event, ws leaves closing the socket to us.
        refused = true;
        socket.terminate();
      });
    });
    socket.on('close', (code) => {
      clearInterval(this.keepAlive);
      onClose(code);
    });
  }

  private startKeepAlive(socket: NodeWebSocket): void {
    const interval = this.options.keepAliveMs ?? 30_000;
    if (interval === 0) return;
    socket.on('pong', () => (this.answered = true));
    this.keepAlive = setInterval(() => {
      // No pong can be read while it is paused.
      if (!this.answered && !socket.isPaused) {
        socket.terminate();
        return;
      }
      this.answered = false;
      socket.ping();
    }, interval);
    this.keepAlive.unref?.();
  }

  private fail(error: unknown): void {
    if (this.ended) return;
    this.ended = true;
    this.handlers.onError(error instanceof Error ? error : new Error(String(error)));
    this.handlers.onClose(CLOSE_CODES.abnormal.code);
  }
}

class BrowserSocket implements UpstreamSocket {
  private readonly socket: WebSocket;

  constructor(url: string, { onOpen, onMessage, onError, onClose }: UpstreamHandlers) {
    this.socket = new WebSocket(url);
    this.socket.addEventListener('open', onOpen);
    this.socket.addEventListener('message', ({ data }) => {
      if (typeof data === 'string') onMessage(data);
    });
    this.socket.addEventListener('error', () => onError(new Error(`The connection to ${url} failed`)));
    this.socket.addEventListener('close', ({ code }) => onClose(code));
  }

  get readyState(): number {
    return this.socket.readyState;
  }

  get isAlive(): boolean {
    return this.socket.readyState <= 1;
  }

  pause(): void {}

  resume(): void {}

  close(): void {
    this.socket.close();
  }
}
