import type { Connection } from '../../../streaming/socket/connection.js';
import { deflatedTextFrame } from '../../../streaming/socket/text-frame.js';
import type { BatchResponder } from '../../dispatch/batch-answers.js';
import { ReaderWatch, type WatchedReader } from '../../session/reader-watch.js';

/** Unsent bytes above which a tool has to wait for its caller. */
const HIGH_WATER_BYTES = 64 * 1024;

/** Characters from which a message is worth compressing. */
const COMPRESSION_THRESHOLD = 4096;

/** A socket as the responder of every request on it. */
export class SocketResponder implements BatchResponder, WatchedReader {
  readonly carriesRequests = true;
  private wroteThisTurn = false;
  private readonly watch = new ReaderWatch(this);

  /**
   * @param afterwards receives what is sent after the connection has closed; @param written sees everything else
   * @param answered called for each request that is finished
   */
  constructor(
    private readonly connection: Connection,
    private readonly afterwards: (message: string, isAnswer: boolean) => void,
    private readonly written: (message: string) => void,
    private readonly answered: () => void,
  ) {}

  get unsentBytes(): number {
    return this.connection.bufferedBytes;
  }

  get takenBytes(): number {
    return this.connection.takenBytes;
  }

  cut(): void {
    this.connection.ws.terminate();
  }

  /** The connection has closed. */
  closed(): void {
    this.watch.stop();
  }

  send(message: string): void {
    this.write(message, false);
    if (this.wroteThisTurn) return;
    this.wroteThisTurn = true;
    setImmediate(() => (this.wroteThisTurn = false));
  }

  /** An answer never shares a write with an earlier message: clients lose progress that arrives with its result. */
  respond(message: string): void {
    if (this.wroteThisTurn) {
      setImmediate(() => this.respond(message));
      return;
    }
    this.write(message, true);
    this.answered();
  }

  /** The answers to a batch are sent together, as over HTTP. */
  respondAll(messages: readonly string[]): void {
    if (messages.length > 0) this.respond(`[${messages.join(',')}]`);
  }

  close(): void {
    this.answered();
  }

  drained(): Promise<void> | undefined {
    const { connection } = this;
    if (connection.bufferedBytes < HIGH_WATER_BYTES || !connection.open) return undefined;
    return new Promise((resolve) => connection.onceDrained(resolve));
  }

  /** Long messages are compressed if the client supports it; unread ones must be able to pause it. */
  private write(message: string, isAnswer: boolean): void {
    const { connection } = this;
    if (!connection.open) return this.afterwards(message, isAnswer);
    if (!this.watch.beforeWrite()) return;
    this.written(message);
    const compresses = message.length >= COMPRESSION_THRESHOLD && connection.takesDeflated;
    if (compresses && connection.bufferedBytes < HIGH_WATER_BYTES)
      connection.write(deflatedTextFrame(message));
    else connection.send(message);
    this.watch.afterWrite();
  }
}
