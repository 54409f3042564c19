import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { TurnBudget } from './turn-budget.js';

/** Keeps the processor busy, as a read of the log does. */
function work(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until;);
}

describe('TurnBudget', () => {
  it('never grants in the turn that asks', async () => {
    const budget = new TurnBudget();
    let granted = false;
    const turn = budget.turn().then(() => (granted = true));
    for (let i = 0; i < 20; i++) await Promise.resolve();
    await new Promise<void>((resolve) => process.nextTick(resolve));
    expect(granted).toBe(false);
    await turn;
  });

  it('grants in order, one step a turn for each loop', async () => {
    const budget = new TurnBudget();
    const steps: string[] = [];
    const loop = async (name: string) => {
      for (let step = 0; step < 3; step++) {
        await budget.turn();
        steps.push(`${name}${step}`);
      }
    };
    await Promise.all(['a', 'b', 'c'].map(loop));
    expect(steps).toEqual(['a0', 'b0', 'c0', 'a1', 'b1', 'c1', 'a2', 'b2', 'c2']);
  });

  it('lets the event loop go on once the budget is spent, however many ask', async () => {
    const budget = new TurnBudget(4);
    let steps = 0;
    let most = 0;
    const done = new AbortController();
    const watch = (async () => {
      while (!done.signal.aborted) {
        await nextTurn();
        most = Math.max(most, steps);
        steps = 0;
      }
    })();
    await Promise.all(
      Array.from({ length: 200 }, async () => {
        await budget.turn();
        // What follows a resolved promise belongs to the step as well.
        await Promise.resolve();
        work(1);
        steps += 1;
      }),
    );
    done.abort();
    await watch;
    // Without the budget all 200 steps would be one turn.
    expect(most).toBeLessThan(50);
  });

  it('goes on when a step is longer than the whole budget', async () => {
    const budget = new TurnBudget(1);
    let count = 0;
    await Promise.all(
      Array.from({ length: 5 }, async () => {
        await budget.turn();
        work(3);
        count += 1;
      }),
    );
    expect({ count, pending: budget.pending }).toEqual({ count: 5, pending: 0 });
  });
});
