import { errors } from 'jose';
import { OpstreamError } from '../platform/errors/opstream-error.js';

/** An invalid claim of an authentic token. */
export class InvalidClaimError extends Error {
  override readonly name = 'InvalidClaimError';

  constructor(readonly claim: string) {
    super(`claim ${claim}`);
  }
}

/** A refused token, with the cause for the log: the response never says more than `Invalid token`. */
export function invalidToken(cause: unknown): OpstreamError {
  return new OpstreamError('unauthorized', 'Invalid token', {}, { cause });
}

/** Why a credential was refused, in a word or two for the log; undefined when there is nothing to add. */
export function faultOf({ cause }: Error): string | undefined {
  if (cause instanceof InvalidClaimError) return cause.message;
  if (cause instanceof errors.JWTExpired) return 'expired';
  if (cause instanceof errors.JWTClaimValidationFailed) return `claim ${cause.claim}`;
  if (cause instanceof errors.JWSSignatureVerificationFailed) return 'bad_signature';
  if (cause instanceof errors.JWKSNoMatchingKey) return 'unknown_key';
  if (cause instanceof errors.JOSEAlgNotAllowed) return 'algorithm';
  if (cause instanceof errors.JOSEError) return 'malformed';
  return cause instanceof RefusalCause ? cause.message : undefined;
}

/** Reason of a refusal that the response does not reveal. */
export class RefusalCause extends Error {}

/**
 * Whether a refused credential may have been a guess. An authentic token that has expired or is for another audience
 * is not.
 */
export function mayBeGuess({ cause }: Error): boolean {
  return !(
    cause instanceof errors.JWTExpired ||
    cause instanceof errors.JWTClaimValidationFailed ||
    cause instanceof InvalidClaimError
  );
}
