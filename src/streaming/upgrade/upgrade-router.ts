import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocketServer } from 'ws';
import type { AuditLog } from '../../auth/audit-log.js';
import type { Authenticator } from '../../auth/authenticator.js';
import { clientAddress } from '../../auth/client-address.js';
import type { OriginPolicy } from '../../auth/origin-policy.js';
import type { Principal } from '../../auth/principal.js';
import type { RateLimits } from '../../auth/rate-limits.js';
import { OpstreamError, toOpstreamError } from '../../platform/errors/opstream-error.js';
import { requestTarget, withoutTrailingSlash } from '../../platform/http/request-target.js';
import type { SocketMetrics } from '../socket/socket-metrics.js';
import { acceptableOffers } from './extension-offers.js';
import { matchPath, type PathMatch } from './path-pattern.js';
import type { SocketServer } from './socket-server.js';
import type { UpgradeRequest } from '../socket/upgrade-request.js';

/** Decisions about upgrades. */
export interface UpgradeCallbacks {
  readonly authenticator: Authenticator;
  readonly origins: OriginPolicy;
  readonly limits: RateLimits;
  readonly audit: AuditLog;
  readonly trustProxy: boolean;
}

/**
 * Handles upgrade requests: finds the protocol by path, checks Host and Origin, authenticates and reserves a slot, all
 * before the upgrade is answered. A refusal carries the standard reason phrase and an explanation as body.
 */
export class UpgradeRouter {
  private closing = false;

  constructor(
    private readonly servers: readonly SocketServer[],
    /** Gateways of the host application by path; they take precedence over Opstream's aliases. */
    private readonly hostServers: ReadonlyMap<string, WebSocketServer>,
    private readonly checks: UpgradeCallbacks,
    private readonly metrics: SocketMetrics,
  ) {}

  /** From now on every upgrade is refused with 503. */
  close(): void {
    this.closing = true;
  }

  readonly handle = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const { pathname } = requestTarget(request.url);
    const host = this.hostServers.get(pathname);
    if (host && !this.closing) {
      host.handleUpgrade(request, socket, head, (ws) => host.emit('connection', ws, request));
      return;
    }
    // The peer may disconnect during authentication.
    socket.on('error', ignore);
    void this.admit(request, socket, head);
  };

  private async admit(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { authenticator, limits, trustProxy, audit } = this.checks;
    const { pathname, query } = requestTarget(request.url);
    let server: SocketServer | undefined;
    let principal: Principal | undefined;
    try {
      const match = this.find(pathname, request);
      server = match.target;
      const { admission, sockets } = server;
      const address = clientAddress(request, trustProxy);
      principal = await authenticator.authenticate(request, admission.tokenRequired);
      limits.takeMessage(principal, address);
      // If the client has disconnected, do not reserve a slot: no close event would release it.
      if (socket.destroyed) return;
      const release = admission.reserve?.(principal, address);
      if (release) socket.once('close', release);
      const upgrade = Object.assign(request, {
        principal,
        address,
        metrics: this.metrics,
        params: match.params,
        pathname,
        query: new URLSearchParams(query),
      }) satisfies UpgradeRequest;
      socket.off('error', ignore);
      reduceOffers(request, server);
      sockets.handleUpgrade(upgrade, socket, head, (ws) => {
        this.metrics.watch(ws);
        sockets.emit('connection', ws, upgrade);
        match.target.emit('connection', ws, upgrade);
      });
    } catch (thrown) {
      const error = toOpstreamError(thrown);
      if (error.code === 'internal') server?.fail(thrown);
      audit.upgradeRefused(request, error, { principal });
      const inOwnWords =
        error.code === 'unauthorized' ? server?.admission.unauthorizedBody?.(error.message) : undefined;
      refuse(socket, error, inOwnWords ?? error.message);
    }
  }

  /** @throws OpstreamError a refusal that does not depend on the caller */
  private find(pathname: string, request: IncomingMessage): PathMatch<SocketServer> {
    if (this.closing) throw new OpstreamError('shutting_down', 'The service is shutting down');
    this.checks.origins.check(request);
    const routes = this.servers.flatMap((target) => target.paths.map((pattern) => ({ pattern, target })));
    const match = matchPath(pathname, routes) ?? matchPath(withoutTrailingSlash(pathname), routes);
    if (this.servers.length === 0) {
      throw new OpstreamError('invalid_request', 'WebSockets are off here (ENABLE_WEBSOCKET)');
    }
    // Existing clients expect 400, not 404.
    if (!match) {
      throw new OpstreamError('invalid_request', `No protocol is served on ${pathname.slice(0, 100)}`);
    }
    return match;
  }
}

function refuse(socket: Duplex, { entry: { status }, extra }: OpstreamError, body: string): void {
  if (socket.destroyed) return;
  socket.once('finish', () => socket.destroy());
  const retryAfter = typeof extra.retry_after === 'number' ? `Retry-After: ${extra.retry_after}\r\n` : '';
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n${retryAfter}` +
      'Content-Type: text/plain; charset=utf-8\r\n' +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** Reduces the offers in the handshake to those `ws` accepts; it would refuse the others instead of declining them. */
function reduceOffers({ headers }: IncomingMessage, { windowBits }: SocketServer): void {
  // A request may offer other protocols beside ours.
  headers.upgrade = 'websocket';
  const offers = acceptableOffers(headers['sec-websocket-extensions'] ?? '', windowBits);
  if (offers === undefined) delete headers['sec-websocket-extensions'];
  else headers['sec-websocket-extensions'] = offers;
}

function ignore(): void {}
