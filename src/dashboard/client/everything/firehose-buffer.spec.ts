import { describe, expect, it } from 'vitest';
import type { OperationEvent } from '../log/sdk.js';
import { FirehoseBuffer, MAX_FOLLOWED, MAX_READ, NO_FILTER } from './firehose-buffer.js';

const log = (n: number, level = 'info', id = 'op'): OperationEvent => ({
  event_type: 'log',
  operation_id: id,
  seq: n,
  position: String(n),
  timestamp: n,
  data: { level, message: `line ${n}` },
});
const logs = (from: number, to: number): OperationEvent[] =>
  Array.from({ length: to - from + 1 }, (_, n) => log(from + n));

describe('firehose buffer', () => {
  it('keeps the latest, and its rows keep their numbers', () => {
    const buffer = new FirehoseBuffer();
    expect([buffer.first, buffer.last]).toEqual([1, 0]);
    buffer.add(logs(1, MAX_FOLLOWED), true);
    expect(buffer.row(10)?.seq).toBe(10);
    buffer.add(logs(MAX_FOLLOWED + 1, MAX_FOLLOWED + 100), true);
    expect([buffer.first, buffer.last]).toEqual([101, MAX_FOLLOWED + 100]);
    expect(buffer.row(101)?.seq).toBe(101);
    expect(buffer.row(100)).toBeUndefined();
  });

  it('drops less while somebody reads', () => {
    const buffer = new FirehoseBuffer();
    for (let n = 0; n < 6; n++) buffer.add(logs(n * 10_000 + 1, (n + 1) * 10_000), false);
    expect([buffer.first, buffer.last]).toEqual([60_001 - MAX_READ, 60_000]);
  });

  it('filters what is there and what comes, by text, id, level and type', () => {
    const buffer = new FirehoseBuffer();
    buffer.add([log(1), log(2, 'error'), log(3, 'warn', 'Import-7')], true);
    buffer.filter({ ...NO_FILTER, level: 'warning' });
    expect([buffer.row(1)?.seq, buffer.row(2)?.seq, buffer.last]).toEqual([2, 3, 2]);
    expect(buffer.add([log(4), log(5, 'error')], true)).toEqual({ lines: 1, errors: 1 });
    buffer.filter({ ...NO_FILTER, text: 'IMPORT' });
    expect([buffer.row(1)?.seq, buffer.last]).toEqual([3, 1]);
    buffer.filter({ ...NO_FILTER, text: 'line 5' });
    expect(buffer.row(1)?.seq).toBe(5);
    buffer.filter({ ...NO_FILTER, type: 'progress' });
    expect(buffer.last).toBe(0);
    buffer.filter(NO_FILTER);
    expect(buffer.last).toBe(5);
    buffer.clear();
    expect(buffer.last).toBe(0);
  });
});
