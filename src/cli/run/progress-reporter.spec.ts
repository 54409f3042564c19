import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ProgressReporter } from './progress-reporter.js';

describe('ProgressReporter', () => {
  let reported: [number, string][];
  let reporter: ProgressReporter;

  beforeEach(() => {
    vi.useFakeTimers();
    reported = [];
    reporter = new ProgressReporter((progress, message) => reported.push([progress, message]));
  });

  afterEach(() => void vi.useRealTimers());

  it('reports the first at once and then the newest of each tenth of a second', () => {
    for (let percent = 0; percent <= 50; percent++) reporter.add(percent / 100, `${percent}%`);
    vi.advanceTimersByTime(100);
    reporter.add(0.6, '60%');
    vi.advanceTimersByTime(100);
    expect(reported).toEqual([
      [0, '0%'],
      [0.5, '50%'],
      [0.6, '60%'],
    ]);
  });

  it('leaves out what is no news, but never the end', () => {
    for (const progress of [0.5, 0.5, 0.505, 0.995, 1, 1]) {
      reporter.add(progress, '');
      vi.advanceTimersByTime(200);
    }
    expect(reported.map(([progress]) => progress)).toEqual([0.5, 0.995, 1]);
  });

  it('goes back when a new phase begins, and flushes what waits', () => {
    reporter.add(0.9, 'first phase');
    reporter.add(0.1, 'second phase');
    reporter.flush();
    expect(reported).toEqual([
      [0.9, 'first phase'],
      [0.1, 'second phase'],
    ]);
  });
});
