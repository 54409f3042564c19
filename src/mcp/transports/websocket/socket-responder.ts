import type { Connection } from '../../../streaming/socket/connection.js';
import { deflatedTextFrame } from '../../../streaming/socket/text-frame.js';
import type { Responder } from '../../session/responder.js';

/** Unsent bytes above which a tool has to wait for its caller. */
const HIGH_WATER_BYTES = 64 * 1024;
/** Unsent bytes above which the reader counts as gone, so that nothing can make memory grow. */
const MAX_UNSENT_BYTES = 4 * 1024 * 1024;

/** Characters from which a message is worth compressing. */
const COMPRESSION_THRESHOLD = 4096;

/** A socket as the responder of every request on it. */
export class SocketResponder implements Responder {
  private wroteThisTurn = false;

  /** @param afterwards takes what is sent once the connection has closed; @param written sees all else */
  constructor(
    private readonly connection: Connection,
    private readonly afterwards: (message: string) => void,
    private readonly written: (message: string) => void,
  ) {}

  send(message: string): void {
    this.write(message);
    if (this.connection.bufferedBytes > MAX_UNSENT_BYTES) this.connection.ws.terminate();
    if (this.wroteThisTurn) return;
    this.wroteThisTurn = true;
    setImmediate(() => (this.wroteThisTurn = false));
  }

  /** An answer never shares a write with what precedes it: clients lose progress that comes with its result. */
  respond(message: string): void {
    if (this.wroteThisTurn) setImmediate(() => this.respond(message));
    else this.write(message);
  }

  close(): void {}

  drained(): Promise<void> | undefined {
    const { connection } = this;
    if (connection.bufferedBytes < HIGH_WATER_BYTES || !connection.open) return undefined;
    return new Promise((resolve) => connection.onceDrained(resolve));
  }

  /** Long messages leave compressed where the client can read that (S3-40); unread ones must be able to pause it. */
  private write(message: string): void {
    const { connection } = this;
    if (!connection.open) return this.afterwards(message);
    this.written(message);
    const compresses = message.length >= COMPRESSION_THRESHOLD && connection.takesDeflated;
    if (compresses && connection.bufferedBytes < HIGH_WATER_BYTES)
      connection.write(deflatedTextFrame(message));
    else connection.send(message);
  }
}
