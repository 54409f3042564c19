import type { ServerResponse } from 'node:http';
import type { RequestMetrics } from '../metrics/request.metrics.js';

/** Unsent bytes above which a tool has to wait for its caller. */
const HIGH_WATER_BYTES = 64 * 1024;
/** Unsent bytes above which the reader counts as gone, so that nothing can make memory grow. */
const MAX_UNSENT_BYTES = 4 * 1024 * 1024;

const HEADERS = [
  ['Content-Type', 'text/event-stream'],
  ['Cache-Control', 'no-cache, no-transform'],
  ['X-Accel-Buffering', 'no'],
].flat();

/** Messages as server-sent events on one HTTP response. Those of one turn of the event loop leave in one write. */
export class SseResponse {
  private unwritten = '';
  private wroteThisTurn = false;

  constructor(
    private readonly response: ServerResponse,
    metrics: RequestMetrics,
    headers: readonly string[] = [],
  ) {
    metrics.streamOpened(response);
    response.writeHead(200, [...HEADERS, ...headers]);
    response.flushHeaders();
  }

  get open(): boolean {
    return !this.response.writableEnded && !this.response.destroyed;
  }

  /** @param id lets a client resume after this event */
  write(data: string, id?: string): void {
    if (!this.open) return;
    this.append(id === undefined ? `data: ${data}\n\n` : `id: ${id}\ndata: ${data}\n\n`);
    if (this.unwritten.length > HIGH_WATER_BYTES) this.flush();
    if (this.wroteThisTurn) return;
    this.wroteThisTurn = true;
    setImmediate(() => (this.wroteThisTurn = false));
  }

  /** The last message. It never shares a write with one before it: clients lose progress that comes with its result. */
  finish(data: string, id?: string): void {
    if (this.wroteThisTurn) {
      this.flush();
      setImmediate(() => this.finish(data, id));
      return;
    }
    this.write(data, id);
    this.end();
  }

  /** Keeps proxies from taking a quiet stream for a dead one. */
  comment(): void {
    this.append(': keep-alive\n\n');
  }

  /** Tells the client when to come back. @param retryMs milliseconds */
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
        resolve();
      };
      response.on('drain', done);
      response.on('close', done);
    });
  }

  private append(text: string): void {
    // Ticks run once everything that is ready to run has run: all that it wrote is together.
    if (this.unwritten === '') process.nextTick(() => this.flush());
    this.unwritten += text;
  }

  private flush(): void {
    if (this.unwritten === '') return;
    const text = this.unwritten;
    this.unwritten = '';
    if (!this.open) return;
    this.response.write(text);
    if (this.response.writableLength > MAX_UNSENT_BYTES) this.response.destroy();
  }
}
