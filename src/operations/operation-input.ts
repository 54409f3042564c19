import { OpstreamError } from '../platform/errors/opstream-error.js';
import type { JsonObject, JsonValue } from '../platform/json.js';

/**
 * Input requests, part of the operation's state: running work asks, a person or program answers. Each change is a
 * `status` event with the member `input`, so that readers of the log that know nothing of it see a status. Pure.
 */

/** The status of an operation while a request is open. */
export const INPUT_REQUIRED = 'input_required';

export const INPUT_LIMITS = {
  /** Requests of one operation that may be open at a time. */
  open: 8,
  /** Closed requests that are remembered, to tell those who answer too late. */
  closed: 16,
  key: 100,
  message: 4096,
  /** Characters of the schema as JSON. */
  schema: 8192,
  /** Seconds a request may stay open: 30 days. */
  timeout: 30 * 24 * 60 * 60,
} as const;

/** An open question. */
export interface InputRequest {
  readonly key: string;
  readonly message: string;
  /** JSON Schema of the answer; null when any JSON will do. */
  readonly schema: JsonObject | null;
  /** Unix seconds; null for as long as the operation runs. */
  readonly expiresAt: number | null;
  /** Seq of its event: tells it from another request with the same key. */
  readonly seq: number;
}

export type InputOutcome = 'answered' | 'declined' | 'expired' | 'withdrawn';

export interface ClosedInput {
  readonly key: string;
  readonly outcome: InputOutcome;
  /** Who closed it, if a person or program did. */
  readonly by: string | null;
}

export interface Inputs {
  readonly open: readonly InputRequest[];
  /** Oldest first. */
  readonly closed: readonly ClosedInput[];
}

export const NO_INPUTS: Inputs = { open: [], closed: [] };

export type InputChange =
  | {
      readonly kind: 'requested';
      readonly key: string;
      readonly message: string;
      readonly schema: JsonObject | null;
      readonly expiresAt: number | null;
    }
  | {
      readonly kind: InputOutcome;
      readonly key: string;
      readonly by: string | null;
      readonly answer?: JsonValue;
      /** The request that is meant, by its seq: a later one with the same key was asked something else. */
      readonly request?: number;
    };

/** The member `input` of a recorded event. */
export interface InputData {
  readonly state: 'requested' | InputOutcome;
  readonly key: string;
  readonly [member: string]: JsonValue | undefined;
}

export interface InputTransition {
  readonly inputs: Inputs;
  readonly status: string;
  readonly message: string;
  /** The event's data as JSON. */
  readonly data: string;
}

/**
 * @param seq of the event that records the change
 * @param at Unix seconds
 * @throws OpstreamError `input_exists`, `too_many_inputs`, `input_not_found`, `input_closed`
 */
export function changeInputs(inputs: Inputs, change: InputChange, seq: number, at: number): InputTransition {
  if (change.kind === 'requested') return request(inputs, change, seq);
  return close(inputs, change, at);
}

/** What is left when the operation ends: nobody waits for an answer any more. */
export function endInputs({ open, closed }: Inputs): Inputs {
  const withdrawn = open.map(({ key }): ClosedInput => ({ key, outcome: 'withdrawn', by: null }));
  return { open: [], closed: [...closed, ...withdrawn].slice(-INPUT_LIMITS.closed) };
}

function request(
  inputs: Inputs,
  { key, message, schema, expiresAt }: Extract<InputChange, { kind: 'requested' }>,
  seq: number,
): InputTransition {
  if (inputs.open.some((other) => other.key === key)) {
    throw new OpstreamError('input_exists', `The input "${key}" is requested already`);
  }
  if (inputs.open.length >= INPUT_LIMITS.open) {
    throw new OpstreamError('too_many_inputs', `${INPUT_LIMITS.open} inputs are requested already`);
  }
  const input: InputData = { state: 'requested', key, schema, expires_at: expiresAt };
  return {
    inputs: {
      open: [...inputs.open, { key, message, schema, expiresAt, seq }],
      closed: inputs.closed.filter((other) => other.key !== key),
    },
    status: INPUT_REQUIRED,
    message,
    data: JSON.stringify({ status: INPUT_REQUIRED, message, details: {}, input }),
  };
}

function close(
  inputs: Inputs,
  { kind, key, by, answer, request: wanted }: Exclude<InputChange, { kind: 'requested' }>,
  at: number,
): InputTransition {
  const asked = inputs.open.find((other) => other.key === key);
  if (!asked || (wanted !== undefined && asked.seq !== wanted)) throw notOpen(inputs, key);
  const isExpired = asked.expiresAt !== null && asked.expiresAt <= at;
  if (isExpired && (kind === 'answered' || kind === 'declined')) throw closedAs(key, 'expired', null);
  const open = inputs.open.filter((other) => other !== asked);
  const status = open.length > 0 ? INPUT_REQUIRED : 'running';
  const message = open.at(-1)?.message ?? '';
  const input: InputData = { state: kind, key, by, request_seq: asked.seq, answer };
  return {
    inputs: { open, closed: [...inputs.closed, { key, outcome: kind, by }].slice(-INPUT_LIMITS.closed) },
    status,
    message,
    data: JSON.stringify({ status, message, details: {}, input }),
  };
}

function notOpen(inputs: Inputs, key: string): OpstreamError {
  const before = inputs.closed.findLast((other) => other.key === key);
  if (before) return closedAs(key, before.outcome, before.by);
  return new OpstreamError('input_not_found', `The operation does not ask for the input "${key}"`);
}

function closedAs(key: string, outcome: InputOutcome, by: string | null): OpstreamError {
  const who = by === null ? '' : ` by ${by}`;
  return new OpstreamError('input_closed', `The input "${key}" was ${outcome}${who}`, { outcome, by });
}
