/** How another MCP endpoint is reached. */
export interface PeerTarget {
  readonly name: string;
  /** `ws:`, `wss:`, `http:` or `https:`; a token may stand in its query. Undefined: the peer dials us. */
  readonly url: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Offered in a WebSocket handshake; the remote must then choose it. */
  readonly subprotocol?: string | undefined;
  /** Whether long messages are compressed where the remote can (WebSocket). */
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
  /** Until a closing connection is cut. */
  readonly closeMs: number;
  /** Until a request is answered; progress begins it anew. */
  readonly requestMs: number;
  /** Until a request is answered at the latest, whatever progress it makes. */
  readonly requestMaxMs: number;
}

/** Bytes of everything that a peer may say in answer to one request, and of one of its messages. */
export const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/**
 * Why one request got no answer. `session-lost` says that it was not carried out, because the peer does not know the
 * session it was made in.
 */
export interface RequestFailure {
  readonly kind: 'failed' | 'session-lost';
  /** A clause without secrets. */
  readonly reason: string;
  readonly maybeCarriedOut: boolean;
}

/** What a channel knows of a request that it carries. */
export interface SentRequest {
  readonly id: number;
  readonly method: string;
  /** What HTTP headers repeat of the message (2026-07-28). */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a channel tells its owner. */
export interface ChannelEvents {
  /**
   * @param requestId of our request whose answer the message came with, where the transport knows
   * @returns what to wait for before the next message of that answer is read
   */
  message(text: string, requestId?: number): Promise<void> | undefined;
  /** A request of ours that will get no answer; nothing else ends with it. */
  failed(id: number, failure: RequestFailure): void;
  /** Once, when no further request can be made. Answers that are under way still arrive where `keepsAnswers`. */
  closed(reason: string, keepsAnswers: boolean): void;
  /** What the peer says of its own accord cannot be read: whoever owns the channel had better look. */
  doubtful(reason: string): void;
}

/** An open connection to another MCP endpoint: messages as text, both ways, in order. */
export interface PeerChannel {
  /** Whether the transport has a connection that shows by itself when the remote has gone. */
  readonly noticesLoss: boolean;
  /** Sending on a channel that has ended does nothing. @param request what is sent when it is a request of ours */
  send(text: string, request?: SentRequest): void;
  /** Nobody waits for the answer to this request any more: everything that belongs to it ends. */
  abandon(id: number): void;
  /** The handshake is done, and these are its terms. */
  agreed(version: string, isStateless: boolean): void;
  /** The session is gone; the next handshake begins another. */
  forgetSession(): void;
  /** Resolves when the remote keeps up again; undefined when it does. */
  drained(): Promise<void> | undefined;
  /** Ends it in order, or cuts it after the close timeout, or after `withinMs` where that is shorter. */
  close(withinMs?: number): Promise<void>;
}

/** Opens connections to other MCP endpoints. */
export abstract class PeerDialer {
  /**
   * Resolves when the connection is open. @param signal gives the attempt up, and cuts the connection
   * @throws Error that says in a sentence, without secrets, why there is none
   */
  abstract dial(target: PeerTarget, events: ChannelEvents, signal: AbortSignal): Promise<PeerChannel>;
}

export function isHttp(url: string | undefined): boolean {
  return url !== undefined && /^https?:/i.test(url);
}

/** The address of a peer as logs and errors may show it: without its credentials and query. */
export function shownUrl(url: string | undefined): string {
  if (url === undefined) return 'dials in';
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
