import { describe, expect, it } from 'vitest';
import { RequestBudget } from './request-budget.js';

const BIG = 10_000;

describe('RequestBudget', () => {
  it('holds what a user has unanswered within its bound, and takes more once it is answered', () => {
    const budget = new RequestBudget(3 * BIG, 100 * BIG);
    const taken = [1, 2, 3].map(() => budget.take(BIG, () => 'a'));
    expect(() => budget.take(BIG, () => 'a')).toThrow(/unanswered/);
    budget.take(BIG, () => 'b');
    expect(budget.held).toBe(4 * BIG);
    taken[0]!();
    budget.take(BIG, () => 'a');
    expect(budget.held).toBe(4 * BIG);
  });

  it('bounds all users together', () => {
    const budget = new RequestBudget(10 * BIG, 3 * BIG);
    for (const user of ['a', 'b', 'c']) budget.take(BIG, () => user);
    expect(() => budget.take(BIG, () => 'a')).toThrow(/unanswered/);
  });

  it('takes a single request of any size, and does not count small ones', () => {
    const budget = new RequestBudget(BIG, BIG);
    const giveBack = budget.take(5 * BIG, () => 'a');
    budget.take(100, () => expect.fail('nobody is asked for'));
    expect(budget.held).toBe(5 * BIG);
    giveBack();
    expect(budget.held).toBe(0);
  });
});
