import type { ServerResponse } from 'node:http';

/** Characters that are collected before they are written; a reader that does not take them holds the log up. */
const CHUNK = 16 * 1024;
/** How soon the system asks an idle reader whether it is still there: text has no room for a sign of life. */
const TCP_KEEP_ALIVE_MS = 30_000;
/** How long a reader may take for the rest of a log that the server ends. */
const GO_AWAY_MS = 2000;

/** A log on its way to one reader, at the reader's own pace: at most a chunk beside what Node buffers. */
export class LogResponse {
  private pending = '';
  private isDue = false;
  /** Resolves when the reader has taken what was written; undefined while there is room. */
  private full: Promise<void> | undefined;
  private readonly aborter = new AbortController();

  constructor(
    private readonly response: ServerResponse,
    headers: Readonly<Record<string, string>>,
    onClose: () => void,
  ) {
    response.socket?.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
    response.writeHead(200, headers);
    response.flushHeaders();
    response.once('close', () => {
      this.aborter.abort();
      onClose();
    });
  }

  /** Fires when the reader is gone, or the server ends the log. */
  get signal(): AbortSignal {
    return this.aborter.signal;
  }

  /** Resolves as soon as more can be taken. */
  async write(text: string): Promise<void> {
    if (this.full) await this.full;
    this.pending += text;
    if (this.pending.length >= CHUNK) this.flush();
    else this.flushSoon();
    return this.full;
  }

  /** Everything was said. */
  end(): void {
    const { pending } = this;
    this.pending = '';
    this.response.end(pending);
  }

  /** Ends without the last chunk, so that no reader takes the log for complete; what was written before arrives. */
  breakOff(): void {
    if (this.aborter.signal.aborted) return;
    this.aborter.abort();
    const deadline = setTimeout(() => this.response.destroy(), GO_AWAY_MS);
    this.response.once('close', () => clearTimeout(deadline));
    const { pending } = this;
    this.pending = '';
    this.response.write(pending, () => this.response.destroy());
  }

  /** What is recorded in one turn of the event loop leaves in one piece. */
  private flushSoon(): void {
    if (this.isDue) return;
    this.isDue = true;
    setImmediate(() => {
      this.isDue = false;
      this.flush();
    });
  }

  private flush(): void {
    const { pending, response, signal } = this;
    if (pending === '' || signal.aborted || response.writableEnded) return;
    this.pending = '';
    if (response.write(pending)) return;
    this.full = new Promise((resolve) => {
      const done = (): void => {
        this.full = undefined;
        response.off('drain', done);
        response.off('close', done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      response.once('drain', done).once('close', done);
      signal.addEventListener('abort', done);
    });
  }
}
