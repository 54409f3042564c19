import { levelOf, type Level } from '../client/protocol/log-level.js';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { cutText, exceedsBytes, MAX_EVENT_DATA_BYTES, standInFor } from '../platform/json-stand-in.js';
import {
  encodeJson,
  isDeeperThan,
  isJsonObject,
  MAX_JSON_DEPTH,
  parseJson,
  type JsonObject,
  type JsonValue,
} from '../platform/json.js';

import { INPUT_LIMITS, type InputChange } from './operation-input.js';

/** Hand-written guards for what producers send: this is the hot path of every transport that records events. */

/** Event types a producer may ask for; `completed` follows from `result`. */
export const PRODUCER_EVENT_TYPES = ['progress', 'status', 'log', 'result', 'error', 'cancelled'] as const;
export type ProducerEventType = (typeof PRODUCER_EVENT_TYPES)[number];

export const LIMITS = {
  /** Bytes of one event's `data` as JSON. */
  eventData: MAX_EVENT_DATA_BYTES,
  /** Characters of an operation's `metadata` as JSON. */
  metadata: 64 * 1024,
  message: 64 * 1024,
  name: 200,
  eventId: 200,
} as const;

/** A validated event on its way into the log. */
export interface EventDraft {
  readonly type: ProducerEventType;
  /** The event's `data` as JSON text. */
  readonly data: string;
  /** What the snapshot takes over from the event. */
  readonly progress?: number;
  readonly status?: string;
  readonly message?: string;
  /** Of a `log` event. */
  readonly level?: Level;
  readonly result?: JsonValue;
  readonly error?: string;
  readonly errorType?: string;
  readonly cancelledBy?: string;
  /** A change of an input request; its data is written when it is recorded. */
  readonly input?: InputChange;
  /** The producer's own id: a repeated append with it is recorded once. */
  readonly eventId?: string;
}

/** Control characters and halves of surrogate pairs, which no engine stores as they are. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}]/u;
/** The same for the OpenAPI document, in the regular expressions of every language. */
export const PRINTABLE_PATTERN = String.raw`^[^\u0000-\u001f\u007f-\u009f]+$`;
export const OPERATION_ID_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$';
const ID = new RegExp(OPERATION_ID_PATTERN);

export function isPrintable(text: string): boolean {
  return !UNPRINTABLE.test(text);
}

/**
 * Checks an operation id: 1 to 128 characters of letters, digits and `. _ : @ -`, beginning with a letter or digit.
 * @throws OpstreamError `invalid_operation_id`
 */
export function parseOperationId(value: unknown): string {
  if (typeof value === 'string' && ID.test(value)) return value;
  if (value === undefined) throw new OpstreamError('invalid_operation_id', 'operation_id is missing');
  throw new OpstreamError(
    'invalid_operation_id',
    'operation_id must be 1 to 128 letters, digits or ". _ : @ -", beginning with a letter or digit',
  );
}

/** @throws OpstreamError `invalid_request` when it is no short, printable name */
export function parseOperationType(value: unknown): string {
  if (
    typeof value === 'string' &&
    value.length > 0 &&
    !isLonger(value, LIMITS.name) &&
    !UNPRINTABLE.test(value)
  ) {
    return value;
  }
  throw new OpstreamError(
    'invalid_request',
    `operation_type must be a string of 1 to ${LIMITS.name} printable characters`,
  );
}

/**
 * @returns a copy as the log shows it: what the caller changes later, or JSON drops, is not in it
 * @throws OpstreamError `invalid_request` when it is not a JSON object, `payload_too_large` when it is too long
 */
export function parseMetadata(value: unknown): JsonObject {
  if (value === undefined || value === null) return {};
  if (!isJsonObject(value)) throw new OpstreamError('invalid_request', 'metadata must be an object');
  return parseJson(encodeJson(value, 'metadata', LIMITS.metadata)) as JsonObject;
}

/** Seconds of a lease: shorter ones end work for one lost packet, longer ones end nothing. */
export const LEASE_SECONDS = { min: 1, max: 7 * 24 * 60 * 60 } as const;

/** @throws OpstreamError `invalid_request` when it is given but no number of seconds within the bounds */
export function parseLease(value: unknown): number | null {
  if (value === undefined || value === null) return null;
  const { min, max } = LEASE_SECONDS;
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw new OpstreamError('invalid_request', `lease_seconds must be a number from ${min} to ${max}`);
}

/**
 * Validates the `data` of one event. An `operation_id` in it is allowed because REST bodies may repeat the one in the
 * path, an `event_id` because a REST producer has only the body. An optional field that is null counts as absent: many
 * languages write omitted arguments that way.
 * @throws OpstreamError `invalid_event` naming the field, `payload_too_large`
 */
export function parseDraft(type: unknown, value: unknown, eventId?: unknown): EventDraft {
  if (typeof type !== 'string' || !Object.hasOwn(PARSERS, type)) {
    throw invalid(`event_type must be one of ${PRODUCER_EVENT_TYPES.join(', ')}`);
  }
  if (!isJsonObject(value)) throw invalid('data must be an object');
  const draft = PARSERS[type as ProducerEventType](value);
  const id = parseEventId(eventId ?? value.event_id);
  return id === undefined ? draft : { ...draft, eventId: id };
}

/** Names who asked for a cancellation; other events stay as they are. */
export function attributed(draft: EventDraft, user: string | undefined): EventDraft {
  if (draft.type !== 'cancelled' || user === undefined) return draft;
  const data = JSON.stringify({ status: 'cancelled', reason: draft.message ?? '', cancelled_by: user });
  return { ...draft, data, cancelledBy: user };
}

/** @throws OpstreamError `invalid_operation_id` when it is given but no id of an operation, or the operation's own */
export function parseParent(value: unknown, operationId: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && ID.test(value) && value !== operationId) return value;
  throw new OpstreamError('invalid_operation_id', 'parent_operation_id must be the id of another operation');
}

/**
 * A change of an input request: a status event, whose data follows from the operation's state.
 * @throws OpstreamError `invalid_event`, `payload_too_large`
 */
export function inputDraft(input: InputChange, eventId?: unknown): EventDraft {
  // Measured here, because the data is written when it is recorded.
  const data = encodeJson({ input }, 'input', LIMITS.eventData - 2 * INPUT_LIMITS.message * 6);
  const id = parseEventId(eventId);
  return {
    type: 'status',
    data,
    input: input.kind === 'answered' ? asRecorded(data) : input,
    ...(id !== undefined && { eventId: id }),
  };
}

/** A copy as the log shows it. */
function asRecorded(data: string): InputChange {
  return (parseJson(data) as unknown as { input: InputChange }).input;
}

/** Members of an event beside its data. */
const EVENT_FIELDS = new Set(['event_type', 'data', 'event_id', 'operation_id']);

/**
 * Validates an event with its envelope, as batches carry it.
 * @param operationId the operation it goes to
 * @throws OpstreamError `invalid_event` that names the member, `payload_too_large`
 */
export function parseEvent(value: unknown, operationId: string): EventDraft {
  if (!isJsonObject(value)) throw invalid('an event must be an object');
  onlyMembers(value, EVENT_FIELDS);
  belongsTo(operationId, value.operation_id);
  return parseEventData(value.event_type, value.data, operationId, value.event_id);
}

/** Like `parseDraft`, for an operation that the data may name, too. */
export function parseEventData(
  type: unknown,
  data: unknown,
  operationId: string,
  eventId?: unknown,
): EventDraft {
  // What comes over a wire is known to be refused by every reader; only values of this process are shown by a stand-in.
  if (type === 'result' && isDeeperThan(data, MAX_JSON_DEPTH + 1)) {
    throw new OpstreamError('invalid_request', `data is nested more than ${MAX_JSON_DEPTH} levels deep`);
  }
  const draft = parseDraft(type, data, eventId);
  belongsTo(operationId, (data as JsonObject).operation_id);
  return draft;
}

/** @throws OpstreamError `invalid_event` for a member that no event has: a misspelt `event_id` would be lost silently */
export function onlyMembers(value: JsonObject, allowed: ReadonlySet<string>): void {
  for (const key in value) {
    if (!allowed.has(key)) {
      throw invalid(`an event has no field "${key.slice(0, 50)}"; free fields belong into data.details`);
    }
  }
}

function belongsTo(operationId: string, named: JsonValue | undefined): void {
  if (named === undefined || named === null || named === operationId) return;
  throw invalid(`operation_id is not ${operationId}, the operation that this is sent to`);
}

function parseEventId(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (
    typeof value === 'string' &&
    value.length > 0 &&
    !isLonger(value, LIMITS.eventId) &&
    !UNPRINTABLE.test(value)
  ) {
    return value;
  }
  throw invalid(`event_id must be a string of 1 to ${LIMITS.eventId} printable characters`);
}

const PARSERS: Record<ProducerEventType, (data: JsonObject) => EventDraft> = {
  progress(data) {
    onlyFields(data, 'progress', PROGRESS_FIELDS);
    const progress = data.progress;
    if (typeof progress !== 'number' || !(progress >= 0 && progress <= 1)) {
      throw invalid('progress must be a number from 0 to 1');
    }
    const message = text(data.message, 'message', '');
    // JSON writes -0 as 0, and so does the snapshot.
    return draft(
      'progress',
      { progress, message, details: details(data) },
      { progress: progress || 0, message },
    );
  },
  status(data) {
    onlyFields(data, 'status', STATUS_FIELDS);
    const status = name(data.status, 'status');
    const message = text(data.message, 'message', '');
    return draft('status', { status, message, details: details(data) }, { status, message });
  },
  log(data) {
    onlyFields(data, 'log', LOG_FIELDS);
    const level = data.level == null ? 'info' : name(data.level, 'level');
    const message = text(data.message, 'message');
    const body = data.details == null ? { level, message } : { level, message, details: details(data) };
    return draft('log', body, { level: levelOf(level) });
  },
  result(data) {
    onlyFields(data, 'result', RESULT_FIELDS);
    if (data.result === undefined) throw invalid('result is missing');
    const encoded = draft('result', { result: fitting(data.result) }, {});
    // The snapshot holds what the log holds, not the caller's object.
    const { result } = parseJson(encoded.data) as { result?: JsonValue };
    if (result === undefined) throw invalid('result is not JSON');
    return { ...encoded, result };
  },
  error(data) {
    onlyFields(data, 'error', ERROR_FIELDS);
    const error = text(data.error, 'error');
    const errorType =
      data.error_type == null ? 'UnknownError' : name(shortened(data.error_type), 'error_type');
    const body = { error, error_type: errorType };
    const whole = data.details == null ? body : { ...body, details: fitting(details(data), DETAILS_BYTES) };
    return draft('error', whole, {
      error,
      errorType,
    });
  },
  cancelled(data) {
    onlyFields(data, 'cancelled', CANCELLED_FIELDS);
    const reason = text(data.reason, 'reason', '');
    return draft('cancelled', { status: 'cancelled', reason }, { message: reason });
  },
};

const ENVELOPE_FIELDS = ['operation_id', 'event_id'];
const PROGRESS_FIELDS = new Set(['progress', 'message', 'details', ...ENVELOPE_FIELDS]);
const STATUS_FIELDS = new Set(['status', 'message', 'details', ...ENVELOPE_FIELDS]);
const LOG_FIELDS = new Set(['level', 'message', 'details', ...ENVELOPE_FIELDS]);
const RESULT_FIELDS = new Set(['result', ...ENVELOPE_FIELDS]);
const ERROR_FIELDS = new Set(['error', 'error_type', 'details', ...ENVELOPE_FIELDS]);
const CANCELLED_FIELDS = new Set(['reason', ...ENVELOPE_FIELDS]);

function onlyFields(data: JsonObject, type: ProducerEventType, allowed: ReadonlySet<string>): void {
  for (const key in data) {
    if (!allowed.has(key))
      throw invalid(`${type} has no field "${key.slice(0, 50)}"; free fields belong into details`);
  }
}

function draft(
  type: ProducerEventType,
  data: object,
  snapshot: Omit<EventDraft, 'type' | 'data'>,
): EventDraft {
  const text = encodeJson(data, 'data', LIMITS.eventData);
  if (exceedsBytes(text, LIMITS.eventData)) {
    throw new OpstreamError('payload_too_large', `data has more than ${LIMITS.eventData} bytes as JSON`);
  }
  return { type, data: text, ...snapshot };
}

/** Bytes of the details of an error: its text, at six bytes a character, fits beside them. */
const DETAILS_BYTES = LIMITS.eventData - 8 * LIMITS.message;

/** An end is never refused for its size or depth: a value that does not fit is recorded as a stand-in. */
function fitting(value: JsonValue, bytes: number = LIMITS.eventData - 64): JsonValue {
  let text: string;
  try {
    // It becomes a member of the data, one level down.
    text = encodeJson({ value }, 'data', bytes);
  } catch (thrown) {
    if (!(thrown instanceof OpstreamError)) throw thrown;
    const whole = wholeJson(value);
    // No JSON at all: the parser says so.
    if (whole === undefined) return value;
    return { ...standInFor(whole) };
  }
  return exceedsBytes(text, bytes) ? { ...standInFor(wholeJson(value) ?? text) } : value;
}

function wholeJson(value: JsonValue): string | undefined {
  try {
    const text: string | undefined = JSON.stringify(value);
    return text;
  } catch {
    // Nested deeper than the engine can write.
    return undefined;
  }
}

/** The name of an error may be long, and must not keep it from being recorded. */
function shortened(value: JsonValue): JsonValue {
  return typeof value === 'string' ? cutText(value, LIMITS.name) : value;
}

function details(data: JsonObject): JsonObject {
  const value = data.details;
  if (value === undefined || value === null) return {};
  if (!isJsonObject(value)) throw invalid('details must be an object');
  return value;
}

function text(value: JsonValue | undefined, field: string, fallback?: string): string {
  if ((value === undefined || value === null) && fallback !== undefined) return fallback;
  if (typeof value !== 'string') throw invalid(`${field} must be a string`);
  // What is said is worth more than its end: it is cut, with a mark, and not refused.
  if (isLonger(value, LIMITS.message)) return cutText(value, LIMITS.message).toWellFormed();
  // A line cut inside a surrogate pair is a producer's everyday accident: the half is replaced, the line kept.
  return value.toWellFormed();
}

function name(value: JsonValue | undefined, field: string): string {
  if (typeof value === 'string' && value.length > 0 && !isLonger(value, LIMITS.name))
    return value.toWellFormed();
  throw invalid(`${field} must be a string of 1 to ${LIMITS.name} characters`);
}

/** Counts characters as JSON Schema does, which takes those beyond the Basic Multilingual Plane for one. */
export function isLonger(value: string, characters: number): boolean {
  if (value.length <= characters) return false;
  if (value.length > 2 * characters) return true;
  // A pair of surrogates is one character.
  return value.length - (value.match(/[\uD800-\uDBFF][\uDC00-\uDFFF]/g)?.length ?? 0) > characters;
}

function invalid(message: string): OpstreamError {
  return new OpstreamError('invalid_event', message);
}
