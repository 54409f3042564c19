import { randomBytes } from 'node:crypto';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import type { Principal } from './principal.js';

/** Header with the ticket of a request that this process makes to itself. */
export const ACTING_HEADER = 'x-opstream-acting';

const callers = new Map<string, Principal>();

/**
 * Runs a request of this process to its own handlers on behalf of a caller. The caller was authenticated where the
 * request came in, perhaps by a credential outside the headers. The inner request carries an unguessable ticket that
 * is valid for that request only.
 */
export async function actingFor<Result>(
  principal: Principal,
  request: (headers: Readonly<Record<string, string>>) => Promise<Result>,
): Promise<Result> {
  const ticket = randomBytes(24).toString('base64url');
  callers.set(ticket, principal);
  try {
    return await request({ [ACTING_HEADER]: ticket });
  } finally {
    callers.delete(ticket);
  }
}

/**
 * The caller of an inner request; undefined for an external request.
 * @throws OpstreamError `unauthorized` for an unknown or expired ticket
 */
export function actingCaller(headers: Readonly<Record<string, unknown>>): Principal | undefined {
  const ticket = headers[ACTING_HEADER];
  if (ticket === undefined) return undefined;
  const caller = typeof ticket === 'string' ? callers.get(ticket) : undefined;
  if (!caller) throw new OpstreamError('unauthorized', `${ACTING_HEADER} is for the service itself`);
  return caller;
}
