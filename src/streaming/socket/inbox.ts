import type { Connection } from './connection.js';
import { CLOSE_CODES } from '../../client/protocol/close-codes.js';

/** Frames waiting for an earlier one; above either bound the socket is not read. */
const MAX_FRAMES = 1000;
const MAX_BYTES = 1024 * 1024;

/**
 * Delivers the frames of one connection to its protocol: one at a time, in order, bounded by pausing reads. A frame
 * waits until the client has read the answers to earlier ones.
 */
export class Inbox {
  private readonly frames: Buffer[] = [];
  private bytes = 0;
  private working = false;
  private closed = false;

  /**
   * @param handle returns a promise only when the next frame has to wait for this one
   * @param onFault called with what `handle` throws: a bug of ours, which ends this connection but not the service
   */
  constructor(
    private readonly connection: Connection,
    private readonly handle: (frame: Buffer) => Promise<void> | undefined,
    private readonly onFault: (thrown: unknown) => void,
  ) {}

  receive(frame: Buffer): void {
    if (this.closed) return;
    this.frames.push(frame);
    this.bytes += frame.length;
    if (!this.working) void this.work();
    else if (this.full) this.connection.hold('unhandled frames');
  }

  close(): void {
    this.closed = true;
    this.frames.length = 0;
  }

  private get full(): boolean {
    return this.frames.length > MAX_FRAMES || this.bytes > MAX_BYTES;
  }

  private async work(): Promise<void> {
    this.working = true;
    let next = 0;
    while (next < this.frames.length) {
      const frame = this.frames[next++]!;
      this.bytes -= frame.length;
      if (next > MAX_FRAMES) {
        this.frames.splice(0, next);
        next = 0;
      }
      try {
        const waiting = this.handle(frame);
        if (waiting) await waiting;
        const room = this.connection.room();
        if (room) await room;
      } catch (thrown) {
        this.onFault(thrown);
        this.connection.close(CLOSE_CODES.internalError.code, 'Internal error');
        this.close();
      }
    }
    this.frames.length = 0;
    this.working = false;
    this.connection.release('unhandled frames');
  }
}
