import { expect, it } from 'vitest';
import { Backlog } from './backlog.js';

it('gives what it kept away once, in order', () => {
  const backlog = new Backlog();
  backlog.add('a');
  backlog.add('b');
  expect(backlog.take()).toEqual(['a', 'b']);
  expect(backlog.take()).toEqual([]);
});

it('is bounded by number and size, and the newest message always stays', () => {
  const backlog = new Backlog();
  for (let n = 0; n < 150; n++) backlog.add(`${n}`);
  expect(backlog.take()).toEqual(Array.from({ length: 100 }, (_none, n) => `${n + 50}`));
  for (const letter of 'abc') backlog.add(letter.repeat(300_000));
  expect(backlog.take().map(([letter]) => letter)).toEqual(['c']);
  backlog.add('x'.repeat(2_000_000));
  expect(backlog.take()).toHaveLength(1);
});
