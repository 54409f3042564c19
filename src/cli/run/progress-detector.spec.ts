import { describe, expect, it } from 'vitest';
import { detectProgress } from './progress-detector.js';

describe('detectProgress', () => {
  it.each([
    ['50%', 0.5],
    ['Downloading:  7 % of 3 MB', 0.07],
    ['[####      ] 12.5%', 0.125],
    ['33,3 %', 0.333],
    ['100%', 1],
    ['0%', 0],
    ['first 10% then 20%', 0.2],
    ['cpu 350% done 40%', 0.4],
    ['[3/4] Linking', 0.75],
    ['(10/40)', 0.25],
    ['step 2 / 8', 0.25],
    ['Processed 10 of 100 items', 0.1],
    ['12/12', 1],
    ['checked 30/40 files', 0.75],
    ['[2/4] 60%', 0.6],
    ['Test Files  3/10 (7 pending).', 0.3],
  ])('S1-59 %s', (text, progress) => {
    expect(detectProgress(text)).toBeCloseTo(progress, 10);
  });

  it.each([
    'nothing here',
    '',
    'released 2024/01/02',
    'src/1/2/file.ts',
    'http://10/20',
    'ratio 5/4',
    '3/0',
    '250%',
    'v1/2',
    '1/2/3',
    'and/or',
    'one of 3',
    '-5%',
    'x50%',
  ])('finds none in "%s"', (text) => {
    expect(detectProgress(text)).toBeUndefined();
  });

  it('takes no time worth mentioning for hostile lines', () => {
    const before = process.cpuUsage();
    for (const text of [
      '1'.repeat(16_000),
      '1/'.repeat(8000),
      '1 of '.repeat(3000),
      '9%'.repeat(8000),
      ' '.repeat(16_000),
    ]) {
      detectProgress(text);
    }
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(1000);
  });
});
