import { ERROR_CATALOGUE, type CatalogueEntry, type ErrorCode } from './error-catalogue.js';

/** A failure with a catalogue code; `message` describes this occurrence and is safe to show to the caller. */
export class OpstreamError extends Error {
  override readonly name = 'OpstreamError';

  /** @param extra members added to the response in addition to the standard ones, e.g. `{ first_seq: 12 }` */
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly extra: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  get entry(): CatalogueEntry {
    return ERROR_CATALOGUE[this.code];
  }
}

/** Converts anything thrown to a catalogue error. Foreign errors become `internal`; their text stays in the log. */
export function toOpstreamError(thrown: unknown): OpstreamError {
  if (thrown instanceof OpstreamError) return thrown;
  return new OpstreamError('internal', 'An unexpected error occurred', {}, { cause: thrown });
}
