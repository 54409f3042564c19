import { CLIENT_ERROR, OpstreamClientError } from './errors.js';
import { CLOSE_CODES } from './protocol/close-codes.js';
import { refusalText, refusedStatus } from './socket.js';

/**
 * What makes trying again pointless: the service knows the caller and refuses, or there is no such service.
 * @param reason of the failed upgrade as far as the socket tells; the words of a close decide nothing
 * @param canRenew whether the next try comes with another token
 * @returns undefined when another try may succeed
 */
export function refusalOf(
  code: number,
  reason: string,
  address: string,
  canRenew: boolean,
): OpstreamClientError | undefined {
  const status = statusOf(code, reason);
  const words = code === CLOSE_CODES.abnormal.code ? refusalText(reason) : reason;
  const because = words === undefined || words === '' ? '' : `: ${words}`;
  switch (status) {
    case 401:
      if (canRenew) return undefined;
      return new OpstreamClientError('unauthorized', `${address} wants a valid token`, status);
    case 403:
      return new OpstreamClientError('forbidden', `${address} refuses access${because}`, status);
    case 400:
    case 404: {
      const message = `${address} is no Opstream service, or serves no WebSockets: it answered ${status}${because}`;
      return new OpstreamClientError(CLIENT_ERROR.unexpectedAnswer, message, status);
    }
    default:
      return undefined;
  }
}

/** The HTTP status that a close amounts to. */
function statusOf(code: number, reason: string): number | undefined {
  if (code === CLOSE_CODES.credentialEnded.code) return 401;
  if (code === CLOSE_CODES.policyViolation.code) return 403;
  return code === CLOSE_CODES.abnormal.code ? refusedStatus(reason) : undefined;
}
