import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import { Configuration } from '../config/configuration.js';
import { isLoopback } from './loopback.js';

/** The part of a request that reveals its origin; Node's, Fastify's and Express's requests all have it. */
interface Arrival {
  readonly headers: IncomingHttpHeaders;
  readonly socket?: { readonly remoteAddress?: string | undefined };
}

/**
 * Decides once, at start, who can reach this service. It is local only if it listens on a loopback address and no
 * setting indicates a proxy; then requests need no token. Otherwise the rules of a public address apply.
 */
@Injectable()
export class Exposure {
  /** Listens on a loopback address, perhaps behind a proxy on the same machine. */
  readonly onLoopback: boolean;
  readonly isLocal: boolean;
  /** The setting that makes it reachable for others. */
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
   * Whether a request was made on this machine and for it. An unconfigured proxy, or a host application that listens
   * elsewhere, is detected from the request; both count as public.
   */
  isLocalRequest({ headers, socket }: Arrival): boolean {
    if (!this.isLocal || isForwarded(headers)) return false;
    const peer = socket?.remoteAddress;
    return peer === undefined || isLoopback(peer.replace(/^::ffff:/i, ''));
  }
}

/** Whether a proxy forwarded the request. */
export function isForwarded(headers: IncomingHttpHeaders): boolean {
  for (const name in headers) {
    if (name === 'forwarded' || name === 'via' || name.startsWith('x-forwarded-')) return true;
  }
  return false;
}
