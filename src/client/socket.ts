/** The part of a WebSocket the SDK uses: browsers' own, Node's global one and `ws` all have it. */
export interface Socket {
  readonly readyState: number;
  send(data: string): void;
  close(code?: number, reason?: string): void;
  /** Ends the connection without waiting for the peer; only `ws` has it. */
  terminate?(): void;
  /** Protocol pings and pongs; only `ws` reports them. */
  on?(event: 'ping' | 'pong', listener: () => void): unknown;
  addEventListener(type: 'open', listener: () => void): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'error', listener: (event: { readonly message?: string }) => void): void;
  addEventListener(
    type: 'close',
    listener: (event: { readonly code: number; readonly reason: string }) => void,
  ): void;
}

/** A WebSocket class that opens a connection when constructed, e.g. `globalThis.WebSocket` or `ws`. */
export type SocketConstructor = new (url: string, protocols?: string[]) => Socket;

export interface SocketOptions {
  readonly protocols?: readonly string[];
  /** Who connects: a header where the socket can send one, otherwise a subprotocol, so that no URL holds it. */
  readonly token?: string | undefined;
  /** Sent with the upgrade; only `ws` can do that, browsers ignore it. */
  readonly headers?: Readonly<Record<string, string>>;
}

export type SocketFactory = (url: string, options?: SocketOptions) => Promise<Socket>;

export const SOCKET_OPEN = 1;
export const SOCKET_CLOSING = 2;

/** Sockets of a class the application chose. */
export function socketFactory(constructor: SocketConstructor): SocketFactory {
  return (url, options) => Promise.resolve(new constructor(url, protocolsOf(options)));
}

/**
 * Sockets for where the code runs: `ws` in Node where it is installed, which can send headers, tells why an upgrade was
 * refused and reports pings; otherwise the global `WebSocket`.
 * @throws Error when there is none, or TypeError / SyntaxError for a URL that is none
 */
export const openSocket: SocketFactory = async (url, options) => {
  const nodes = runsInNode() ? await importWs() : undefined;
  if (nodes) {
    const { WebSocket } = nodes;
    const authorization = options?.token && { Authorization: `Bearer ${options.token}` };
    const socket = new WebSocket(url, [...(options?.protocols ?? [])], {
      headers: { ...options?.headers, ...authorization },
    });
    return socket.on('unexpected-response', failWithItsWords);
  }
  if (typeof globalThis.WebSocket !== 'function') {
    throw new Error('This environment has no WebSocket: pass one as the option "webSocket"');
  }
  return new globalThis.WebSocket(url, protocolsOf(options));
};

/** `opstream-client` brings no packages; without `ws` there is the WebSocket that Node has itself. */
async function importWs() {
  try {
    return await import('ws');
  } catch (error) {
    if (globalThis.WebSocket === undefined) throw error;
    return undefined;
  }
}

/** Of a refusal's words. */
const MAX_REFUSAL_BYTES = 1000;

/** What of Node's request and response a refusal needs; the declarations of the SDK name nothing of Node. */
interface RefusedRequest {
  destroy(error: Error): unknown;
}
interface Refusal {
  readonly statusCode?: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
}

/** Lets a refused upgrade fail with what the service says of it, such as the setting that would let it in. */
function failWithItsWords(request: RefusedRequest, response: Refusal): void {
  const length = Math.min(Number(response.headers['content-length'] ?? 0), MAX_REFUSAL_BYTES);
  const isText = String(response.headers['content-type']).startsWith('text/plain');
  let words = '';
  let bytes = 0;
  const fail = (): void => {
    const said = isText && words !== '' ? `: ${words.trim()}` : '';
    // The message of `ws`, which tells the status, and more.
    request.destroy(new Error(`Unexpected server response: ${response.statusCode}${said}`));
  };
  // Before its end: the connection could no longer fail afterwards.
  if (!isText || !(length > 0)) return fail();
  const decoder = new TextDecoder();
  response.on('data', (chunk) => {
    bytes += chunk.length;
    words += decoder.decode(chunk, { stream: true });
    if (bytes >= length) fail();
  });
  response.on('close', fail);
}

/** How long a peer may take to answer a close. */
const CLOSE_MS = 1000;

/** Closes a socket; one whose peer does not answer does not keep a program alive. */
export function closeSocket(socket: Socket, code?: number, reason?: string): void {
  const timer = setTimeout(() => socket.terminate?.(), CLOSE_MS);
  socket.addEventListener('close', () => clearTimeout(timer));
  socket.addEventListener('error', () => {});
  socket.close(code, reason);
}

/** The HTTP status with which an upgrade was refused, where the socket tells: only `ws` does. */
export function refusedStatus(errorMessage: string | undefined): number | undefined {
  const status = /Unexpected server response: (\d{3})/.exec(errorMessage ?? '')?.[1];
  return status === undefined ? undefined : Number(status);
}

/** What the service said beside the status. */
export function refusalText(errorMessage: string | undefined): string | undefined {
  return /Unexpected server response: \d{3}: (.+)/s.exec(errorMessage ?? '')?.[1];
}

function protocolsOf(options?: SocketOptions): string[] {
  const token = options?.token ? ['opstream', `bearer.${options.token}`] : [];
  return [...(options?.protocols ?? []), ...token];
}

export function runsInNode(): boolean {
  return typeof process === 'object' && typeof process.versions?.node === 'string';
}
