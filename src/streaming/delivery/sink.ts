/** A sink with more than this many bytes pending gets no live frames; it catches up from the log instead. */
export const HIGH_WATER_BYTES = 32 * 1024;

/** Destination of encoded events: a socket or a streamed response. Owned by the connection it belongs to. */
export interface Sink {
  /** False once nothing written will arrive any longer. */
  readonly open: boolean;
  /** Bytes accepted but not yet taken by the kernel. */
  readonly bufferedBytes: number;
  /** @param bytes complete frames, shared with other sinks; never modified */
  write(bytes: Buffer): void;
  /**
   * Writes, unless more than `HIGH_WATER_BYTES` are pending.
   * @returns whether it was written, or will never be because the sink has closed
   */
  offer(bytes: Buffer): boolean;
  /**
   * A file descriptor whose `write` reaches the reader immediately and in order; -1 if there is none, something is
   * pending, or the sink has closed. Valid until the sink is used otherwise.
   */
  readonly descriptor: number;
  /**
   * Calls back once, when everything buffered has been taken or the sink has closed, and always in a later turn of the
   * event loop: a loop that waits here must not continue in the same turn, even if the kernel took everything at once.
   */
  onceDrained(callback: () => void): void;
}
