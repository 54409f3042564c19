/**
 * Why a request of the service's own got no usable answer:
 * `unreachable` no connection was made, so nothing was carried out; `refused` the request may not be made at all;
 * `timeout`, `broken` and `too_large` it was sent, and may have been carried out; `aborted` the caller gave it up.
 */
export type FetchFailureKind = 'unreachable' | 'refused' | 'timeout' | 'broken' | 'too_large' | 'aborted';

export interface FetchFailure {
  readonly kind: FetchFailureKind;
  readonly message: string;
}

/** A failed request; the message is a clause without secrets. */
export class FetchError extends Error {
  override readonly name = 'FetchError';

  constructor(
    readonly kind: FetchFailureKind,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** Whether the remote may have carried the request out. */
  get maybeCarriedOut(): boolean {
    return this.kind !== 'unreachable' && this.kind !== 'refused';
  }
}
