import { isStandIn } from '../platform/json-stand-in.js';
import { parseJson, type JsonValue } from '../platform/json.js';
import type { Operation } from './operation.js';

/** What a caller does about an operation of somebody else that answered for its cache key. */
export type SharedOutcome =
  | { readonly kind: 'value'; readonly value: JsonValue }
  | { readonly kind: 'failure'; readonly error: Error }
  /** It says nothing about the work itself: the caller opens again, and may have to run the work. */
  | { readonly kind: 'again' };

const AGAIN: SharedOutcome = { kind: 'again' };
/** Ends that the work did not bring about: its process stopped, or its producer fell silent. */
const ABANDONED: ReadonlySet<string | undefined> = new Set(['Interrupted', 'Stalled', 'shutting_down']);

/** @param ended the operation after its end; null when it was removed */
export function sharedOutcome(ended: Operation | null): SharedOutcome {
  if (ended?.state === 'completed') {
    if (isStandIn(ended.result)) return AGAIN;
    // A copy: what the caller changes in it must not change the log's.
    return { kind: 'value', value: parseJson(JSON.stringify(ended.result ?? null)) };
  }
  if (ended?.state !== 'error' || ABANDONED.has(ended.errorType)) return AGAIN;
  const error = new Error(ended.error ?? '');
  error.name = ended.errorType ?? 'Error';
  return { kind: 'failure', error };
}
