import { CLIENT_ERROR, OpstreamClientError } from './errors.js';
import { refusalText, refusedStatus } from './socket.js';

/** Close codes of the service for a token that has run out, and for what the caller may not do. */
const CLOSE_UNAUTHORIZED = 4401;
const CLOSE_FORBIDDEN = 4403;

/**
 * What makes trying again pointless: the service knows the caller and refuses, or there is no such service.
 * @param reason of the close, or of the failed upgrade as far as the socket tells
 * @param canRenew whether the next try comes with another token
 * @returns undefined when another try may succeed
 */
export function refusalOf(
  code: number,
  reason: string,
  address: string,
  canRenew: boolean,
): OpstreamClientError | undefined {
  const status = code === CLOSE_UNAUTHORIZED ? 401 : code === CLOSE_FORBIDDEN ? 403 : refusedStatus(reason);
  const words = refusalText(reason);
  const because = words === undefined ? '' : `: ${words}`;
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
