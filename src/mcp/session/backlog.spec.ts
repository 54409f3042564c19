import { describe, expect, it } from 'vitest';
import { Backlog } from './backlog.js';

describe('Backlog', () => {
  it('gives what it kept away once, in order', () => {
    const backlog = new Backlog();
    backlog.addReport('a');
    backlog.addAnswer('b');
    backlog.addReport('c');
    expect(backlog.take()).toEqual(['a', 'b', 'c']);
    expect(backlog.take()).toEqual([]);
  });

  it('bounds reports by number and size, and the newest always stays', () => {
    const backlog = new Backlog();
    for (let n = 0; n < 150; n++) backlog.addReport(`${n}`);
    expect(backlog.take()).toEqual(Array.from({ length: 100 }, (_none, n) => `${n + 50}`));
    for (const letter of 'abc') backlog.addReport(letter.repeat(300_000));
    expect(backlog.take().map(([letter]) => letter)).toEqual(['c']);
    backlog.addReport('x'.repeat(2_000_000));
    expect(backlog.take()).toHaveLength(1);
  });

  it('loses no answer to reports, however many', () => {
    const backlog = new Backlog();
    backlog.addAnswer('answer');
    for (let n = 0; n < 1000; n++) backlog.addReport('r'.repeat(1000));
    expect(backlog.take()[0]).toBe('answer');
  });

  it('keeps one message of each topic, and loses none to reports', () => {
    const backlog = new Backlog();
    backlog.addOnce('tools', 'tools changed');
    backlog.addOnce('tools', 'tools changed');
    for (let n = 0; n < 200; n++) backlog.addReport(`${n}`);
    backlog.addOnce('prompts', 'prompts changed');
    const kept = backlog.take();
    expect(kept.filter((message) => message.endsWith('changed'))).toEqual([
      'tools changed',
      'prompts changed',
    ]);
  });
});
