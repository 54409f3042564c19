import { describe, expect, it } from 'vitest';
import { plainText, textOf } from './event-text.js';
import type { OperationEvent } from './sdk.js';

const event = (event_type: string, data: object): OperationEvent =>
  ({ event_type, data, operation_id: 'x', seq: 1, position: '1', timestamp: 0 }) as OperationEvent;
const log = (message: string, details?: object): OperationEvent =>
  event('log', { level: 'warn', message, ...(details && { details }) });

describe('events as rows', () => {
  it.each([
    [
      event('progress', { progress: 0.4049, message: 'Compiling', details: {} }),
      'info',
      '40.4 % · Compiling',
    ],
    [event('progress', { progress: 1, message: '', details: {} }), 'info', '100 %'],
    [event('status', { status: 'testing', message: '12 suites' }), 'info', 'testing · 12 suites'],
    [event('status', { status: 'started' }), 'info', 'started'],
    [event('result', { result: { ok: true } }), 'info', '{"ok":true}'],
    [event('result', { result: 'done' }), 'info', 'done'],
    [event('completed', { status: 'completed', duration: 2.04 }), 'info', 'completed after 2.0 s'],
    [event('error', { error: 'No disk', error_type: 'Full' }), 'error', 'Full: No disk'],
    [event('cancelled', { status: 'cancelled', reason: '' }), 'warning', 'cancelled'],
    [log('careful'), 'warning', 'careful'],
  ])('%#', (one, level, line) => {
    expect(textOf(one)).toMatchObject({ level, line, full: undefined });
  });

  it('shows the first line of several and keeps the rest', () => {
    expect(textOf(log('one\ntwo\r\nthree'))).toMatchObject({ line: 'one', full: 'one\ntwo\nthree' });
    const long = 'x'.repeat(5000);
    expect(textOf(log(long)).full).toBe(long);
    expect(textOf(log(long)).line).toHaveLength(600);
  });

  it('folds what a carriage return overwrote', () => {
    expect(textOf(log(' 10%\r 50%\r100%')).line).toBe('100%');
    expect(textOf(log('done\r')).line).toBe('done');
  });

  it('shows the coloured line instead of the plain one, and copies the plain one', () => {
    const coloured = log('ok', { ansi: '\u001b[32mok\u001b[0m', n: 1 });
    expect(textOf(coloured)).toMatchObject({ line: '\u001b[32mok\u001b[0m', details: { n: 1 } });
    expect(plainText(coloured)).toBe('ok');
    expect(textOf(log('ok', { ansi: 'ok' })).details).toBeUndefined();
  });
});
