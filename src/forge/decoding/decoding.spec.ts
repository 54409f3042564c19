import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recordedFrames } from '../../../test/harness/forge-fixtures.js';
import { DiffDecoder } from './diff-decoder.js';
import { decodeFrame, type PatchOperation } from './frame.js';
import { LogDecoder, type LogLine } from './log-decoder.js';
import { PatchedCollection } from './patched-collection.js';

const fold = (root: string, name: string) => {
  const collection = new PatchedCollection(root);
  for (const frame of recordedFrames(name)) {
    if (frame.kind === 'patch') collection.apply(frame.operations);
  }
  return collection.values;
};

const linesIn = (name: string): LogLine[] => {
  const decoder = new LogDecoder();
  return recordedFrames(name).flatMap((frame) => decoder.accept(frame));
};

const entry = (index: number) =>
  decodeFrame(
    {
      JsonPatch: [{ op: 'add', path: `/entries/${index}`, value: { type: 'STDOUT', content: `${index}\n` } }],
    },
    '',
  );

describe('Decoding what a real Forge sends', () => {
  it('X-63: the diff stream folds into the files that differ', () => {
    const decoder = new DiffDecoder();
    const updates = recordedFrames('diff').flatMap((frame) => decoder.accept(frame));
    expect(decoder.files.sort()).toEqual(['README.md', 'added.txt', 'delete-me.txt', 'src/deep/a~b.txt']);
    // The follow-up wrote two of the files again without changing them.
    expect(updates.map(({ file, change }) => `${change} ${file}`)).toEqual([
      'added added.txt',
      'modified README.md',
      'added src/deep/a~b.txt',
      'deleted delete-me.txt',
      'modified README.md',
    ]);
    expect(updates[4]!.changes).toEqual([
      expect.objectContaining({ newContent: 'hello\nedited by agent\nedited by agent\n' }),
    ]);
  });

  it('X-63: a replay on a new socket gives no update twice, and one for what changed meanwhile', () => {
    const decoder = new DiffDecoder();
    const frames = recordedFrames('diff-after-finish');
    expect(frames.slice(0, 4).flatMap((frame) => decoder.accept(frame))).toHaveLength(4);
    decoder.reset();
    const again = recordedFrames('diff').flatMap((frame) => decoder.accept(frame));
    expect(again.map(({ file }) => file)).toEqual(['README.md']);
  });

  it('X-63: the diff of a merged attempt ends with finished', () => {
    expect(recordedFrames('diff-after-merge').map(({ kind }) => kind)).toEqual([
      'patch',
      'patch',
      'patch',
      'patch',
      'finished',
    ]);
  });

  it('X-63: log chunks become lines per stream; a half line waits for its rest', () => {
    const expected = [
      { stream: 'stderr', text: 'setup-err-1' },
      { stream: 'stdout', text: 'setup-out-1' },
      { stream: 'stdout', text: 'no newline then rest' },
      { stream: 'stdout', text: '\u001b[31mred\u001b[0m' },
      { stream: 'stdout', text: 'done-setup' },
    ];
    expect(linesIn('raw-logs-setup')).toEqual(expected);
    expect(linesIn('raw-logs-setup-replay')).toEqual(expected);
    expect(linesIn('raw-logs-agent-live')).toEqual(linesIn('raw-logs-agent-replay'));
    expect(linesIn('raw-logs-agent-live').map(({ text }) => text.slice(0, 22))).toEqual([
      'fake-agent: warming up',
      '{"type":"system","subt',
      '{"type":"assistant","m',
      '{"type":"assistant","m',
      '{"type":"result","subt',
    ]);
  });

  it('X-63: processes, tasks and drafts fold to their last state', () => {
    const processes = [...fold('execution_processes', 'execution-processes').values()] as {
      status: string;
      run_reason: string;
    }[];
    expect(processes.map(({ run_reason, status }) => `${run_reason} ${status}`)).toEqual([
      'setupscript completed',
      'codingagent completed',
      'codingagent killed',
    ]);
    const tasks = [...fold('tasks', 'tasks-stream').values()] as { title: string; status: string }[];
    expect(tasks.map(({ title, status }) => `${title}: ${status}`)).toEqual(['Add a file: done']);
    expect(fold('tasks', 'tasks-stream-unknown-project').size).toBe(0);
    expect(fold('drafts', 'drafts').size).toBe(1);
    expect(fold('entries', 'normalized-logs-agent-live').size).toBe(
      fold('entries', 'normalized-logs-agent-replay').size,
    );
  });
});

describe('Decoding what document 000 describes', () => {
  it('S0-44: {file, changes} is an update, each time it comes', () => {
    const decoder = new DiffDecoder();
    const frame = decodeFrame({ file: 'src/a.ts', changes: [{ add: 'x' }] }, '');
    expect(decoder.accept(frame)).toEqual([
      { file: 'src/a.ts', change: 'modified', changes: [{ add: 'x' }], fingerprint: null },
    ]);
    expect(decoder.accept(frame)).toHaveLength(1);
    for (const garbage of ['text', 5, null, [], {}, { file: 7 }, { JsonPatch: 'x' }]) {
      expect(decoder.accept(decodeFrame(garbage, 'raw'))).toEqual([]);
    }
  });

  it('S0-46: log frames are lines of text, also those that happen to be JSON', () => {
    const decoder = new LogDecoder();
    const texts = ['one', 'two\nthree\n', '42', '{ "a": 1 }', ''];
    const lines = texts.flatMap((text) => decoder.accept(decodeFrame(parsed(text), text)));
    expect(lines.map(({ text }) => text)).toEqual(['one', 'two', 'three', '42', '{ "a": 1 }']);
  });
});

describe('Tolerance', () => {
  const operation: fc.Arbitrary<PatchOperation> = fc.record({
    op: fc.constantFrom('add', 'replace', 'remove'),
    path: fc.oneof(
      fc.tuple(fc.constant('tasks'), fc.constantFrom('a', 'b', 'c/d', '__proto__', '')),
      fc.constant(['tasks']),
      fc.array(fc.string(), { maxLength: 3 }),
    ),
    value: fc.oneof(fc.jsonValue(), fc.dictionary(fc.constantFrom('a', 'b'), fc.jsonValue())),
  });

  it('X-63: any sequence of patches folds as upserts and removals, and the changes tell all of it', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        const folded = new PatchedCollection('tasks');
        const fromChanges = new Map<string, unknown>();
        for (const one of operations) {
          for (const { key, before, after } of folded.apply([one])) {
            expect(before).toEqual(fromChanges.get(key));
            if (after === undefined) fromChanges.delete(key);
            else fromChanges.set(key, after);
          }
        }
        expect(fromChanges).toEqual(new Map(folded.values));
      }),
    );
  });

  it('X-63: applying a frame twice changes nothing', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 20 }), operation, (before, last) => {
        const once = new PatchedCollection('tasks');
        once.apply([...before, last]);
        const twice = new PatchedCollection('tasks');
        twice.apply([...before, last, last]);
        expect(new Map(twice.values)).toEqual(new Map(once.values));
      }),
    );
  });

  it('X-63: log entries that come twice or late are taken once and not lost', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 30 }), { maxLength: 80 }), (order) => {
        const decoder = new LogDecoder();
        const lines = order.flatMap((index) => decoder.accept(entry(index))).map(({ text }) => Number(text));
        expect(lines.toSorted((a, b) => a - b)).toEqual([...new Set(order)].sort((a, b) => a - b));
      }),
    );
  });

  it('never throws, whatever a frame holds', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (message, operations) => {
        for (const frame of [decodeFrame(message, 'x'), decodeFrame({ JsonPatch: operations }, 'x')]) {
          new DiffDecoder().accept(frame);
          new LogDecoder().accept(frame);
        }
      }),
    );
  });

  it('leaves out file contents that are too large, and says so', () => {
    const content = { change: 'added', newPath: 'big', oldContent: null, newContent: 'x'.repeat(2_000_000) };
    const frame = decodeFrame(
      { JsonPatch: [{ op: 'add', path: '/entries/big', value: { type: 'DIFF', content } }] },
      '',
    );
    const [update] = new DiffDecoder().accept(frame);
    expect(update!.changes).toEqual([
      { change: 'added', newPath: 'big', oldContent: null, newContent: null, contentOmitted: true },
    ]);
    expect(update!.beginning).toBe(JSON.stringify([content]).slice(0, 200));
  });
});

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
