import { describe, expect, it } from 'vitest';
import { readableLine } from './readable-line.js';

const plain = (_format: unknown, text: string): string => text;
const time = '2026-11-28T07:30:00.000Z';
const clock = new Date(time).toTimeString().slice(0, 8);

describe('a readable line of the log', () => {
  it('has time, level, part, text and what else is known', () => {
    const line = JSON.stringify({
      level: 'warn',
      time,
      context: 'Hub',
      event: 'refused',
      status: 401,
      msg: 'No',
    });
    expect(readableLine(line, plain)).toBe(`${clock} WARN  [Hub] refused No status=401\n`);
  });

  it('shows stacks below the entry', () => {
    const error = { type: 'Error', message: 'gone', stack: 'Error: gone\n    at x' };
    const line = JSON.stringify({ level: 'error', time, context: 'Opstream', error, msg: 'gone' });
    expect(readableLine(line, plain)).toBe(`${clock} ERROR [Opstream] gone\n    Error: gone\n        at x\n`);
  });

  it('lets nothing that a client sent move the cursor', () => {
    const msg = '\u001B[2J\u009B2Jx\ny\u202Ez';
    expect(readableLine(JSON.stringify({ level: 'info', time, msg }), plain)).toBe(`${clock} INFO  x y z\n`);
  });

  it('passes on what is not JSON', () => {
    expect(readableLine('plain\n', plain)).toBe('plain\n');
  });
});
