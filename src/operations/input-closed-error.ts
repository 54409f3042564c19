import type { InputOutcome } from './operation-input.js';

/** A request for input ended without an answer. */
export class InputClosedError extends Error {
  override readonly name = 'InputClosedError';

  constructor(
    readonly key: string,
    readonly outcome: Exclude<InputOutcome, 'answered'> | InputOutcome | 'requested',
  ) {
    super(`The input "${key}" was ${outcome}`);
  }
}
