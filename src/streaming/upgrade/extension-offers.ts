/**
 * Compression offers (RFC 7692, section 7.1). A server declines an offer it cannot accept, and the connection opens
 * without compression; `ws` would refuse the handshake instead. So only acceptable offers are left in the header.
 */

/** The largest window of the extension, in bits. */
const MAX_WINDOW_BITS = 15;
const MIN_WINDOW_BITS = 8;
const EXTENSION = 'permessage-deflate';

/** `name`, `name=value` and `name="value"`, whose value is a token either way (RFC 6455, section 9.1). */
const PARAMETER = /^([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*(?:"([\w!#$%&'*+.^`|~-]+)"|([\w!#$%&'*+.^`|~-]+)))?$/;

/**
 * @param header `Sec-WebSocket-Extensions` of the handshake
 * @param serverBits window bits that the server compresses with
 * @returns the acceptable offers, in order; undefined when there is none
 */
export function acceptableOffers(header: string, serverBits: number): string | undefined {
  const offers = header
    .split(',')
    .map((offer) => offer.split(';').map((part) => part.trim()))
    .filter(([name, ...parameters]) => name === EXTENSION && areAcceptable(parameters, serverBits))
    .map((parts) => parts.join('; '));
  return offers.length === 0 ? undefined : offers.join(', ');
}

function areAcceptable(parameters: readonly string[], serverBits: number): boolean {
  const seen = new Set<string>();
  return parameters.every((parameter) => {
    const [, name, quoted, plain] = PARAMETER.exec(parameter) ?? [];
    if (name === undefined || seen.has(name)) return false;
    seen.add(name);
    return isAcceptable(name, quoted ?? plain, serverBits);
  });
}

function isAcceptable(name: string, value: string | undefined, serverBits: number): boolean {
  switch (name) {
    case 'server_no_context_takeover':
    case 'client_no_context_takeover':
      return value === undefined;
    case 'server_max_window_bits':
      return isWindow(value, serverBits);
    case 'client_max_window_bits':
      return value === undefined || isWindow(value, MIN_WINDOW_BITS);
    default:
      return false;
  }
}

function isWindow(value: string | undefined, from: number): boolean {
  return value !== undefined && /^\d{1,2}$/.test(value) && Number(value) >= from && isPlain(value);
}

/** A number without leading zeros, within the extension's range. */
function isPlain(value: string): boolean {
  return !value.startsWith('0') && Number(value) <= MAX_WINDOW_BITS;
}
