import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { foldLog } from './testing/fold-log.contract.js';
import { anyDraft } from './testing/arbitraries.contract.js';
import { parseDraft } from './operation-draft.js';
import { isFinal, RecordedEvent } from './operation-event.js';
import {
  duration,
  isActive,
  open,
  record,
  type NumberedEvent,
  type Operation,
  type Transition,
} from './operation.js';
import { toSnapshot } from './operation-snapshot.js';

const AT = 1_700_000_000.5;
const opened = () =>
  open({ tenant: 't', operationId: 'op', operationType: 'build', metadata: { k: 1 } }, 1, AT);
/** An answer to what was never asked is refused, and changes nothing. */
function recordUnlessRefused(...args: Parameters<typeof record>): Transition | undefined {
  try {
    return record(...args);
  } catch (thrown) {
    if (args[1].input && thrown instanceof OpstreamError) return undefined;
    throw thrown;
  }
}
const draft = (type: string, data: object) => parseDraft(type, data);
const asLog = (events: readonly NumberedEvent[]) =>
  events.map((event, n) => new RecordedEvent({ tenant: 't', operationId: 'op', position: n + 1, ...event }));

describe('state machine', () => {
  it.each([
    ['result', { result: 1 }, 'completed'],
    ['error', { error: 'e' }, 'error'],
    ['cancelled', {}, 'cancelled'],
  ])('ends by %s; a final state is final', (type, data, state) => {
    const ended = record(opened().operation, draft(type, data), AT + 2).operation;
    expect(ended).toMatchObject({ state, status: state, endedAt: AT + 2 });
    expect(isActive(ended)).toBe(false);
    for (const [next, body] of [
      ['log', { message: 'm' }],
      ['result', { result: 2 }],
      ['error', { error: 'e' }],
      ['cancelled', {}],
    ] as const) {
      const attempt = () => record(ended, draft(next, body), AT + 3);
      expect(attempt).toThrowError(OpstreamError);
      expect(attempt).toThrowError(expect.objectContaining({ code: 'operation_ended' }));
    }
  });

  it('follows a result with completed and the duration in seconds (S1-44, S1-54)', () => {
    const { operation, events } = record(opened().operation, draft('result', { result: 'r' }), AT + 15.767);
    expect(events.map(({ seq, type }) => [seq, type])).toEqual([
      [2, 'result'],
      [3, 'completed'],
    ]);
    expect(JSON.parse(events[1]!.data)).toEqual({ status: 'completed', duration: 15.767 });
    expect(operation).toMatchObject({ eventCount: 3, progress: 1, result: 'r' });
  });

  it('knows no negative duration, even when the clock was set back', () => {
    expect(duration(opened().operation, AT - 100)).toBe(0);
  });

  it('keeps any status while running and is active whatever it says (X-11, C5)', () => {
    const processing = record(opened().operation, draft('status', { status: 'processing' }), AT).operation;
    expect(processing).toMatchObject({ state: 'running', status: 'processing' });
    for (const status of ['completed', 'error', 'cancelled']) {
      const { operation, events } = record(processing, draft('status', { status, message: 'said' }), AT);
      expect(operation).toMatchObject({ state: 'running', status: 'processing', message: 'said' });
      expect(isActive(operation)).toBe(true);
      expect(JSON.parse(events[0]!.data)).toMatchObject({ status });
    }
  });

  it('takes no argument apart: the operation before a record is unchanged', () => {
    const before = opened().operation;
    const copy = structuredClone(before);
    record(before, draft('progress', { progress: 0.5 }), AT + 1);
    expect(before).toEqual(copy);
  });

  it('is a fold of its log: any drafts leave the snapshot that the events alone tell (property)', () => {
    fc.assert(
      fc.property(fc.array(anyDraft(), { maxLength: 30 }), (drafts) => {
        const first = opened();
        let operation: Operation = first.operation;
        const events = [...first.events];
        drafts.forEach((each, n) => {
          if (!isActive(operation)) return;
          const transition = recordUnlessRefused(operation, each, AT + n);
          if (!transition) return;
          operation = transition.operation;
          events.push(...transition.events);
        });
        expect(foldLog(asLog(events), operation.number)).toEqual(operation);
        expect(events.map(({ seq }) => seq)).toEqual(events.map((_, n) => n + 1));
        expect(events.filter(({ type }) => isFinal(type))).toHaveLength(isActive(operation) ? 0 : 1);
        if (!isActive(operation)) expect(isFinal(events.at(-1)!.type)).toBe(true);
        expect(operation.eventCount).toBe(events.length);
      }),
    );
  });
});

describe('toSnapshot', () => {
  it('shows the seven fields of the samples and what was added (S1-47, S1-49)', () => {
    const running = toSnapshot(opened().operation);
    expect(running).toEqual({
      operation_id: 'op',
      operation_type: 'build',
      started_at: AT,
      status: 'running',
      progress: 0,
      metadata: { k: 1 },
      event_count: 1,
      message: '',
      updated_at: AT,
      ended_at: null,
      duration: null,
      first_seq: 1,
      log_counts: { debug: 0, info: 0, warning: 0, error: 0 },
    });
    const ended = record(opened().operation, draft('result', { result: null }), AT + 2).operation;
    expect(toSnapshot(ended)).toMatchObject({ status: 'completed', duration: 2, result: null });
    expect(toSnapshot(ended, false)).not.toHaveProperty('result');
  });
});

describe('RecordedEvent', () => {
  it('is the same JSON as its fields, whatever text is in it', () => {
    fc.assert(
      fc.property(anyDraft(), fc.integer({ min: 1 }), (each, seq) => {
        const event = new RecordedEvent({
          tenant: 't',
          operationId: 'run:1@x',
          seq,
          position: seq + 5,
          type: each.type,
          timestamp: AT,
          data: each.data,
        });
        expect(JSON.parse(event.json)).toEqual({
          event_type: each.type,
          operation_id: 'run:1@x',
          seq,
          position: String(seq + 5),
          timestamp: AT,
          data: JSON.parse(each.data) as unknown,
        });
      }),
    );
  });
});
