import type { Sink } from './sink.js';

/** Bytes that wait for a sink which is not draining; more are dropped, so that a stalled one holds little. */
const MAX_WAITING_BYTES = 16 * 1024;

interface Waiting {
  readonly frames: Buffer[];
  bytes: number;
}

/**
 * Writes frames that are no entries of a log to its followers, in order. A sink that has too much pending gets them
 * once it has drained, as far as they fit.
 */
export class Announcements {
  private readonly waiting = new WeakMap<Sink, Waiting>();

  tell(sink: Sink, frame: Buffer): void {
    const waiting = this.waiting.get(sink);
    if (waiting) this.queue(waiting, frame);
    else if (!sink.offer(frame)) this.wait(sink, frame);
  }

  private wait(sink: Sink, frame: Buffer): void {
    const waiting = { frames: [], bytes: 0 };
    this.waiting.set(sink, waiting);
    this.queue(waiting, frame);
    sink.onceDrained(() => {
      this.waiting.delete(sink);
      if (sink.open) sink.write(Buffer.concat(waiting.frames));
    });
  }

  private queue(waiting: Waiting, frame: Buffer): void {
    if (waiting.bytes + frame.length > MAX_WAITING_BYTES) return;
    waiting.frames.push(frame);
    waiting.bytes += frame.length;
  }
}
