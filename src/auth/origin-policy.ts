import type { IncomingHttpHeaders } from 'node:http';
import { Injectable, Logger } from '@nestjs/common';
import { Configuration } from '../config/configuration.js';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { Exposure } from './exposure.js';
import { isLoopback } from './loopback.js';
import { isDataPath, isOpenPath } from './open-paths.js';

/** The part of a request this policy needs; Node's, Fastify's and Express's requests all fit. */
interface Arrival {
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders?: readonly string[];
  readonly method?: string | undefined;
  readonly url?: string | undefined;
}

/**
 * Protects a service on loopback from web pages of other sites: browsers send `Origin` and `Sec-Fetch-Site`, and a
 * name rebound to 127.0.0.1 shows in `Host`. Programs, the service's own pages and listed origins are allowed.
 */
@Injectable()
export class OriginPolicy {
  private readonly origins: ReadonlySet<string>;
  private readonly hosts: ReadonlySet<string>;

  constructor(
    { http }: Configuration,
    private readonly exposure: Exposure,
  ) {
    this.origins = new Set(http.allowedOrigins);
    this.hosts = new Set(http.allowedHosts.map((host) => host.toLowerCase()));
    if (this.origins.has('null')) {
      new Logger('Auth').warn(
        'ALLOWED_ORIGINS has null: pages of files may connect, and so may any sandboxed frame of any site',
      );
    }
  }

  /** @throws OpstreamError `forbidden`, naming the setting that would allow it */
  check(request: Arrival): void {
    if (isOpenPath(request)) return;
    this.checkHost(request);
    const { origin, host } = request.headers;
    if (origin === undefined) {
      if (!isCrossSite(request)) return;
      throw new OpstreamError('forbidden', 'Cross-site requests are not allowed');
    }
    if (this.lists(origin) || this.isOwn(origin, host)) return;
    const named = origin.slice(0, 200);
    throw new OpstreamError('forbidden', `Origin ${named} is not allowed: add it to ALLOWED_ORIGINS`);
  }

  /** Whether pages of this origin may read responses (ALLOWED_ORIGINS); the service's own pages always may. */
  lists(origin: string): boolean {
    return this.origins.has('*') || this.origins.has(origin);
  }

  private checkHost({ headers: { host }, rawHeaders = [] }: Arrival): void {
    if (hostsIn(rawHeaders) > 1) {
      throw new OpstreamError('invalid_request', 'The request has two Host headers');
    }
    // Without a list of names, a service on a public address cannot tell right from wrong.
    if (this.hosts.size === 0 && !this.exposure.onLoopback) return;
    if (host === undefined) throw new OpstreamError('forbidden', 'The Host header is missing');
    const name = host.toLowerCase().replace(/:\d+$/, '');
    if (this.hosts.has(name) || this.hosts.has(host.toLowerCase())) return;
    if (this.exposure.onLoopback && isLoopback(name)) return;
    throw new OpstreamError(
      'forbidden',
      `Host ${host.slice(0, 200)} is not allowed: add it to ALLOWED_HOSTS`,
    );
  }

  /** Whether a page is the service's own: same host and port, where all loopback names are one host. */
  private isOwn(origin: string, host: string | undefined): boolean {
    const page = parse(origin);
    const here = host === undefined ? undefined : parse(`${page?.protocol ?? 'http:'}//${host}`);
    if (!page || !here || page.host === '') return false;
    // Only a proxy could have served this page over TLS.
    if (this.exposure.isLocal && page.protocol !== 'http:') return false;
    if (page.host === here.host) return true;
    return (
      this.exposure.onLoopback &&
      page.port === here.port &&
      isLoopback(page.hostname) &&
      isLoopback(here.hostname)
    );
  }
}

/** Names and values alternate. */
function hostsIn(rawHeaders: readonly string[]): number {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  return hosts;
}

/** A request caused by a page of another site, without an Origin header. Following a link does not count. */
function isCrossSite({ headers, method, url }: Arrival): boolean {
  if (headers['sec-fetch-site'] !== 'cross-site') return false;
  const isNavigation =
    (method === 'GET' || method === 'HEAD') &&
    headers['sec-fetch-mode'] === 'navigate' &&
    headers['sec-fetch-dest'] === 'document';
  return !isNavigation || isDataPath(url);
}

/** An HTTP origin; undefined for `null`, other schemes and invalid text. */
function parse(origin: string): URL | undefined {
  if (!/^https?:\/\/[^/?#@]+$/i.test(origin) || !URL.canParse(origin)) return undefined;
  return new URL(origin);
}
