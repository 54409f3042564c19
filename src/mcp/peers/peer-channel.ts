import type { RequestId } from '../protocol/json-rpc.js';

/** How another MCP endpoint is reached. */
export interface PeerTarget {
  readonly name: string;
  /** `ws:`, `wss:`, `http:` or `https:`; a token may stand in its query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Offered in a WebSocket handshake; the far side must then choose it. */
  readonly subprotocol?: string | undefined;
  /** Whether long messages are compressed where the far side can (WebSocket). */
  readonly compression: boolean;
  readonly timeouts: PeerTimeouts;
}

/** All in milliseconds (S3-28, S3-30 to S3-33). */
export interface PeerTimeouts {
  /** Until a connection is open, and until its handshake is answered. */
  readonly connectMs: number;
  readonly pingIntervalMs: number;
  /** Until a ping is answered; then the connection counts as dead. */
  readonly pingTimeoutMs: number;
  /** Until a closing connection is cut. */
  readonly closeMs: number;
  /** Until a request is answered; progress begins it anew. */
  readonly requestMs: number;
}

/** What a channel tells its owner. */
export interface ChannelEvents {
  message(text: string): void;
  /** A request of ours that will get no answer, while the connection goes on. @param reason without secrets */
  unanswered(id: RequestId, reason: string): void;
  /** Once, when the connection has ended; nothing follows. @param reason a sentence without secrets */
  closed(reason: string): void;
}

/** An open connection to another MCP endpoint: messages as text, both ways, in order. */
export interface PeerChannel {
  /** Sending on a channel that has ended does nothing. */
  send(text: string): void;
  /** Resolves when the far side keeps up again; undefined when it does. */
  drained(): Promise<void> | undefined;
  /** Ends it in order, or cuts it after the close timeout. */
  close(): Promise<void>;
}

/** Opens connections to other MCP endpoints. */
export abstract class PeerDialer {
  /**
   * Resolves when the connection is open. @param signal gives the attempt up
   * @throws Error that says in a sentence, without secrets, why there is none
   */
  abstract dial(target: PeerTarget, events: ChannelEvents, signal: AbortSignal): Promise<PeerChannel>;
}

export function isHttp(url: string): boolean {
  return /^https?:/i.test(url);
}

/** The address of a peer as logs and errors may show it: without its credentials and query. */
export function shownUrl(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
