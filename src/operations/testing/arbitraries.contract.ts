import * as fc from 'fast-check';
import { attributed, inputDraft, parseDraft, type EventDraft } from '../operation-draft.js';
import type { InputChange } from '../operation-input.js';

/** Texts of every script, with control characters and halves of surrogate pairs. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom('cut \ud83d', '\udc00 rest'),
);
const details = fc.option(fc.dictionary(text, fc.jsonValue(), { maxKeys: 3 }), { nil: undefined });
const unit = fc.double({ min: 0, max: 1, noNaN: true });

const shapes = {
  progress: fc.record({ progress: unit, message: text, details }),
  status: fc.record({
    status: fc.constantFrom('processing', 'waiting', 'completed', 'error', 'cancelled'),
    message: text,
    details,
  }),
  log: fc.record({ level: fc.constantFrom('debug', 'info', 'warning', 'error'), message: text, details }),
  result: fc.record({ result: fc.jsonValue() }),
  error: fc.record({
    error: text,
    error_type: fc.option(fc.constant('ValidationError'), { nil: undefined }),
  }),
  cancelled: fc.record({ reason: text }),
};

const inputKey = fc.constantFrom('x', 'y');
const schema = fc.constantFrom(null, { type: 'string' });
/** Any change of an input request, possible or not. */
const inputChange: fc.Arbitrary<InputChange> = fc.oneof(
  fc.record({
    kind: fc.constant('requested' as const),
    key: inputKey,
    message: text.map((message) => message.toWellFormed()),
    schema,
    expiresAt: fc.constantFrom(null, 1_700_000_005),
  }),
  fc.record({
    kind: fc.constantFrom('answered' as const, 'declined' as const, 'expired' as const, 'withdrawn' as const),
    key: inputKey,
    by: fc.constantFrom(null, 'ann'),
    answer: fc.jsonValue(),
  }),
);

/** Any valid event; those that end an operation are rarer, so that logs grow. */
export function anyDraft(
  eventId: fc.Arbitrary<string | undefined> = fc.constant(undefined),
): fc.Arbitrary<EventDraft> {
  const of = (type: keyof typeof shapes) =>
    fc.tuple(shapes[type] as fc.Arbitrary<object>, eventId).map(([data, id]) => parseDraft(type, data, id));
  return fc.oneof(
    { weight: 5, arbitrary: of('progress') },
    { weight: 3, arbitrary: of('status') },
    { weight: 5, arbitrary: of('log') },
    {
      weight: 3,
      arbitrary: fc.tuple(inputChange, eventId).map(([change, id]) => inputDraft(change, id)),
    },
    { weight: 1, arbitrary: of('result') },
    { weight: 1, arbitrary: of('error') },
    {
      weight: 1,
      arbitrary: fc
        .tuple(of('cancelled'), fc.constantFrom(undefined, 'ann'))
        .map(([draft, user]) => attributed(draft, user)),
    },
  );
}
