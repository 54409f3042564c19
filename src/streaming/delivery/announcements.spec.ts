import { describe, expect, it } from 'vitest';
import { Announcements } from './announcements.js';
import type { Sink } from './sink.js';

/** A sink that takes nothing until it is drained. */
class StalledSink implements Sink {
  readonly descriptor = -1;
  readonly written: string[] = [];
  open = true;
  stalled = true;
  bufferedBytes = 0;
  private waiting: (() => void)[] = [];

  write(bytes: Buffer): void {
    this.written.push(bytes.toString());
  }

  offer(bytes: Buffer): boolean {
    if (this.stalled) return false;
    this.write(bytes);
    return true;
  }

  onceDrained(callback: () => void): void {
    this.waiting.push(callback);
  }

  drain(): void {
    this.stalled = false;
    for (const callback of this.waiting.splice(0)) callback();
  }
}

describe('announcements', () => {
  it('reach a sink at once, or in order when it has drained', () => {
    const sink = new StalledSink();
    const announcements = new Announcements();
    announcements.tell(sink, Buffer.from('a'));
    announcements.tell(sink, Buffer.from('b'));
    expect(sink.written).toEqual([]);
    sink.drain();
    expect(sink.written).toEqual(['ab']);
    announcements.tell(sink, Buffer.from('c'));
    expect(sink.written).toEqual(['ab', 'c']);
  });

  it('hold little for a stalled sink, and write nothing to a closed one', () => {
    const [stalled, closed] = [new StalledSink(), new StalledSink()];
    const announcements = new Announcements();
    for (let n = 0; n < 1000; n++) announcements.tell(stalled, Buffer.alloc(100, 'x'));
    announcements.tell(closed, Buffer.from('a'));
    stalled.drain();
    expect(stalled.written.join('').length).toBeLessThanOrEqual(16 * 1024);
    expect(stalled.written.join('').length).toBeGreaterThan(15 * 1024);
    closed.open = false;
    closed.drain();
    expect(closed.written).toEqual([]);
  });
});
