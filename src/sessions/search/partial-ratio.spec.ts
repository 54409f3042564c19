import { describe, expect, it } from 'vitest';
import { partialRatio, rounded } from './partial-ratio.js';

const TEXTS = {
  slow: 'bob the database is slow under load',
  payments: 'alice database connection timeout in the payment service payments 3',
  token: 'alice authentication token expired for user oauth',
  short: 'alice short',
  cafe: 'alice café naïve über straße',
  injection: 'bob optimized query while fixing sql injection true',
};

/** Length of the longest common subsequence, by the book. */
function slowly(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, () => 0);
  for (const character of a) {
    const row = [0];
    for (let j = 1; j <= b.length; j++)
      row.push(character === b[j - 1] ? above[j - 1]! + 1 : Math.max(above[j]!, row[j - 1]!));
    above = row;
  }
  return above[b.length]!;
}

describe('partialRatio', () => {
  // As shared-context-server answers, which scores with RapidFuzz.
  it.each([
    ['databse', 'slow', 85.71],
    ['datbase conection', 'payments', 88.24],
    ['authentification', 'token', 87.5],
    ['tokn expird', 'token', 90.91],
    ['zebra', 'token', 60],
    ['oauth', 'slow', 60],
    ['alice database', 'token', 72],
    ['alice database', 'slow', 71.43],
    ['alice database', 'short', 70.59],
    ['alice database', 'cafe', 63.64],
    ['injection sql', 'injection', 76.92],
    ['injection sql', 'payments', 61.54],
    ['cafe', 'cafe', 75],
    ['über', 'cafe', 100],
    ['databse', 'cafe', 50],
    ['databse', 'token', 42.86],
    ['databse', 'injection', 36.36],
    ['databse', 'short', 33.33],
    ['a much longer query than any of the short messages which are stored in there', 'short', 63.64],
  ] as const)('scores %j in the text %s with %d (X-37)', (query, text, score) => {
    expect(rounded(partialRatio(query, TEXTS[text]))).toBe(score);
  });

  it('is the same whichever text comes first, and counts characters, not halves of them', () => {
    expect(partialRatio('🙂🙃', 'smile 🙂🙃')).toBe(100);
    expect(partialRatio('smile 🙂🙃', '🙂🙃')).toBe(100);
    expect(partialRatio('', '')).toBe(100);
    expect(partialRatio('', 'x')).toBe(0);
  });

  it('compares texts longer than a machine word as it does short ones', () => {
    let seed = 7;
    const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    const text = (length: number): string =>
      Array.from({ length }, () => 'abcd'[Math.floor(random() * 4)]).join('');
    for (const length of [5, 31, 32, 33, 64, 65, 100]) {
      const needle = text(length);
      const hay = text(length + 40);
      let expected = 0;
      for (let start = -length + 1; start < hay.length; start++) {
        const part = hay.slice(Math.max(0, start), start + length);
        expected = Math.max(expected, (200 * slowly(needle, part)) / (length + part.length));
      }
      expect(partialRatio(needle, hay)).toBeCloseTo(expected, 9);
      expect(partialRatio(needle, hay, expected + 0.001)).toBe(0);
      expect(partialRatio(needle, hay, expected - 0.001)).toBeCloseTo(expected, 9);
    }
  });
});
