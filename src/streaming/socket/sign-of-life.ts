/** What can be observed of a reader without asking it. */
export interface LivingReader {
  /** Bytes its kernel has not taken yet. */
  readonly bufferedBytes: number;
  /** Changes whenever its kernel takes bytes; see `bytesTaken`. */
  readonly takenBytes: number;
  /** Bytes that our kernel holds for it, where the system reveals it; see `kernelQueue`. */
  kernelQueue(): Promise<number | undefined>;
}

/** Where the system does not reveal the kernel's queue, a reader may need this long to make room in it. */
const MIN_STALL_MS = 10_000;

/**
 * Whether a reader is alive: it answered, or it took bytes that were waiting for it. Bytes the kernel takes while
 * nothing is pending prove nothing, since it has buffers of its own. A full kernel buffer takes more only when the
 * reader has read.
 */
export class SignOfLife {
  private answered = true;
  private waiting = false;
  private taken = 0;
  private queued: number | undefined;
  private markedAt = performance.now();

  constructor(private readonly reader: LivingReader) {}

  /** The reader answered a ping. */
  answer(): void {
    this.answered = true;
  }

  /** There was a sign since the last mark. */
  get shown(): boolean {
    return this.answered || (this.waiting && this.reader.takenBytes !== this.taken);
  }

  /** From now on only new signs count. */
  mark(): void {
    this.answered = false;
    this.waiting = this.reader.bufferedBytes > 0;
    this.taken = this.reader.takenBytes;
    this.queued = undefined;
    this.markedAt = performance.now();
    if (this.waiting) void this.look();
  }

  /**
   * Checks a silent reader with pending bytes more closely.
   * @returns whether it reads what its kernel holds, or may do so unseen
   */
  async look(): Promise<boolean> {
    if (this.reader.bufferedBytes === 0) return this.shown;
    const queued = await this.reader.kernelQueue();
    if (queued === undefined) return this.shown || performance.now() - this.markedAt < MIN_STALL_MS;
    if (this.queued === undefined) return this.beginWaiting(queued);
    if (queued !== this.queued) this.answered = true;
    this.queued = queued;
    return this.shown;
  }

  /**
   * Nothing was pending at the mark, but something is now: only from here on can the reader show that it takes bytes.
   */
  private beginWaiting(queued: number): true {
    this.queued = queued;
    if (!this.waiting) {
      this.waiting = true;
      this.taken = this.reader.takenBytes;
    }
    return true;
  }
}
