import type { ServerResponse } from 'node:http';
import type { RequestMetrics } from '../metrics/request.metrics.js';
import { bytesTaken } from '../../streaming/socket/bytes-taken.js';
import { kernelQueue } from '../../streaming/socket/kernel-queue.js';
import { singleLine } from '../../platform/single-line.js';
import { SignOfLife } from '../../streaming/socket/sign-of-life.js';
import { ReaderWatch, type WatchedReader } from './reader-watch.js';

/** Unsent bytes above which a tool has to wait for its caller. */
const HIGH_WATER_BYTES = 64 * 1024;

/** Without a blank line, which some clients take for the end of an empty event. */
const KEEP_ALIVE = ': keep-alive\n';

const HEADERS = [
  ['Content-Type', 'text/event-stream'],
  ['Cache-Control', 'no-cache, no-transform'],
  ['X-Accel-Buffering', 'no'],
].flat();

/** Messages as server-sent events on one HTTP response. Those of one turn of the event loop leave in one write. */
export class SseResponse implements WatchedReader {
  private unwritten = '';
  private wroteThisTurn = false;
  private readonly watch = new ReaderWatch(this);
  private readonly life = new SignOfLife(this);
  /** Intervals in which the reader took nothing of what is pending. */
  private silent = 0;

  constructor(
    private readonly response: ServerResponse,
    metrics: RequestMetrics,
    headers: readonly string[] = [],
  ) {
    metrics.streamOpened(response);
    response.once('close', () => this.watch.stop());
    response.writeHead(200, [...HEADERS, ...headers]);
    response.flushHeaders();
  }

  get open(): boolean {
    return !this.response.writableEnded && !this.response.destroyed;
  }

  get unsentBytes(): number {
    return this.response.writableLength;
  }

  get bufferedBytes(): number {
    return this.unsentBytes;
  }

  get takenBytes(): number {
    return bytesTaken(this.response.socket);
  }

  kernelQueue(): Promise<number | undefined> {
    return kernelQueue(this.response.socket);
  }

  cut(): void {
    this.response.destroy();
  }

  /** Called once everything has been sent. */
  onSent(callback: () => void): void {
    this.response.once('finish', callback);
  }

  /** @param id lets a client resume after this event */
  write(message: string, id?: string): void {
    if (!this.open) return;
    const data = singleLine(message);
    this.append(id === undefined ? `data: ${data}\n\n` : `id: ${id}\ndata: ${data}\n\n`);
    if (this.unwritten.length > HIGH_WATER_BYTES) this.flush();
    if (this.wroteThisTurn) return;
    this.wroteThisTurn = true;
    setImmediate(() => (this.wroteThisTurn = false));
  }

  /**
   * The last message. It never shares a write with an earlier one: clients lose progress that arrives with its result.
   */
  finish(data: string, id?: string): void {
    if (this.wroteThisTurn) {
      this.flush();
      setImmediate(() => this.finish(data, id));
      return;
    }
    this.write(data, id);
    this.end();
  }

  /** An answer on a stream that continues: like the last message, separate from what precedes it. */
  writeApart(data: string): void {
    if (this.wroteThisTurn) {
      this.flush();
      setImmediate(() => this.writeApart(data));
    } else this.write(data);
  }

  /** An event of another type than `message`. */
  event(type: string, data: string): void {
    this.append(`event: ${type}\ndata: ${data}\n\n`);
  }

  /**
   * Keeps proxies from closing an idle stream; call it when nothing was taken for an interval. A reader with pending
   * data that takes nothing for two intervals is disconnected.
   */
  comment(): void {
    if (this.bufferedBytes === 0) this.append(KEEP_ALIVE);
    if (this.bufferedBytes === 0 || this.life.shown) {
      this.silent = 0;
      this.life.mark();
    } else if (++this.silent >= 2) void this.judge();
  }

  private async judge(): Promise<void> {
    if (!(await this.life.look())) this.cut();
  }

  /** Tells the client when to reconnect. @param retryMs milliseconds */
  retry(retryMs: number): void {
    this.append(`retry: ${retryMs}\n\n`);
  }

  end(): void {
    this.flush();
    this.response.end();
  }

  /** Undefined while the reader keeps up. */
  drained(): Promise<void> | undefined {
    this.flush();
    const { response } = this;
    if (response.writableLength < HIGH_WATER_BYTES || !this.open) return undefined;
    return new Promise((resolve) => {
      const done = (): void => {
        response.off('drain', done);
        response.off('close', done);
        // The kernel may have taken everything at once: a waiting tool continues in a later turn nevertheless.
        setImmediate(resolve);
      };
      response.on('drain', done);
      response.on('close', done);
    });
  }

  private append(text: string): void {
    // Ticks run after everything that is ready to run: everything it wrote is together.
    if (this.unwritten === '') process.nextTick(() => this.flush());
    this.unwritten += text;
  }

  private flush(): void {
    if (this.unwritten === '') return;
    const text = this.unwritten;
    this.unwritten = '';
    if (!this.open || !this.watch.beforeWrite()) return;
    this.response.write(text);
    this.watch.afterWrite();
  }
}
