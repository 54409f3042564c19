import { describe, expect, it } from 'vitest';
import { MAX_LIST, mostShared, trigramsToLookUp } from './rank-by-trigrams.js';

describe('ranking by trigrams', () => {
  it('counts in how many lists a place is, most first, of equals the last', () => {
    const lists = [[0, 2, 4], [2, 4], [4, 5], []];
    expect(mostShared(lists, 6)).toEqual([4, 2, 5, 0]);
    expect(mostShared([], 3)).toEqual([]);
  });

  it('counts a list that was cut only between equals', () => {
    const cut = Array.from({ length: MAX_LIST }, (_, n) => 5000 - n);
    const ranked = mostShared([[0, 7, 4000], cut, cut], 5001);
    expect(ranked.slice(0, 4)).toEqual([4000, 7, 0, 5000]);
  });

  it('looks up the rarest, and of the common ones as many as may be counted', () => {
    const sample = ['the cat', 'the dog', 'the end', 'a fox'];
    expect(trigramsToLookUp(['the', 'cat', 'xyz'], sample, 4)).toEqual(['xyz', 'cat', 'the']);
    // In a large session `the` alone would be more than may be counted: only two common ones are.
    expect(trigramsToLookUp(['the', 'cat', 'dog', 'xyz'], sample, 1_000_000)).toEqual(['xyz', 'cat', 'dog']);
  });

  it('takes long queries evenly over their length', () => {
    const trigrams = Array.from({ length: 240 }, (_, n) => `t${n}`);
    const taken = trigramsToLookUp(trigrams, [], 10);
    expect(taken).toHaveLength(24);
    expect(taken.at(-1)).toBe('t230');
  });
});
