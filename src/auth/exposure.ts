import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import { Configuration } from '../config/configuration.js';
import { isLoopback } from './loopback.js';

/** Headers that only a proxy sends (RFC 7239, RFC 9110): the client is then not the program at the other end. */
const PROXY_HEADERS = [
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
] as const;

/**
 * Whether others than the programs of this machine can reach the service. Decided once, from the configuration: a
 * service on a loopback address behind a proxy is as public as the proxy.
 */
@Injectable()
export class Exposure {
  /** Only programs of this machine reach the service. */
  readonly isLocal: boolean;
  /** What makes it public, for messages; empty where it is local. */
  readonly reason: string;

  constructor({ http }: Configuration) {
    const publicName = http.allowedHosts.find((host) => !isLoopback(withoutPort(host)));
    this.reason = !isLoopback(http.host)
      ? `HOST=${http.host}`
      : http.trustProxy
        ? 'TRUST_PROXY=true'
        : publicName !== undefined
          ? `ALLOWED_HOSTS=${publicName}`
          : '';
    this.isLocal = this.reason === '';
  }

  /**
   * Whether a request comes from this machine. A header of a proxy says that it does not, also where nobody told the
   * service that it stands behind one.
   */
  isFromHere(headers: IncomingHttpHeaders): boolean {
    return this.isLocal && PROXY_HEADERS.every((name) => headers[name] === undefined);
  }
}

/** A host without its port; the address of an IPv6 host keeps its brackets. */
export function withoutPort(host: string): string {
  return host.replace(/:\d+$/, '');
}
