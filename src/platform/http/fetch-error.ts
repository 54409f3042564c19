/**
 * Why an outgoing request got no usable response. `unreachable`: no connection, so nothing was executed. `refused`:
 * the request is not allowed. `timeout`, `broken`, `too_large`: it was sent and may have been executed. `aborted`: the
 * caller cancelled it.
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

  /** Whether the remote may have executed the request. */
  get maybeCarriedOut(): boolean {
    return this.kind !== 'unreachable' && this.kind !== 'refused';
  }
}
