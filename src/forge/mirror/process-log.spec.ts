import { describe, expect, it } from 'vitest';
import { DiffDecoder } from '../decoding/diff-decoder.js';
import { MirrorRecord } from './mirror-record.js';
import { ProcessLog } from './process-log.js';

const ESC = '\u001B';

const recorded = (record: MirrorRecord, text: string) => {
  const events = new ProcessLog('p', record).acceptText(text, true);
  for (const { details } of events) record.note(details);
  return events.map(({ draft }) => JSON.parse(draft.data) as object);
};

describe('ProcessLog', () => {
  it('records plain lines with their colours beside them, and the last state of what was drawn over', () => {
    const text = `plain\n${ESC}[31mred\nstill${ESC}[0m${ESC}]0;title\u0007\n10%\r${ESC}[32m100%${ESC}[0m\n`;
    expect(recorded(new MirrorRecord(new DiffDecoder()), text)).toMatchObject([
      { message: 'plain', details: { kind: 'log', line: 1 } },
      { message: 'red', details: { line: 2, ansi: `${ESC}[31mred${ESC}[0m` } },
      { message: 'still', details: { line: 3, ansi: `${ESC}[31mstill${ESC}[0m` } },
      { message: '100%', details: { line: 4, ansi: `${ESC}[32m100%${ESC}[0m` } },
    ]);
  });

  it('knows after a restart which colour lasts, from lines that it does not record again', () => {
    const record = new MirrorRecord(new DiffDecoder());
    recorded(record, `${ESC}[31mred\n`);
    expect(recorded(record, `${ESC}[31mred\nstill\n`)).toMatchObject([
      { message: 'still', details: { line: 2, ansi: `${ESC}[31mstill${ESC}[0m` } },
    ]);
  });
});
