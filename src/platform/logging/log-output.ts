import { fstatSync, writeSync } from 'node:fs';
import type { Writable } from 'node:stream';

/** Bytes of lines that wait for a slow reader; what comes beyond them is lost. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** Where lines of the log go. */
interface Target {
  /** Bytes that were accepted and not written yet. */
  readonly waiting: number;
  /** Calls back exactly once, at once or later. */
  write(text: string, done: (error?: NodeJS.ErrnoException | null) => void): void;
}

/**
 * The log's way out. A line that cannot be written is lost and never waited for: a full disk, a reader that is gone
 * and one that reads nothing leave the service as it is. The number of lost lines is told once lines can be written
 * again. Unlike pino's own destination it has no exit hook, which would retry a failing write for ever.
 */
export class LogOutput {
  #lost = 0;
  #readerIsGone = false;

  /** @param format what a JSON line looks like there */
  constructor(
    private readonly target: Target,
    private readonly format: (line: string) => string = (line) => line,
  ) {}

  /** Standard output, whatever it is connected to. */
  static standard(format?: (line: string) => string): LogOutput {
    return new LogOutput(isStream(1) ? new StreamTarget(process.stdout) : new FileTarget(1), format);
  }

  /** @param line one JSON text with its line end */
  write(line: string): void {
    if (this.#readerIsGone) return;
    if (this.target.waiting >= MAX_WAITING_BYTES) {
      this.#lost += 1;
      return;
    }
    if (this.#lost > 0) this.#tellLost();
    this.#send(line, 1);
  }

  /** Waits until everything is written, and no longer than this. */
  async flush(withinMs: number): Promise<void> {
    const deadline = performance.now() + withinMs;
    while (this.target.waiting > 0 && !this.#readerIsGone && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  #tellLost(): void {
    const lines = this.#lost;
    this.#lost = 0;
    const entry = {
      level: 'warn',
      time: new Date().toISOString(),
      context: 'Log',
      event: 'log_lines_lost',
      lines,
      msg: `${lines} ${lines === 1 ? 'line' : 'lines'} of this log could not be written`,
    };
    this.#send(`${JSON.stringify(entry)}\n`, lines);
  }

  /** @param lines how many are lost when the text is */
  #send(line: string, lines: number): void {
    this.target.write(this.format(line), (error) => {
      if (!error) return;
      this.#lost += lines;
      // The other end of a pipe does not come back; a disk may have room again.
      if (error.code === 'EPIPE') this.#readerIsGone = true;
    });
  }
}

/** Pipes, sockets and terminals: Node writes to them without blocking when it is the stream that does it. */
class StreamTarget implements Target {
  constructor(private readonly stream: Writable & { _handle?: { setBlocking?(blocking: boolean): void } }) {
    // Each failure is told by the write's own callback.
    stream.on('error', () => {});
    // A terminal that is stopped with Ctrl-S must not stop the service.
    stream._handle?.setBlocking?.(false);
  }

  get waiting(): number {
    return this.stream.writableLength;
  }

  write(text: string, done: (error?: NodeJS.ErrnoException | null) => void): void {
    this.stream.write(text, done);
  }
}

/** Files and devices. Node's own stream for them takes a line that was written in part for a whole one. */
class FileTarget implements Target {
  readonly waiting = 0;
  #brokenOff = false;

  constructor(private readonly fd: number) {}

  write(text: string, done: (error?: NodeJS.ErrnoException | null) => void): void {
    const bytes = Buffer.from(this.#brokenOff ? `\n${text}` : text);
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(this.fd, bytes, written);
      this.#brokenOff = false;
      done();
    } catch (error) {
      // A line that follows must not be appended to half a line.
      if (written > 0) this.#brokenOff = bytes[written - 1] !== 0x0a;
      done(error as NodeJS.ErrnoException);
    }
  }
}

function isStream(fd: number): boolean {
  const stat = fstatSync(fd);
  return stat.isFIFO() || stat.isSocket() || process.stdout.isTTY;
}
