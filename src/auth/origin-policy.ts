import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import { Configuration } from '../config/configuration.js';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { withoutPort } from './exposure.js';
import { isLoopback } from './loopback.js';

/**
 * Keeps web pages from elsewhere away from a service on someone's loopback: browsers send `Origin`, and a name that
 * was rebound to 127.0.0.1 shows in `Host`. No Origin, the same origin and listed ones pass.
 */
@Injectable()
export class OriginPolicy {
  private readonly origins: ReadonlySet<string>;
  private readonly hosts: ReadonlySet<string>;
  private readonly onLoopback: boolean;

  constructor({ http }: Configuration) {
    this.origins = new Set(http.allowedOrigins);
    this.hosts = new Set(http.allowedHosts.map((host) => host.toLowerCase()));
    this.onLoopback = isLoopback(http.host);
  }

  /** @throws OpstreamError `forbidden` */
  check(headers: { readonly origin?: string | undefined; readonly host?: string | undefined }): void {
    this.checkHost(headers.host);
    const { origin, host } = headers;
    if (origin === undefined || this.lists(origin)) return;
    if (host !== undefined && isSameHost(hostOf(origin), host.toLowerCase())) return;
    throw new OpstreamError(
      'forbidden',
      `Origin ${origin.slice(0, 200)} is not allowed; add it to ALLOWED_ORIGINS to let its pages in`,
    );
  }

  /**
   * Keeps other sites' images, scripts and forms out, which send no Origin; a link to a page may be followed.
   * @throws OpstreamError `forbidden`
   */
  checkSite(headers: IncomingHttpHeaders): void {
    if (headers['sec-fetch-site'] !== 'cross-site') return;
    const { origin } = headers;
    if (origin !== undefined && this.lists(origin)) return;
    if (headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document') return;
    throw new OpstreamError('forbidden', 'Requests of other sites are not allowed');
  }

  /** Whether pages of this origin may read answers (ALLOWED_ORIGINS); pages of the service's own need no leave. */
  lists(origin: string): boolean {
    return this.origins.has('*') || this.origins.has(origin);
  }

  private checkHost(host: string | undefined): void {
    // A service on a public address without a list of names cannot tell right names from wrong ones.
    if (this.hosts.size === 0 && !this.onLoopback) return;
    if (host === undefined) throw new OpstreamError('forbidden', 'The Host header is missing');
    const name = withoutPort(host.toLowerCase());
    if (this.hosts.has(name) || this.hosts.has(host.toLowerCase())) return;
    if (this.onLoopback && isLoopback(name)) return;
    throw new OpstreamError(
      'forbidden',
      `Host ${host.slice(0, 200)} is not allowed; add it to ALLOWED_HOSTS`,
    );
  }
}

/** The names of this machine stand for each other: `localhost`, `127.0.0.1` and `[::1]` with the same port. */
function isSameHost(one: string | undefined, other: string): boolean {
  if (one === undefined || one === other) return one === other;
  const [onePort, otherPort] = [one, other].map((host) => /:(\d+)$/.exec(host)?.[1]);
  return onePort === otherPort && isLoopback(withoutPort(one)) && isLoopback(withoutPort(other));
}

/** The host an origin stands for; undefined for `null` and for schemes that are no web server's. */
function hostOf(origin: string): string | undefined {
  if (!/^https?:\/\//i.test(origin)) return undefined;
  try {
    return new URL(origin).host;
  } catch {
    return undefined;
  }
}
