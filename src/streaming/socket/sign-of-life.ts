/** What is known of a reader without asking it. */
export interface LivingReader {
  /** Bytes that its system has not taken yet. */
  readonly bufferedBytes: number;
  /** Changes whenever its system takes bytes; see `bytesTaken`. */
  readonly takenBytes: number;
  /** Bytes that the kernel holds for it, where the system tells; see `kernelQueue`. */
  kernelQueue(): Promise<number | undefined>;
}

/** Where the system does not tell what its kernel holds, a reader may need this long to make room in it. */
const MIN_STALL_MS = 10_000;

/**
 * Whether a reader is there: it answered, or it took bytes that had to wait for it. What the kernel takes while nothing
 * waits proves nothing, since it has room of its own; but a full kernel takes more only when the reader has.
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

  /** Something came since the last mark. */
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
   * Looks closer at a reader that shows no sign, but for which something waits.
   * @returns whether it takes what its kernel holds, or may do so unseen
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

  /** Nothing waited when it was marked, and something does now: only from here on can it show that it takes bytes. */
  private beginWaiting(queued: number): true {
    this.queued = queued;
    if (!this.waiting) {
      this.waiting = true;
      this.taken = this.reader.takenBytes;
    }
    return true;
  }
}
