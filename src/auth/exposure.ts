import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import { Configuration } from '../config/configuration.js';
import { isLoopback } from './loopback.js';

/** What tells where a request comes from; Node's, Fastify's and Express's requests all have it. */
interface Arrival {
  readonly headers: IncomingHttpHeaders;
  readonly socket?: { readonly remoteAddress?: string | undefined };
}

/**
 * Who can reach this service, decided once at start. It is local only when it listens on a loopback address and nothing
 * says that a proxy stands in front; then requests need no token. Everywhere else the rules of a public address hold.
 */
@Injectable()
export class Exposure {
  /** Listens on a loopback address, perhaps behind a proxy on the same machine. */
  readonly onLoopback: boolean;
  readonly isLocal: boolean;
  /** Why others can reach it, in the words of the setting. */
  readonly reason: string;

  constructor({ http }: Configuration) {
    const foreign = http.allowedHosts.find((host) => !isLoopback(host.replace(/:\d+$/, '')));
    this.onLoopback = isLoopback(http.host);
    this.isLocal = this.onLoopback && !http.trustProxy && foreign === undefined;
    this.reason = !this.onLoopback
      ? `HOST=${http.host}`
      : http.trustProxy
        ? 'TRUST_PROXY=true'
        : `ALLOWED_HOSTS=${foreign}`;
  }

  /**
   * Whether a request was made on this machine and for it. A proxy that nobody configured, and a host application that
   * listens elsewhere, show themselves by the request: both are treated as public.
   */
  isLocalRequest({ headers, socket }: Arrival): boolean {
    if (!this.isLocal || isForwarded(headers)) return false;
    const peer = socket?.remoteAddress;
    return peer === undefined || isLoopback(peer.replace(/^::ffff:/i, ''));
  }
}

/** Whether a proxy has passed the request on. */
export function isForwarded(headers: IncomingHttpHeaders): boolean {
  for (const name in headers) {
    if (name === 'forwarded' || name === 'via' || name.startsWith('x-forwarded-')) return true;
  }
  return false;
}
