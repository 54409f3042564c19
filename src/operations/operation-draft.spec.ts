import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import {
  LIMITS,
  PRODUCER_EVENT_TYPES,
  parseDraft,
  parseMetadata,
  parseOperationId,
  parseOperationType,
} from './operation-draft.js';

const nested = (levels: number): unknown => (levels === 0 ? 'core' : { in: nested(levels - 1) });
const refusal = (attempt: () => unknown): string => {
  try {
    attempt();
  } catch (thrown) {
    if (thrown instanceof OpstreamError) return thrown.code;
    throw thrown;
  }
  return 'accepted';
};

const anyType = fc.oneof(fc.constantFrom(...PRODUCER_EVENT_TYPES, 'completed'), fc.jsonValue());
const anyField = fc.constantFrom(
  'progress',
  'status',
  'message',
  'level',
  'result',
  'error',
  'error_type',
  'reason',
  'details',
  'event_id',
  'operation_id',
  '__proto__',
  'toString',
);
const anyData = fc.oneof(fc.dictionary(anyField, fc.jsonValue(), { maxKeys: 4 }), fc.jsonValue());
const encoded = (type: string, value: object) => JSON.parse(parseDraft(type, value).data) as unknown;

describe('parseOperationId', () => {
  it.each(['550e8400-e29b-41d4-a716-446655440000', 'a', '0', 'run:42@host_1.x', 'x'.repeat(128)])(
    'takes %s (S1-08)',
    (id) => expect(parseOperationId(id)).toBe(id),
  );

  it.each([
    '',
    ' ',
    '.hidden',
    '../../etc/passwd',
    'a/b',
    'a b',
    'a\n',
    'a"',
    'é',
    'x'.repeat(129),
    'a\u0000',
    7,
    null,
    undefined,
    {},
    ['a'],
    true,
  ])('refuses %j, which is no id', (id) => {
    expect(refusal(() => parseOperationId(id))).toBe('invalid_operation_id');
  });
});

describe('parseOperationType', () => {
  it.each(['build', 'mcp.tool/echo', 'Übung macht den Meister', 'x'.repeat(200)])('takes %s', (type) =>
    expect(parseOperationType(type)).toBe(type),
  );

  it.each(['', 'x'.repeat(201), 'two\nlines', 'half \ud83d pair', 'bell\u0007', 3, null, undefined, {}])(
    'refuses %j',
    (type) => expect(refusal(() => parseOperationType(type))).toBe('invalid_request'),
  );
});

describe('parseMetadata', () => {
  it('is empty when absent', () => {
    expect(parseMetadata(undefined)).toEqual({});
    expect(parseMetadata(null)).toEqual({});
  });

  it('is a copy as the log shows it: later changes and what JSON drops are not in it', () => {
    const metadata: Record<string, unknown> = { list: [1], when: new Date(0), drop: undefined };
    const parsed = parseMetadata(metadata);
    (metadata.list as number[]).push(2);
    expect(parsed).toEqual({ list: [1], when: '1970-01-01T00:00:00.000Z' });
  });

  it.each([[[]], ['text'], [7], [true]])('refuses %j, which is no object', (value) =>
    expect(refusal(() => parseMetadata(value))).toBe('invalid_request'),
  );

  it('refuses huge metadata and deep nesting, and takes what is just within', () => {
    expect(refusal(() => parseMetadata({ x: 'x'.repeat(LIMITS.metadata) }))).toBe('payload_too_large');
    expect(refusal(() => parseMetadata({ x: 'x'.repeat(LIMITS.metadata - 8) }))).toBe('accepted');
    expect(refusal(() => parseMetadata(nested(65)))).toBe('invalid_request');
    expect(refusal(() => parseMetadata(nested(64)))).toBe('accepted');
    // Deep enough to overflow the stack of a reader that recurses without a bound.
    let abyss: unknown = 1;
    for (let level = 0; level < 100_000; level++) abyss = [abyss];
    expect(refusal(() => parseMetadata({ abyss }))).toBe('invalid_request');
  });

  it('refuses what JSON cannot express, from callers in this process', () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    expect(refusal(() => parseMetadata(circle))).toBe('invalid_request');
    expect(refusal(() => parseMetadata({ big: 1n }))).toBe('invalid_request');
  });
});

describe('parseDraft', () => {
  it('writes the data of every type as the samples read it (S1-40…45)', () => {
    expect(encoded('progress', { progress: 0.5 })).toEqual({ progress: 0.5, message: '', details: {} });
    expect(encoded('progress', { progress: 1, message: 'm', details: { step: 2 } })).toEqual({
      progress: 1,
      message: 'm',
      details: { step: 2 },
    });
    expect(encoded('status', { status: 'processing' })).toEqual({
      status: 'processing',
      message: '',
      details: {},
    });
    expect(encoded('log', { message: 'hello' })).toEqual({ level: 'info', message: 'hello' });
    expect(encoded('log', { level: 'error', message: 'm', details: { a: 1 } })).toEqual({
      level: 'error',
      message: 'm',
      details: { a: 1 },
    });
    expect(encoded('result', { result: null })).toEqual({ result: null });
    expect(encoded('error', { error: 'bad' })).toEqual({ error: 'bad', error_type: 'UnknownError' });
    expect(encoded('cancelled', {})).toEqual({ status: 'cancelled', reason: '' });
  });

  it.each([NaN, Infinity, -Infinity, -0.001, 1.001, '0.5', null, undefined, true, [0.5], {}])(
    'refuses the progress %s (S1-03)',
    (progress) => {
      expect(refusal(() => parseDraft('progress', { progress }))).toBe('invalid_event');
    },
  );

  it.each([
    ['an unknown type', 'explosion', {}],
    ['completed, which follows from result', 'completed', { status: 'completed' }],
    ['a name every object inherits', 'constructor', {}],
    ['no type', undefined, {}],
    ['an object without primitive form as type', { toString: 1, valueOf: 1 }, {}],
    ['data that is a list', 'log', []],
    ['data that is null', 'log', null],
    ['data that is text', 'log', 'hello'],
    ['a field of no meaning', 'log', { message: 'm', mesage: 'typo' }],
    ['an own __proto__', 'log', JSON.parse('{"message":"m","__proto__":{}}')],
    ['a log without message', 'log', {}],
    ['a message that is a number', 'log', { message: 5 }],
    ['a level that is empty', 'log', { level: '', message: 'm' }],
    ['details that are a list', 'progress', { progress: 0, details: [] }],
    ['a status that is missing', 'status', {}],
    ['a status that is too long', 'status', { status: 'x'.repeat(LIMITS.name + 1) }],
    ['a result that is missing', 'result', {}],
    ['a result that is a function', 'result', { result: () => {} }],
    ['an error that is an object', 'error', { error: { message: 'm' } }],
    ['an error_type that is a number', 'error', { error: 'e', error_type: 5 }],
    ['a reason that is a list', 'cancelled', { reason: [] }],
    ['an event_id that is empty', 'log', { message: 'm', event_id: '' }],
    ['an event_id that is a number', 'log', { message: 'm', event_id: 5 }],
    ['an event_id with half a surrogate pair', 'log', { message: 'm', event_id: 'x\ud800' }],
    ['an event_id that is too long', 'log', { message: 'm', event_id: 'x'.repeat(LIMITS.eventId + 1) }],
  ])('refuses %s', (_what, type, data) => {
    expect(refusal(() => parseDraft(type, data))).toBe('invalid_event');
  });

  it('refuses data that is too large or too deep', () => {
    const big = { message: 'm', details: { x: 'x'.repeat(LIMITS.eventData) } };
    expect(refusal(() => parseDraft('log', big))).toBe('payload_too_large');
    expect(refusal(() => parseDraft('log', { message: 'm', details: nested(64) }))).toBe('invalid_request');
    expect(refusal(() => parseDraft('log', { message: 'm', details: nested(63) }))).toBe('accepted');
  });

  it('allows operation_id and event_id beside the data; they are not part of it', () => {
    const draft = parseDraft('log', { message: 'm', operation_id: 'a', event_id: 'e' });
    expect(draft.eventId).toBe('e');
    expect(JSON.parse(draft.data)).toEqual({ level: 'info', message: 'm' });
    expect(parseDraft('log', { message: 'm', event_id: 'inner' }, 'outer').eventId).toBe('outer');
  });

  it('replaces half a surrogate pair in a text, as a cut line leaves it, and keeps the line', () => {
    expect(JSON.parse(parseDraft('log', { message: 'cut \ud83d' }).data)).toMatchObject({
      message: 'cut \ufffd',
    });
    expect(parseDraft('status', { status: 's', message: '\udc00!' }).message).toBe('\ufffd!');
  });

  it('holds in the snapshot what the log holds: no -0, no live object', () => {
    expect(Object.is(parseDraft('progress', { progress: -0 }).progress, 0)).toBe(true);
    const result = { list: [1] };
    const draft = parseDraft('result', { result });
    result.list.push(2);
    expect(draft.result).toEqual({ list: [1] });
  });

  it('answers any JSON at all with a draft or an error of the catalogue, and a draft is JSON', () => {
    fc.assert(
      fc.property(anyType, anyData, fc.option(fc.jsonValue()), (eventType, value, eventId) => {
        const outcome = refusal(() => {
          const draft = parseDraft(eventType, value, eventId);
          expect(draft.type).toBe(eventType);
          expect(JSON.parse(draft.data)).toBeTypeOf('object');
        });
        expect(['accepted', 'invalid_event', 'invalid_request']).toContain(outcome);
      }),
      { numRuns: 1000 },
    );
  });
});
