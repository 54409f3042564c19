/** How another MCP endpoint is reached. */
export interface PeerTarget {
  readonly name: string;
  /** `ws:`, `wss:`, `http:` or `https:`, perhaps with a token in the query. Undefined: the peer dials us. */
  readonly url: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Offered in a WebSocket handshake; the remote must then choose it. */
  readonly subprotocol?: string | undefined;
  /** Whether to compress long messages if the remote supports it (WebSocket). */
  readonly compression: boolean;
  readonly timeouts: PeerTimeouts;
}

/** All in milliseconds. */
export interface PeerTimeouts {
  /** Until a connection is open, and until its handshake is answered. */
  readonly connectMs: number;
  readonly pingIntervalMs: number;
  /** Until a ping is answered. */
  readonly pingTimeoutMs: number;
  /** Until a closing connection is terminated. */
  readonly closeMs: number;
  /** Until a request is answered; progress restarts it. */
  readonly requestMs: number;
  /** Until a request must be answered, regardless of progress. */
  readonly requestMaxMs: number;
}

/** Bytes of everything a peer sends in answer to one request, and of one of its messages. */
export const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/** Why a request got no answer. `session-lost`: it was not executed, because the peer does not know its session. */
export interface RequestFailure {
  readonly kind: 'failed' | 'session-lost';
  /** A clause without secrets. */
  readonly reason: string;
  readonly maybeCarriedOut: boolean;
}

/** What a channel knows about a request it carries. */
export interface SentRequest {
  readonly id: number;
  readonly method: string;
  /** Headers that repeat parts of the message (2026-07-28). */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Events of a channel. */
export interface ChannelEvents {
  /**
   * @param requestId our request whose answer the message came with, if the transport knows
   * @returns a promise to await before the next message of that answer is read
   */
  message(text: string, requestId?: number): Promise<void> | undefined;
  /** A request of ours will get no answer; nothing else ends with it. */
  failed(id: number, failure: RequestFailure): void;
  /** Called once, when no further request can be made. Pending answers still arrive if `keepsAnswers`. */
  closed(reason: string, keepsAnswers: boolean): void;
  /** Server-initiated messages cannot be read: the session may need a check. */
  doubtful(reason: string): void;
}

/** An open connection to another MCP endpoint: messages as text, both ways, in order. */
export interface PeerChannel {
  /** Whether the transport has a connection that reveals by itself that the remote is gone. */
  readonly noticesLoss: boolean;
  /** Does nothing on a channel that has ended. @param request given when it is a request of ours */
  send(text: string, request?: SentRequest): void;
  /** Nobody waits for the answer to this request any longer: release everything that belongs to it. */
  abandon(id: number): void;
  /** The handshake succeeded with these terms. */
  agreed(version: string, isStateless: boolean): void;
  /** The session has ended; the next handshake begins another. */
  forgetSession(): void;
  /** Resolves when the remote has caught up; undefined when it has. */
  drained(): Promise<void> | undefined;
  /** Closes gracefully, or terminates after the close timeout, or after `withinMs` if that is shorter. */
  close(withinMs?: number): Promise<void>;
}

/** Opens connections to other MCP endpoints. */
export abstract class PeerDialer {
  /**
   * Resolves when the connection is open. @param signal aborts the attempt and closes the connection
   * @throws Error that says in one sentence, without secrets, why it failed
   */
  abstract dial(target: PeerTarget, events: ChannelEvents, signal: AbortSignal): Promise<PeerChannel>;
}

export function isHttp(url: string | undefined): boolean {
  return url !== undefined && /^https?:/i.test(url);
}

/** A peer's address for logs and errors, without credentials and query. */
export function shownUrl(url: string | undefined): string {
  if (url === undefined) return 'dials in';
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
