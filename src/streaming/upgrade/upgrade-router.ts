import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { Logger } from '@nestjs/common';
import type { Authenticator } from '../../auth/authenticator.js';
import type { OriginPolicy } from '../../auth/origin-policy.js';
import { OpstreamError, toOpstreamError } from '../../platform/errors/opstream-error.js';
import { matchPath } from './path-pattern.js';
import type { SocketServer } from './socket-server.js';
import type { UpgradeRequest } from './upgrade-request.js';

/**
 * Answers upgrade requests: finds the protocol by path, checks Host and Origin, authenticates and reserves a place,
 * all before the upgrade is answered. A refusal carries the standard reason phrase and its text as body.
 */
export class UpgradeRouter {
  private readonly logger = new Logger(UpgradeRouter.name);
  private closing = false;

  constructor(
    private readonly servers: readonly SocketServer[],
    private readonly authenticator: Authenticator,
    private readonly origins: OriginPolicy,
  ) {}

  /** From now on every upgrade is refused with 503. */
  close(): void {
    this.closing = true;
  }

  readonly handle = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // The peer may go away while authentication is under way.
    socket.on('error', ignore);
    void this.admit(request, socket, head);
  };

  private async admit(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const [pathname = '/', query = ''] = (request.url ?? '/').split('?', 2);
    const match = matchPath(
      pathname,
      this.servers.flatMap((server) => server.paths.map((pattern) => ({ pattern, target: server }))),
    );
    if (!match) return refuse(socket, 400, `No protocol is served on ${pathname.slice(0, 100)}`);
    const { admission, sockets } = match.target;
    try {
      if (this.closing) throw new OpstreamError('shutting_down', 'The service is shutting down');
      this.origins.check(request.headers);
      const principal = await this.authenticator.authenticate(
        { headers: request.headers, url: request.url ?? '/' },
        admission.tokenRequired,
      );
      const release = admission.reserve?.(principal);
      if (release) socket.once('close', release);
      if (socket.destroyed) return;
      const upgrade = Object.assign(request, {
        principal,
        params: match.params,
        pathname,
        query: new URLSearchParams(query),
      }) satisfies UpgradeRequest;
      socket.off('error', ignore);
      sockets.handleUpgrade(upgrade, socket, head, (ws) => {
        sockets.emit('connection', ws, upgrade);
        match.target.emit('connection', ws, upgrade);
      });
    } catch (thrown) {
      const error = toOpstreamError(thrown);
      this.audit(request, error);
      const body = error.code === 'unauthorized' ? admission.unauthorizedBody?.(error.message) : undefined;
      refuse(socket, error.entry.status, body ?? error.message);
    }
  }

  private audit(request: IncomingMessage, error: OpstreamError): void {
    const { remoteAddress } = request.socket;
    const path = request.url?.split('?', 1)[0];
    const level = error.entry.status >= 500 ? 'error' : 'warn';
    this.logger[level]({
      event: 'upgrade_refused',
      code: error.code,
      reason: error.message,
      path,
      ip: remoteAddress,
    });
  }
}

function refuse(socket: Duplex, status: number, body: string): void {
  if (socket.destroyed) return;
  socket.once('finish', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function ignore(): void {}
