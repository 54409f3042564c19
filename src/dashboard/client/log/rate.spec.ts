import { describe, expect, it } from 'vitest';
import { addSample, rateOf, type ProgressSample } from './rate.js';

const samplesOf = (...pairs: [number, number][]): ProgressSample[] =>
  pairs.reduce<ProgressSample[]>((samples, [at, progress]) => addSample(samples, { at, progress }), []);

describe('progress rate', () => {
  it('is the slope, and the time left follows', () => {
    const rate = rateOf(samplesOf([100, 0.1], [110, 0.2], [120, 0.3]), 120)!;
    expect(rate.perSecond).toBeCloseTo(0.01);
    expect(rate.secondsLeft).toBeCloseTo(70);
  });

  it('silence makes it slower', () => {
    expect(rateOf(samplesOf([100, 0], [110, 0.5]), 120)!.secondsLeft).toBeCloseTo(20);
  });

  it('is unknown at the beginning, at the end and after going back', () => {
    expect(rateOf([], 100)).toBeUndefined();
    expect(rateOf(samplesOf([100, 0.1]), 100)).toBeUndefined();
    expect(rateOf(samplesOf([100, 0.1], [110, 1]), 110)).toBeUndefined();
    expect(rateOf(samplesOf([100, 0.5], [110, 0.2]), 110)).toBeUndefined();
    expect(samplesOf([100, 0.5], [110, 0.2])).toHaveLength(1);
  });

  it('forgets what is old, but never the last report', () => {
    const samples = samplesOf([0, 0.1], [10, 0.2], [200, 0.3]);
    expect(samples).toEqual([
      { at: 10, progress: 0.2 },
      { at: 200, progress: 0.3 },
    ]);
    const many = Array.from({ length: 1000 }, (_, n): [number, number] => [n / 100, n / 1000]);
    expect(samplesOf(...many).length).toBeLessThanOrEqual(120);
  });
});
