import { OpstreamError } from '../../platform/errors/opstream-error.js';

/** Exactly one of both. @throws OpstreamError `invalid_request` */
export function parseAnswer(answer: unknown, declined: unknown): { answer: unknown; declined: boolean } {
  if (declined !== undefined && declined !== null && typeof declined !== 'boolean') {
    throw new OpstreamError('invalid_request', 'declined must be true or false');
  }
  if (declined === true && answer !== undefined) {
    throw new OpstreamError('invalid_request', 'Give an answer, or decline; not both');
  }
  return { answer, declined: declined === true };
}
