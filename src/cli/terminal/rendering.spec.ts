import { describe, expect, it } from 'vitest';
import type { EventData, EventType, FollowedEvent } from '../../client/index.js';
import { eventLine } from './event-line.js';
import { operationTable } from './operation-table.js';
import { cellWidth } from './printable.js';
import { elapsedText, progressRow } from './progress-row.js';
import { plain } from './style.js';

const shown = <Type extends EventType>(type: Type, data: EventData[Type]): string => {
  const timestamp = Date.now() / 1000;
  const event = { event_type: type, operation_id: 'op', seq: 1, position: '1', timestamp, data };
  return eventLine(event as FollowedEvent, plain).replace(/^\d\d:\d\d:\d\d {2}/, '');
};

describe('event lines', () => {
  it('S1-34 say what happened in words', () => {
    expect(shown('progress', { progress: 0.299, message: 'Half\nway', details: {} })).toBe(' 29% Half way');
    expect(shown('status', { status: 'processing', message: 'Reading' })).toBe('processing Reading');
    expect(shown('status', { status: 'agent failed', message: 'agent failed' })).toBe('agent failed');
    expect(shown('status', { status: 'run', message: 'run with 3' })).toBe('run with 3');
    expect(shown('status', { status: 'run', message: 'runners' })).toBe('run runners');
    expect(shown('log', { level: 'info', message: 'one\ntwo' })).toBe('one\n          two');
    expect(shown('log', { level: 'debug', message: 'detail' })).toBe('detail');
    expect(shown('log', { level: 'error', message: 'odd' })).toBe('error odd');
    expect(shown('completed', { status: 'completed', duration: 15.767 })).toBe('✓ completed in 15.77s');
    expect(shown('error', { error: 'no', error_type: 'ValidationError' })).toBe('✗ ValidationError: no');
    expect(shown('cancelled', { status: 'cancelled', reason: '' })).toBe('■ cancelled');
  });

  it('shorten a huge result and keep control characters away', () => {
    expect(shown('result', { result: 'x'.repeat(5000) })).toMatch(/x… \(5002 characters\)$/);
    expect(shown('result', { result: '\u001B[2J\u009B' })).toBe('result "\\u001b[2J"');
  });

  it('name the day of what was recorded on another one, and leave texts in their order', () => {
    const timestamp = new Date(2025, 0, 2, 3, 4, 5).getTime() / 1000;
    const data = { level: 'info', message: 'a\u202Eb' };
    const event = { event_type: 'log', operation_id: 'op', seq: 1, position: '1', timestamp, data } as const;
    expect(eventLine(event as FollowedEvent, plain)).toBe('2025-01-02 03:04:05  ab');
  });

  it('name what is no longer kept', () => {
    const notice = {
      event_type: 'history_trimmed',
      operation_id: 'op',
      timestamp: 1,
      data: { first_seq: 12 },
    } as const;
    expect(eventLine(notice, plain)).toContain('no longer kept; the log begins with event 12');
  });
});

describe('progress rows', () => {
  const row = { label: 'abc job', progress: 0.5, message: 'Half of 日本', startedAt: 100 };

  it('show bar, percentage, label, time and message', () => {
    expect(progressRow(row, 80, 112.9, plain)).toBe(
      `${'█'.repeat(12)}${'░'.repeat(12)}  50% abc job 12s Half of 日本`,
    );
  });

  it('fit any width, so that a redraw knows its rows', () => {
    for (let columns = 31; columns < 90; columns++) {
      expect(cellWidth(progressRow(row, columns, 112, plain))).toBeLessThanOrEqual(columns);
    }
  });

  it('leave room for the text on a narrow terminal', () => {
    expect(progressRow(row, 39, 112, plain)).toBe('████░░░░  50% abc job 12s Half of 日本');
  });

  it('tell times in few letters', () => {
    expect([0, 59.9, 60, 3599, 3600, 7384, -5].map(elapsedText)).toEqual([
      '0s',
      '59s',
      '1m00s',
      '59m59s',
      '1h00m',
      '2h03m',
      '0s',
    ]);
  });
});

describe('operation tables', () => {
  it('align, cut to the terminal and show nothing harmful', () => {
    const snapshot = {
      operation_id: 'id-1',
      operation_type: 'job\u001B[31m',
      started_at: 0,
      status: 'running',
      progress: 0.25,
      metadata: {},
      event_count: 1,
      message: 'a long message that does not fit',
      updated_at: 0,
      ended_at: 1,
      duration: 61,
      first_seq: 1,
      log_counts: { debug: 0, info: 0, warning: 0, error: 0 },
    };
    const lines = operationTable([snapshot], {}).split('\n');
    expect(lines[0]).toBe('OPERATION  TYPE  STATUS   DONE  TIME   MESSAGE');
    expect(lines[1]).toBe('id-1       job   running  25%   1m01s  a long message that does not fit');
    const narrow = operationTable([snapshot], { isTTY: true, columns: 40 });
    expect(narrow.split('\n')[1]).toBe('id-1       job   running  25%   1m01s  …');
    const noisy = { ...snapshot, log_counts: { debug: 1, info: 1, warning: 1, error: 12 } };
    expect(operationTable([noisy, snapshot], {}).split('\n')).toEqual([
      'OPERATION  TYPE  STATUS   DONE  TIME   LOG             MESSAGE',
      'id-1       job   running  25%   1m01s  12 err, 1 warn  a long message that does not fit',
      'id-1       job   running  25%   1m01s                  a long message that does not fit',
      '',
    ]);
    const id = '0199d7f2-1111-4222-8333-444455556666';
    const long = { ...noisy, operation_id: id, operation_type: 'run/some-long-program' };
    for (const columns of [40, 60, 80]) {
      const [, row = ''] = operationTable([long], { isTTY: true, columns }).split('\n');
      expect(cellWidth(row)).toBeLessThanOrEqual(columns);
      expect(row).toContain('running');
      expect(row.slice(0, 8)).toBe(id.slice(0, 8));
    }
  });
});
