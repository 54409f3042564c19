import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RECONNECT, reconnectPolicy, type ReconnectPreset } from './reconnect-policy.js';

const nominal = (preset: ReconnectPreset, tries: number, random = 0): number[] =>
  Array.from({ length: tries }, (_, index) => RECONNECT[preset].delay(index + 1, random));

describe('Reconnect policy', () => {
  it('S0-35 upstream: 1, 2, 4, 8, 16 s and then no more', () => {
    expect(nominal('upstream', 5)).toEqual([1000, 2000, 4000, 8000, 16_000]);
    expect(RECONNECT.upstream.maxAttempts).toBe(5);
  });

  it('S0-41 upstream: jitter only adds, and at most a tenth', () => {
    expect(RECONNECT.upstream.delay(3, 0.999)).toBeCloseTo(4400, -1);
  });

  it('S4-52 agents: 1.5ⁿ s, capped at 30 s before the jitter of up to 30 %, ten tries', () => {
    expect(nominal('agents', 3)).toEqual([1000, 1500, 2250]);
    expect(RECONNECT.agents.delay(10, 0)).toBe(30_000);
    expect(RECONNECT.agents.delay(10, 1)).toBe(39_000);
    expect(RECONNECT.agents.maxAttempts).toBe(10);
  });

  it('S1-65 fixed, X-31 linear and X-45 peer keep their documents’ rules', () => {
    expect(nominal('fixed', 3)).toEqual([5000, 5000, 5000]);
    expect(nominal('linear', 5)).toEqual([2000, 4000, 6000, 8000, 10_000]);
    expect(RECONNECT.peer.delay(30, 0.5)).toBe(600_000);
    expect(RECONNECT.peer.maxAttempts).toBe(Infinity);
  });

  it('C17 every preset gives a finite wait of at most ten minutes, however often it was tried', () => {
    const presets = Object.keys(RECONNECT) as ReconnectPreset[];
    fc.assert(
      fc.property(
        fc.constantFrom(...presets),
        fc.integer({ min: 1, max: 100_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (preset, attempt, random) => {
          const delay = reconnectPolicy(preset).delay(attempt, random);
          // `linear` stops after five tries, so only those count.
          if (attempt > RECONNECT[preset].maxAttempts) return;
          expect(delay).toBeGreaterThanOrEqual(0);
          expect(delay).toBeLessThanOrEqual(600_000);
        },
      ),
    );
  });
});
