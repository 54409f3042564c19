import { IncomingMessage, type Server } from 'node:http';

/** The part of a request that decides whether it opens a WebSocket. */
type Offer = Pick<IncomingMessage, 'method' | 'headers' | 'httpVersionMajor' | 'httpVersionMinor'>;

/**
 * True for a WebSocket handshake (RFC 6455, section 4.1). Any other `Upgrade`, such as the `h2c` of Java's HttpClient
 * and `curl --http2`, is ignored, as RFC 9110, section 7.8 allows.
 */
export function offersWebSocket({ method, headers, httpVersionMajor, httpVersionMinor }: Offer): boolean {
  if (method !== 'GET' || httpVersionMajor !== 1 || httpVersionMinor !== 1) return false;
  return /(?:^|,)\s*websocket\s*(?:,|$)/i.test(headers.upgrade ?? '');
}

/** A request that Node treats as an upgrade only if it is one to WebSocket. */
export class OfferedRequest extends IncomingMessage {
  // Not a field of its own: Node's constructor sets `upgrade` before fields exist.
  declare private offered: boolean | null;

  /** Node sets it before the headers are there, and reads it afterwards. */
  get upgrade(): boolean {
    return this.offered === true && (this.method === 'CONNECT' || offersWebSocket(this));
  }

  set upgrade(value: boolean | null) {
    this.offered = value;
  }
}

/** Makes a host application's server ignore other upgrades, too, if its Node supports that (22.21, 24.9 and newer). */
export function ignoreOtherUpgrades(server: Server, ours: (...args: never[]) => void): void {
  const told = server as Server & { shouldUpgradeCallback?: (request: IncomingMessage) => boolean };
  if (told.shouldUpgradeCallback === undefined) return;
  told.shouldUpgradeCallback = (request) =>
    offersWebSocket(request) || server.listeners('upgrade').some((listener) => listener !== ours);
}
