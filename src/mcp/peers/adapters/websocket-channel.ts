import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { MAX_ANSWER_BYTES, type ChannelEvents, type PeerChannel, type PeerTarget } from '../peer-channel.js';
import { CLOSE_CODES } from '../../../client/protocol/close-codes.js';

/** Shorter messages are not worth compressing. */
const COMPRESSION_THRESHOLD_BYTES = 1024;
/** Unsent bytes above which producers have to wait. */
const HIGH_WATER_BYTES = 64 * 1024;
/** Maximum unsent bytes before another message: a remote with more unread counts as gone. */
const MAX_UNSENT_BYTES = 8 * 1024 * 1024;
const DRAIN_POLL_MS = 20;
const NORMAL_CLOSURE = 1000;

/** MCP over a WebSocket: one message per text frame, and pings that detect a dead remote. */
export class WebSocketChannel implements PeerChannel {
  readonly noticesLoss = true;
  private timer: NodeJS.Timeout | undefined;
  private lastError: Error | undefined;

  /** @param ws an open socket */
  constructor(
    private readonly ws: WebSocket,
    private readonly target: Pick<PeerTarget, 'timeouts'>,
    events: ChannelEvents,
  ) {
    ws.on('message', (data: Buffer, isBinary: boolean) => {
      if (isBinary) ws.close(CLOSE_CODES.unsupportedData.code, 'MCP messages are text');
      else void events.message(data.toString());
    });
    ws.on('pong', () => this.pingLater());
    ws.on('error', (error) => (this.lastError = error));
    ws.once('close', (code, reason) => {
      clearTimeout(this.timer);
      events.closed(this.lastError?.message ?? closeReason(code, reason.toString()), false);
    });
    this.pingLater();
  }

  static open(
    target: PeerTarget & { readonly url: string },
    events: ChannelEvents,
    signal: AbortSignal,
  ): Promise<WebSocketChannel> {
    const { url, headers, subprotocol, compression, timeouts } = target;
    const ws = new WebSocket(url, subprotocol === undefined ? [] : [subprotocol], {
      headers: { ...headers },
      handshakeTimeout: timeouts.connectMs,
      maxPayload: MAX_ANSWER_BYTES,
      perMessageDeflate: compression && { threshold: COMPRESSION_THRESHOLD_BYTES },
    });
    const giveUp = (): void => ws.terminate();
    signal.addEventListener('abort', giveUp, { once: true });
    return new Promise<WebSocketChannel>((resolve, reject) => {
      const fail = (error: Error): void => reject(error);
      ws.on('error', fail);
      ws.once('unexpected-response', (_request, response: IncomingMessage) => {
        reject(new Error(refusal(response)));
        ws.terminate();
      });
      // Listen before the first frame can arrive: the remote may send at once.
      ws.once('open', () => {
        ws.off('error', fail);
        resolve(new WebSocketChannel(ws, target, events));
      });
    }).finally(() => signal.removeEventListener('abort', giveUp));
  }

  send(text: string): void {
    if (this.ws.readyState !== WebSocket.OPEN) return;
    // Depends on what was unread before, never on the size of this message.
    if (this.ws.bufferedAmount > MAX_UNSENT_BYTES) this.cut('the peer does not read');
    else this.ws.send(text);
  }

  /** The connection is shared: a request leaves nothing behind. */
  abandon(): void {}

  /** The session is the connection, and every message carries what it belongs to. */
  agreed(): void {}

  forgetSession(): void {}

  drained(): Promise<void> | undefined {
    if (this.ws.bufferedAmount < HIGH_WATER_BYTES) return undefined;
    return new Promise((resolve) => this.resolveWhenDrained(resolve));
  }

  close(withinMs = Infinity): Promise<void> {
    if (this.ws.readyState === WebSocket.CLOSED) return Promise.resolve();
    return new Promise((resolve) => {
      const patience = Math.min(this.target.timeouts.closeMs, withinMs);
      const deadline = setTimeout(() => this.ws.terminate(), patience);
      this.ws.once('close', () => {
        clearTimeout(deadline);
        resolve();
      });
      this.ws.close(NORMAL_CLOSURE, 'Going away');
    });
  }

  private pingLater(): void {
    const { pingIntervalMs, pingTimeoutMs } = this.target.timeouts;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.ws.readyState === WebSocket.OPEN) this.ws.ping();
      this.timer = setTimeout(() => this.cut(`no pong within ${pingTimeoutMs} ms`), pingTimeoutMs);
    }, pingIntervalMs);
  }

  private cut(why: string): void {
    this.lastError = new Error(why);
    this.ws.terminate();
  }

  private resolveWhenDrained(resolve: () => void): void {
    if (this.ws.readyState !== WebSocket.OPEN || this.ws.bufferedAmount < HIGH_WATER_BYTES) resolve();
    else setTimeout(() => this.resolveWhenDrained(resolve), DRAIN_POLL_MS).unref();
  }
}

/** Why an upgrade was refused, with the likely remedy: retrying alone does not help. */
function refusal({ statusCode = 0, statusMessage = '' }: IncomingMessage): string {
  const answer = `the peer answered ${statusCode} ${statusMessage}`.trim();
  return statusCode === 401 || statusCode === 403
    ? `${answer}: check the token in the URL or headers`
    : answer;
}

function closeReason(code: number, reason: string): string {
  return reason === '' ? `closed with code ${code}` : `closed with code ${code} (${reason.slice(0, 123)})`;
}
