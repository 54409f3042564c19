import { describe, expect, it } from 'vitest';
import { LogOutput } from './log-output.js';

/** A target that fails as it is told to. */
class Target {
  readonly written: string[] = [];
  waiting = 0;
  failure: string | undefined;

  write(text: string, done: (error?: NodeJS.ErrnoException) => void): void {
    if (this.failure !== undefined)
      return done(Object.assign(new Error(this.failure), { code: this.failure }));
    this.written.push(text);
    done();
  }
}

describe('log output', () => {
  it.each(['ENOSPC', 'EIO'])(
    'counts lines lost to %s, and tells how many once it can write again',
    (code) => {
      const target = new Target();
      const output = new LogOutput(target);
      output.write('1\n');
      target.failure = code;
      output.write('2\n');
      output.write('3\n');
      output.write('4\n');
      target.failure = undefined;
      output.write('5\n');
      expect(target.written[0]).toBe('1\n');
      expect(JSON.parse(target.written[1]!)).toMatchObject({
        level: 'warn',
        event: 'log_lines_lost',
        lines: 3,
        msg: '3 lines of this log could not be written',
      });
      expect(target.written.slice(2)).toEqual(['5\n']);
      output.write('6\n');
      expect(target.written.at(-1)).toBe('6\n');
    },
  );

  it('keeps no more than 1 MiB for a reader that is slow, and counts the rest', () => {
    const target = new Target();
    const output = new LogOutput(target);
    target.waiting = 1024 * 1024;
    output.write('lost\n');
    target.waiting = 0;
    output.write('next\n');
    expect(target.written.map((line) => line.includes('"lines":1'))).toEqual([true, false]);
  });

  it('gives up on a reader that has gone', async () => {
    const target = new Target();
    const output = new LogOutput(target);
    target.failure = 'EPIPE';
    output.write('lost\n');
    target.failure = undefined;
    output.write('not tried\n');
    target.waiting = 10;
    await output.flush(60_000);
    expect(target.written).toEqual([]);
  });

  it('writes lines as its format says', () => {
    const target = new Target();
    new LogOutput(target, (line) => `> ${line}`).write('x\n');
    expect(target.written).toEqual(['> x\n']);
  });
});
