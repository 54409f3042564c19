/** Unsent bytes above which a reader is watched. A single message may be larger. */
export const MAX_UNSENT_BYTES = 4 * 1024 * 1024;
/** Unsent bytes above which nothing more is written, however quickly they are read. */
const MAX_QUEUED_BYTES = 8 * MAX_UNSENT_BYTES;
/** How long a reader with too much unsent may take nothing. */
const STALLED_AFTER_MS = 10_000;
const CHECK_EVERY_MS = 500;

/** What a reader has not taken yet, and how it is disconnected. */
export interface WatchedReader {
  readonly unsentBytes: number;
  /** Changes whenever the reader takes something; see `bytesTaken` of the sockets. */
  readonly takenBytes: number;
  cut(): void;
}

/**
 * Disconnects readers that stopped reading, so that they cannot make memory grow. A reader is judged by its progress,
 * not by the size of its messages: one that takes bytes stays connected.
 */
export class ReaderWatch {
  private timer: NodeJS.Timeout | undefined;
  private taken = -1;
  private stalledSince = 0;

  constructor(private readonly reader: WatchedReader) {}

  /** Call before each write. @returns false when the reader has been disconnected and nothing should be written */
  beforeWrite(): boolean {
    const { unsentBytes } = this.reader;
    if (unsentBytes <= MAX_UNSENT_BYTES) return true;
    if (unsentBytes <= MAX_QUEUED_BYTES && !this.stalled(CHECK_EVERY_MS)) return true;
    this.cut();
    return false;
  }

  /** Call after each write. */
  afterWrite(): void {
    if (this.timer || this.reader.unsentBytes <= MAX_UNSENT_BYTES) return;
    this.note();
    this.timer = setInterval(() => this.check(), CHECK_EVERY_MS).unref();
  }

  /** Call when the connection has ended. */
  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private check(): void {
    if (this.reader.unsentBytes <= MAX_UNSENT_BYTES) this.stop();
    else if (this.stalled(STALLED_AFTER_MS)) this.cut();
  }

  private stalled(forMs: number): boolean {
    if (this.reader.takenBytes !== this.taken) {
      this.note();
      return false;
    }
    return performance.now() - this.stalledSince >= forMs;
  }

  private note(): void {
    this.taken = this.reader.takenBytes;
    this.stalledSince = performance.now();
  }

  private cut(): void {
    this.stop();
    this.reader.cut();
  }
}
