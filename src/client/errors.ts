/**
 * The SDK's only error. Branch on `code`: a code of the service's catalogue (docs/protocol.md), or one of the client's
 * own below.
 */
export class OpstreamClientError extends Error {
  override readonly name = 'OpstreamClientError';

  /** @param status the HTTP status, if any */
  constructor(
    readonly code: string,
    message: string,
    readonly status?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** True when the same request may succeed later: the service was unreachable, overloaded or shutting down. */
  get retryable(): boolean {
    return (
      RETRYABLE.has(this.code) || (this.status !== undefined && this.status >= 500 && this.status !== 501)
    );
  }
}

/** Codes of the client itself. */
export const CLIENT_ERROR = {
  /** Nothing responded at this address. */
  unreachable: 'unreachable',
  /** No answer in time; whether the request was executed is unknown. */
  timeout: 'timeout',
  /** The connection was lost and will not be reopened. */
  connectionLost: 'connection_lost',
  /** The client was closed. */
  closed: 'closed',
  /** Too many commands wait for a connection or an answer. */
  queueFull: 'queue_full',
  /** Another operation answers for the cache key: this producer records nothing. */
  cached: 'cached',
  /** The response is not from an Opstream service. */
  unexpectedAnswer: 'unexpected_answer',
} as const;

const RETRYABLE: ReadonlySet<string> = new Set([
  CLIENT_ERROR.unreachable,
  CLIENT_ERROR.timeout,
  'too_many_requests',
  'overloaded',
  'shutting_down',
  'store_unavailable',
]);
