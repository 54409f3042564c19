import { IncomingMessage, type Server } from 'node:http';

/** What of a request decides whether it opens a WebSocket. */
type Offer = Pick<IncomingMessage, 'method' | 'headers' | 'httpVersionMajor' | 'httpVersionMinor'>;

/**
 * True for a handshake (RFC 6455, section 4.1). Every other offer of `Upgrade`, such as the `h2c` that Java's
 * HttpClient and `curl --http2` make, may be ignored (RFC 9110, section 7.8), and is.
 */
export function offersWebSocket({ method, headers, httpVersionMajor, httpVersionMinor }: Offer): boolean {
  if (method !== 'GET' || httpVersionMajor !== 1 || httpVersionMinor !== 1) return false;
  return /(?:^|,)\s*websocket\s*(?:,|$)/i.test(headers.upgrade ?? '');
}

/** A request on which Node sees an upgrade only where it is one to WebSocket. */
export class OfferedRequest extends IncomingMessage {
  // Not a field of its own: Node's constructor sets `upgrade` before fields exist.
  declare private offered: boolean | null;

  /** Node sets it before the headers are there, and asks afterwards. */
  get upgrade(): boolean {
    return this.offered === true && (this.method === 'CONNECT' || offersWebSocket(this));
  }

  set upgrade(value: boolean | null) {
    this.offered = value;
  }
}

/** Makes a host application's server ignore other offers too, where its Node can be told (22.21, 24.9 and newer). */
export function ignoreOtherUpgrades(server: Server, ours: (...args: never[]) => void): void {
  const told = server as Server & { shouldUpgradeCallback?: (request: IncomingMessage) => boolean };
  if (told.shouldUpgradeCallback === undefined) return;
  told.shouldUpgradeCallback = (request) =>
    offersWebSocket(request) || server.listeners('upgrade').some((listener) => listener !== ours);
}
