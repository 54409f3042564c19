/** Live frames stop going to a sink that has more than this many bytes waiting; it catches up from the log instead. */
export const HIGH_WATER_BYTES = 32 * 1024;

/** Where encoded events go: a socket or a streamed response. Owned by the connection it belongs to. */
export interface Sink {
  /** False once nothing written will arrive any more. */
  readonly open: boolean;
  /** Bytes accepted but not yet taken by the kernel. */
  readonly bufferedBytes: number;
  /** @param bytes complete frames, shared with other sinks: never changed by anyone */
  write(bytes: Buffer): void;
  /**
   * Writes, unless more than `HIGH_WATER_BYTES` wait already.
   * @returns whether it was written, or will never be because the sink has closed
   */
  offer(bytes: Buffer): boolean;
  /**
   * A file descriptor whose `write` reaches the reader at once and behind everything written before; -1 where there is
   * none, or something waits, or the sink has closed. Good until anything else happens to the sink.
   */
  readonly descriptor: number;
  /**
   * Calls back once, when everything buffered has been taken or the sink has closed, and always in a later turn of the
   * event loop: a loop that waits here must not continue in the turn that asked, also when the kernel took everything
   * at once.
   */
  onceDrained(callback: () => void): void;
}
