import type { UpstreamSocket } from './upstream-socket.js';

/**
 * Messages with unfinished handlers, and their characters: above the first of either the socket is paused, below the
 * second of both it resumes. Deliberately small: messages that wait long are promoted to the old generation, and a
 * flood would grow the heap several times over before it is collected.
 */
const PAUSE_ABOVE = { messages: 16, length: 32 * 1024 };
const RESUME_AT = { messages: 4, length: 8 * 1024 };

/** The unfinished message handlers of one socket: while there are many, the socket is not read. */
export class HandlerBacklog {
  private messages = 0;
  private length = 0;
  private paused = false;

  constructor(private readonly socket: Pick<UpstreamSocket, 'pause' | 'resume'>) {}

  /**
   * @param length characters of the message
   * @param finished never rejects
   */
  add(length: number, finished: Promise<void>): void {
    this.messages++;
    this.length += length;
    const tooMany = this.messages > PAUSE_ABOVE.messages || this.length > PAUSE_ABOVE.length;
    if (tooMany && !this.paused) {
      this.paused = true;
      this.socket.pause();
    }
    void finished.then(() => this.remove(length));
  }

  private remove(length: number): void {
    this.messages--;
    this.length -= length;
    const few = this.messages <= RESUME_AT.messages && this.length <= RESUME_AT.length;
    if (this.paused && few) {
      this.paused = false;
      this.socket.resume();
    }
  }
}
