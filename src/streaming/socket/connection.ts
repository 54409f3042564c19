import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import type { Principal } from '../../auth/principal.js';
import { ValidityWatch } from '../../auth/validity-watch.js';
import { HIGH_WATER_BYTES, type Sink } from '../delivery/sink.js';
import type { UpgradeRequest } from './upgrade-request.js';
import type { SocketMetrics } from './socket-metrics.js';
import { bytesTaken } from './bytes-taken.js';
import { kernelQueue } from './kernel-queue.js';
import { SignOfLife } from './sign-of-life.js';
import { SocketDescriptor } from './socket-descriptor.js';
import { deflatedTextFrame, splitFrames } from './text-frame.js';
import { CLOSE_CODES } from '../../client/protocol/close-codes.js';

/** Unread answers of a client; above it its next request is not started and its frames are not read. */
const MAX_UNREAD_ANSWER_BYTES = 256 * 1024;

/** How long a peer may take to answer the close frame. */
const CLOSE_TIMEOUT_MS = 5000;

/** The raw socket under a `ws` connection: a private detail, used when available. */
function rawSocketOf(ws: WebSocket): Socket | undefined {
  const candidate = (ws as unknown as { _socket?: Partial<Socket> })._socket;
  return typeof candidate?.write === 'function' && typeof candidate.cork === 'function'
    ? (candidate as Socket)
    : undefined;
}

let nextClientId = 1;

/**
 * One WebSocket: ordered answers, shared event frames, liveness, and reading paused while the client does not read its
 * answers. Owns its timers; everything ends when the socket closes.
 */
export class Connection implements Sink {
  readonly clientId = nextClientId++;
  /** Whether the client answered a ping or took bytes since the last check. */
  readonly life: SignOfLife = new SignOfLife(this);
  private readonly raw: Socket | undefined;
  private readonly direct: SocketDescriptor | undefined;
  private readonly holds = new Set<string>();
  private corked = false;
  /** The current principal; see `refresh`. */
  principal: Principal;
  /** The address of the client, for limits and logs. */
  readonly address: string;
  private readonly metrics: SocketMetrics;
  private readonly validity = new ValidityWatch((reason) =>
    this.close(CLOSE_CODES.credentialEnded.code, reason),
  );

  /**
   * @param admitted the upgrade request, as admitted by the router
   * @param deflateAbove characters above which answers are compressed, if that was negotiated; by default none are
   */
  constructor(
    readonly ws: WebSocket,
    admitted: Pick<UpgradeRequest, 'principal' | 'address' | 'metrics'>,
    private readonly deflateAbove = Infinity,
  ) {
    this.raw = rawSocketOf(ws);
    this.direct = this.raw && SocketDescriptor.of(this.raw);
    this.principal = admitted.principal;
    this.address = admitted.address;
    this.metrics = admitted.metrics;
    ws.on('pong', () => this.life.answer());
    ws.on('close', () => this.validity.stop());
    this.validity.watch(this.principal);
  }

  get open(): boolean {
    return this.ws.readyState === WebSocket.OPEN;
  }

  /** Whether shared compressed frames may be written; every socket server negotiates `SHARED_DEFLATE`. */
  get takesDeflated(): boolean {
    return this.raw !== undefined && this.ws.extensions === 'permessage-deflate';
  }

  get bufferedBytes(): number {
    return this.raw === undefined ? this.ws.bufferedAmount : this.raw.writableLength;
  }

  /** Changes whenever the client's kernel takes bytes, even in the middle of one large write. */
  get takenBytes(): number {
    return this.raw === undefined ? -this.ws.bufferedAmount : bytesTaken(this.raw);
  }

  /** Bytes that the kernel holds for the client, if the system reveals it. */
  kernelQueue(): Promise<number | undefined> {
    return kernelQueue(this.raw);
  }

  /** Sends one answer. Answers of one turn of the event loop leave in one write. */
  send(text: string): void {
    if (!this.open) return;
    this.metrics.sent += 1;
    this.cork();
    if (this.deflates(text)) this.raw!.write(deflatedTextFrame(text));
    // compress: false keeps answers in order with shared frames and costs no deflate state.
    else this.ws.send(text, { compress: false });
    if (this.bufferedBytes <= MAX_UNREAD_ANSWER_BYTES || this.holds.has('unread answers')) return;
    this.hold('unread answers');
    this.onceDrained(() => this.release('unread answers'));
  }

  /**
   * Undefined while the client reads its answers; otherwise resolves once it has read the pending ones or has gone.
   * The next request of a connection waits for this: a client that asks without reading would make memory grow.
   */
  room(): Promise<void> | undefined {
    if (this.bufferedBytes <= MAX_UNREAD_ANSWER_BYTES || !this.open) return undefined;
    return new Promise((resolve) => this.onceDrained(resolve));
  }

  /** Does not read frames, and therefore no pongs, although the client takes everything it is sent. */
  get deaf(): boolean {
    return this.holds.size > 0 && this.bufferedBytes === 0;
  }

  /** Stops reading frames until every reason is released. */
  hold(reason: string): void {
    this.holds.add(reason);
    this.ws.pause();
  }

  release(reason: string): void {
    if (this.holds.delete(reason) && this.holds.size === 0) this.ws.resume();
  }

  get descriptor(): number {
    return this.direct !== undefined && this.open ? this.direct.idle : -1;
  }

  write(bytes: Buffer): void {
    if (!this.open) return;
    if (this.raw !== undefined) {
      this.raw.write(bytes);
      return;
    }
    for (const payload of splitFrames(bytes)) this.ws.send(payload, { binary: false, compress: false });
  }

  offer(bytes: Buffer): boolean {
    if (this.bufferedBytes > HIGH_WATER_BYTES) return false;
    this.write(bytes);
    return true;
  }

  onceDrained(callback: () => void): void {
    if (this.raw === undefined) {
      this.pollDrained(callback);
    } else if (!this.open || (this.raw.writableLength === 0 && !this.corked)) {
      setImmediate(callback);
    } else {
      // An empty write is queued behind what is buffered; its callback also runs when the socket closes.
      this.raw.write('', () => setImmediate(callback));
    }
  }

  /** A connection ends with its token or key (4401); a refreshed principal extends it. */
  refresh(principal: Principal): void {
    this.principal = principal;
    this.validity.watch(principal);
  }

  /** Frames that arrive after our close frame are dropped: their sender may no longer be authorized. */
  onFrame(handle: (frame: Buffer, isBinary: boolean) => void): void {
    this.ws.on('message', (frame: Buffer, isBinary: boolean) => {
      if (this.open) handle(frame, isBinary);
    });
  }

  /** A peer that does not answer the close frame is terminated. */
  close(code: number, reason: string): void {
    this.ws.close(code, reason);
    const deadline = setTimeout(() => this.ws.terminate(), CLOSE_TIMEOUT_MS).unref();
    this.ws.once('close', () => clearTimeout(deadline));
  }

  private deflates({ length }: string): boolean {
    // Compressing the longest answer, one mebibyte, takes 10 ms: no more than building it did.
    return length > this.deflateAbove && this.takesDeflated;
  }

  private cork(): void {
    if (this.raw === undefined || this.corked) return;
    this.corked = true;
    this.raw.cork();
    setImmediate(() => {
      this.corked = false;
      this.raw?.uncork();
    });
  }

  /** Without the raw socket there is no notification when `ws` has drained. */
  private pollDrained(callback: () => void): void {
    setTimeout(() => {
      if (this.open && this.ws.bufferedAmount > 0) this.pollDrained(callback);
      else callback();
    }, 20).unref();
  }
}
