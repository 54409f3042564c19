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
  /** Calls back once, when everything buffered has been taken or the sink has closed; never synchronously. */
  onceDrained(callback: () => void): void;
}
