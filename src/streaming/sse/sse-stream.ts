import type { ServerResponse } from 'node:http';
import type { OpstreamError } from '../../platform/errors/opstream-error.js';
import { HIGH_WATER_BYTES, type Sink } from '../delivery/sink.js';
import { bytesTaken } from '../socket/bytes-taken.js';
import { kernelQueue } from '../socket/kernel-queue.js';
import { SignOfLife } from '../socket/sign-of-life.js';

/** How long a reader may take for the rest of a stream that is ended by the server. */
const GO_AWAY_MS = 2000;
/** Beats of half a heartbeat: two heartbeats. */
const PATIENCE = 4;
/** Only the comment line: some readers take a following blank line for the end of an empty event. */
const KEEP_ALIVE = Buffer.from(': keep-alive\n');

export const SSE_HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-cache, no-transform',
  Connection: 'keep-alive',
  'X-Accel-Buffering': 'no',
} as const;

/** One open event stream: an HTTP response, kept alive by comments while it is idle. */
export class SseStream implements Sink {
  /** Chunked transfer encoding prevents writing directly to the socket. */
  readonly descriptor = -1;
  private readonly keepAlive: NodeJS.Timeout;
  private readonly life = new SignOfLife(this);
  /** Beats during which the reader took nothing of what is pending. */
  private silent = 0;

  /**
   * @param keepAliveMs interval of the comments that keep proxies from closing an idle stream, half a heartbeat; a
   *   reader that takes nothing for two heartbeats is disconnected
   */
  constructor(
    private readonly response: ServerResponse,
    keepAliveMs: number,
    onClose: () => void,
    contentType: string = SSE_HEADERS['Content-Type'],
  ) {
    response.writeHead(200, { ...SSE_HEADERS, 'Content-Type': contentType });
    response.flushHeaders();
    this.keepAlive = setInterval(() => this.beat(), keepAliveMs).unref();
    response.once('close', () => {
      clearInterval(this.keepAlive);
      onClose();
    });
  }

  private beat(): void {
    // Nothing is pending: the kernel takes the comment, which proves nothing about the reader but keeps proxies from
    // closing.
    if (this.bufferedBytes === 0) this.write(KEEP_ALIVE);
    if (this.bufferedBytes === 0 || this.life.shown) {
      this.silent = 0;
      this.life.mark();
    } else if (++this.silent >= PATIENCE) void this.judge();
  }

  private async judge(): Promise<void> {
    if (!(await this.life.look())) this.response.destroy();
  }

  get open(): boolean {
    return !this.response.writableEnded && !this.response.destroyed;
  }

  get bufferedBytes(): number {
    return this.response.writableLength;
  }

  get takenBytes(): number {
    return bytesTaken(this.response.socket);
  }

  kernelQueue(): Promise<number | undefined> {
    return kernelQueue(this.response.socket);
  }

  write(bytes: Buffer): void {
    if (this.open) this.response.write(bytes);
  }

  offer(bytes: Buffer): boolean {
    if (this.bufferedBytes > HIGH_WATER_BYTES) return false;
    this.write(bytes);
    return true;
  }

  onceDrained(callback: () => void): void {
    if (!this.open || this.response.writableLength === 0) {
      setImmediate(callback);
      return;
    }
    const done = (): void => {
      this.response.off('drain', done);
      this.response.off('close', done);
      // The kernel may have taken everything at once; then this runs in the same turn.
      setImmediate(callback);
    };
    // Below the stream's high-water mark there is no 'drain': an empty write is queued behind what is buffered.
    if (this.response.writableNeedDrain) this.response.once('drain', done).once('close', done);
    else this.response.write('', () => setImmediate(callback));
  }

  end(): void {
    this.response.end();
  }

  /** Sends the reason and ends the stream. */
  fail({ code, message }: OpstreamError): void {
    this.write(Buffer.from(`event: stream_error\ndata: ${JSON.stringify({ code, detail: message })}\n\n`));
    this.goAway();
  }

  /** Ends the stream early; a reader that does not take the rest is disconnected. */
  goAway(): void {
    this.end();
    const deadline = setTimeout(() => this.response.destroy(), GO_AWAY_MS);
    this.response.once('close', () => clearTimeout(deadline));
  }
}
