import { fstatSync, writeSync } from 'node:fs';
import type { Writable } from 'node:stream';

/** Bytes of buffered lines for a slow reader; lines beyond the limit are dropped. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** The destination of log lines. */
interface Target {
  /** Bytes accepted but not yet written. */
  readonly waiting: number;
  /** Calls back exactly once, at once or later. */
  write(text: string, done: (error?: NodeJS.ErrnoException | null) => void): void;
}

/**
 * Writes the log without ever blocking. A line that cannot be written is dropped: a full disk, a reader that is gone
 * or one that stalls do not affect the service. The number of dropped lines is logged once writing works again. Unlike
 * pino's own destination it has no exit hook, which would retry a failing write forever.
 */
export class LogOutput {
  #lost = 0;
  #readerIsGone = false;

  /** @param format formats a JSON line for this output */
  constructor(
    private readonly target: Target,
    private readonly format: (line: string) => string = (line) => line,
  ) {}

  /** Standard output, regardless of what it is connected to. */
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

  /** Waits until everything is written, up to this limit. */
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

  /** @param lines how many lines are lost if the write fails */
  #send(line: string, lines: number): void {
    this.target.write(this.format(line), (error) => {
      if (!error) return;
      this.#lost += lines;
      // A closed pipe stays closed; a disk may have space again.
      if (error.code === 'EPIPE') this.#readerIsGone = true;
    });
  }
}

/** Pipes, sockets and terminals, to which Node's stream writes without blocking. */
class StreamTarget implements Target {
  constructor(private readonly stream: Writable & { _handle?: { setBlocking?(blocking: boolean): void } }) {
    // The callback of the write reports each failure.
    stream.on('error', () => {});
    // A terminal stopped with Ctrl-S must not stop the service.
    stream._handle?.setBlocking?.(false);
  }

  get waiting(): number {
    return this.stream.writableLength;
  }

  write(text: string, done: (error?: NodeJS.ErrnoException | null) => void): void {
    this.stream.write(text, done);
  }
}

/** Files and devices. Node's own stream would treat a partially written line as complete. */
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
      // The next line must not be appended to half a line.
      if (written > 0) this.#brokenOff = bytes[written - 1] !== 0x0a;
      done(error as NodeJS.ErrnoException);
    }
  }
}

function isStream(fd: number): boolean {
  const stat = fstatSync(fd);
  return stat.isFIFO() || stat.isSocket() || process.stdout.isTTY;
}
