import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { changeInputs, endInputs, INPUT_LIMITS, NO_INPUTS, type InputChange } from './operation-input.js';

const asks = (key: string, expiresAt: number | null = null): InputChange => ({
  kind: 'requested',
  key,
  message: `${key}?`,
  schema: null,
  expiresAt,
});
const answers = (key: string, by: string, request?: number): InputChange => ({
  kind: 'answered',
  key,
  by,
  answer: 1,
  ...(request !== undefined && { request }),
});

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (thrown) {
    if (thrown instanceof OpstreamError) return `${thrown.code}: ${thrown.message}`;
    throw thrown;
  }
  return 'accepted';
}

describe('input requests', () => {
  it('asks, is answered once, and says to the second who was first', () => {
    const asked = changeInputs(NO_INPUTS, asks('a'), 2, 10);
    expect(asked).toMatchObject({ status: 'input_required', message: 'a?' });
    const answered = changeInputs(asked.inputs, answers('a', 'ann'), 3, 11);
    expect(answered).toMatchObject({ status: 'running', inputs: { open: [] } });
    expect(JSON.parse(answered.data)).toMatchObject({
      input: { state: 'answered', key: 'a', by: 'ann', answer: 1, request_seq: 2 },
    });
    expect(refusal(() => changeInputs(answered.inputs, answers('a', 'bob'), 4, 12))).toBe(
      'input_closed: The input "a" was answered by ann',
    );
    expect(refusal(() => changeInputs(answered.inputs, answers('b', 'bob'), 4, 12))).toMatch(
      /^input_not_found/,
    );
  });

  it('stays input_required until the last one is closed, and shows its message', () => {
    const { inputs } = changeInputs(changeInputs(NO_INPUTS, asks('a'), 2, 10).inputs, asks('b'), 3, 10);
    const closed = changeInputs(inputs, { kind: 'withdrawn', key: 'b', by: null }, 4, 11);
    expect(closed).toMatchObject({ status: 'input_required', message: 'a?' });
  });

  it('takes no answer after the time is over, before anybody has recorded that it is', () => {
    const { inputs } = changeInputs(NO_INPUTS, asks('a', 20), 2, 10);
    expect(refusal(() => changeInputs(inputs, answers('a', 'ann'), 3, 20))).toMatch(/^input_closed.*expired/);
    expect(changeInputs(inputs, answers('a', 'ann'), 3, 19.9).status).toBe('running');
    expect(changeInputs(inputs, { kind: 'expired', key: 'a', by: null, request: 2 }, 3, 20).status).toBe(
      'running',
    );
  });

  it('does not take an answer that was validated for another request of the same key', () => {
    const first = changeInputs(NO_INPUTS, asks('a'), 2, 10);
    const { inputs } = changeInputs(first.inputs, { kind: 'withdrawn', key: 'a', by: null }, 3, 11);
    const second = changeInputs(inputs, asks('a'), 4, 12);
    expect(refusal(() => changeInputs(second.inputs, answers('a', 'ann', 2), 5, 13))).not.toBe('accepted');
    expect(changeInputs(second.inputs, answers('a', 'ann', 4), 5, 13).status).toBe('running');
  });

  it('is bounded, and one key is open once (property)', () => {
    const change = fc.oneof(
      fc.integer({ min: 0, max: 20 }).map((n) => asks(`k${n}`, n % 3 === 0 ? n : null)),
      fc.integer({ min: 0, max: 20 }).map((n) => answers(`k${n}`, 'ann')),
    );
    fc.assert(
      fc.property(fc.array(change, { maxLength: 120 }), (changes) => {
        let inputs = NO_INPUTS;
        for (const [index, each] of changes.entries()) {
          const before = inputs;
          let made: ReturnType<typeof changeInputs>;
          try {
            made = changeInputs(inputs, each, index + 2, 5);
          } catch (thrown) {
            expect(thrown).toBeInstanceOf(OpstreamError);
            expect(inputs).toBe(before);
            continue;
          }
          inputs = made.inputs;
          const keys = inputs.open.map(({ key }) => key);
          expect(new Set(keys).size).toBe(keys.length);
          expect(inputs.open.length).toBeLessThanOrEqual(INPUT_LIMITS.open);
          expect(inputs.closed.length).toBeLessThanOrEqual(INPUT_LIMITS.closed);
          expect(made.status).toBe(keys.length > 0 ? 'input_required' : 'running');
          expect(each.kind === 'requested').toBe(keys.includes(each.key));
        }
        expect(endInputs(inputs).open).toEqual([]);
      }),
    );
  });
});
