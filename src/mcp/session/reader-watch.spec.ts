import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MAX_UNSENT_BYTES, ReaderWatch, type WatchedReader } from './reader-watch.js';

/** A reader that takes what the test says. */
class Reader implements WatchedReader {
  unsentBytes = 0;
  takenBytes = 0;
  isCut = false;

  write(watch: ReaderWatch, bytes: number): boolean {
    if (!watch.beforeWrite()) return false;
    this.unsentBytes += bytes;
    watch.afterWrite();
    return true;
  }

  take(bytes: number): void {
    this.unsentBytes -= bytes;
    this.takenBytes += bytes;
  }

  cut(): void {
    this.isCut = true;
  }
}

describe('ReaderWatch', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('lets one message of any size pass, for a reader that takes it', () => {
    const reader = new Reader();
    const watch = new ReaderWatch(reader);
    expect(reader.write(watch, 10)).toBe(true);
    expect(reader.write(watch, 20 * MAX_UNSENT_BYTES)).toBe(true);
    for (let second = 0; second < 60; second++) {
      reader.take(1024);
      vi.advanceTimersByTime(1000);
    }
    expect(reader.isCut).toBe(false);
  });

  it('cuts off a reader that takes nothing for ten seconds with too much unsent', () => {
    const reader = new Reader();
    const watch = new ReaderWatch(reader);
    reader.write(watch, MAX_UNSENT_BYTES + 1);
    vi.advanceTimersByTime(9500);
    expect(reader.isCut).toBe(false);
    vi.advanceTimersByTime(1500);
    expect(reader.isCut).toBe(true);
  });

  it('leaves a quiet reader alone as long as little is unsent', () => {
    const reader = new Reader();
    const watch = new ReaderWatch(reader);
    reader.write(watch, MAX_UNSENT_BYTES);
    vi.advanceTimersByTime(600_000);
    expect(reader.isCut).toBe(false);
  });

  it('writes no more to a reader that took nothing since it had too much', () => {
    const reader = new Reader();
    const watch = new ReaderWatch(reader);
    reader.write(watch, MAX_UNSENT_BYTES + 1);
    vi.advanceTimersByTime(600);
    expect(reader.write(watch, 1)).toBe(false);
    expect(reader.isCut).toBe(true);
  });

  it('goes on writing to one that takes bytes, up to a bound', () => {
    const reader = new Reader();
    const watch = new ReaderWatch(reader);
    let written = 0;
    while (reader.write(watch, MAX_UNSENT_BYTES)) {
      written += 1;
      reader.take(1);
      vi.advanceTimersByTime(600);
    }
    expect(written).toBeGreaterThan(4);
    expect(reader.unsentBytes).toBeLessThan(10 * MAX_UNSENT_BYTES);
  });

  it('ends with its connection', () => {
    const reader = new Reader();
    const watch = new ReaderWatch(reader);
    reader.write(watch, MAX_UNSENT_BYTES + 1);
    watch.stop();
    vi.advanceTimersByTime(60_000);
    expect([reader.isCut, vi.getTimerCount()]).toEqual([false, 0]);
  });
});
