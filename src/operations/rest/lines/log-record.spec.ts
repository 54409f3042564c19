import { describe, expect, it } from 'vitest';
import { draftsOf } from './log-record.js';

const recorded = (record: object): unknown => {
  const [draft, ...others] = draftsOf({ kind: 'line', text: JSON.stringify(record) }, 'op');
  expect(others).toEqual([]);
  return JSON.parse(draft!.data);
};

describe('levels of log records', () => {
  it.each([
    [0, 'emergency'],
    [1, 'alert'],
    [2, 'critical'],
    [3, 'error'],
    [4, 'warning'],
    [5, 'notice'],
    [6, 'info'],
    [7, 'debug'],
    [10, 'trace'],
    [20, 'debug'],
    [30, 'info'],
    [40, 'warn'],
    [50, 'error'],
    [60, 'fatal'],
    [99, '99'],
    ['3', 'error'],
    [' WARNING ', 'warning'],
    ['x'.repeat(300), 'x'.repeat(200)],
  ])('%s is %s', (level, name) => {
    expect(recorded({ message: 'text', level })).toEqual({ message: 'text', level: name });
  });

  it.each(['level', 'levelname', 'severity', 'severity_text', 'lvl', 'PRIORITY'])(
    'stand in %s, which is then no detail',
    (member) => {
      const record = { msg: 'text', [member]: 'error', host: 'a' };
      expect(recorded(record)).toEqual({ message: 'text', level: 'error', details: { host: 'a' } });
    },
  );
});
