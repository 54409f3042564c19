import { createServer, type Server } from 'node:http';
import { type INestApplication, Logger } from '@nestjs/common';
import { AbstractWsAdapter } from '@nestjs/websockets';
import { WebSocket } from 'ws';
import { AuditLog } from '../../auth/audit-log.js';
import { Authenticator } from '../../auth/authenticator.js';
import { OriginPolicy } from '../../auth/origin-policy.js';
import { RateLimits } from '../../auth/rate-limits.js';
import { Configuration } from '../../config/configuration.js';
import { SERVER_TIMEOUTS } from '../../rest/server-timeouts.js';
import { SocketMetrics } from '../socket/socket-metrics.js';
import { SocketServer } from './socket-server.js';
import { UpgradeRouter } from './upgrade-router.js';

/**
 * Connections the kernel keeps until they are accepted (it may allow fewer). With Node's 511, thousands of clients that
 * return at once find the queue full, and TCP lets them wait for 1, 3, 7, 15 … seconds before they knock again.
 */
export const LISTEN_BACKLOG = 4096;

/** How long a client may take to answer the close frame before its socket is destroyed. */
const CLOSE_TIMEOUT_MS = 2000;

/**
 * Nest's `ws` platform for protocols of our own: every gateway on the one HTTP server under its own path, with path
 * parameters, aliases, authentication before the upgrade, and an orderly end (1001) instead of `terminate`.
 */
export class OpstreamWsAdapter extends AbstractWsAdapter {
  private readonly servers: SocketServer[] = [];
  private readonly router: UpgradeRouter;
  private readonly enabled: boolean;
  private readonly extras: Server[] = [];
  private attached: Server | undefined;

  constructor(app: INestApplication) {
    super(app);
    const { streaming, http } = app.get(Configuration);
    this.enabled = streaming.enabled;
    const checks = {
      authenticator: app.get(Authenticator),
      origins: app.get(OriginPolicy),
      limits: app.get(RateLimits),
      audit: app.get(AuditLog),
      trustProxy: http.trustProxy,
    };
    this.router = new UpgradeRouter(this.servers, checks, app.get(SocketMetrics));
  }

  override create(_port: number, { path = '/' }: { path?: string } = {}): SocketServer {
    this.attach();
    const server = new SocketServer(path, this.router.handle);
    if (this.enabled) this.servers.push(server);
    return server;
  }

  /** Serves the same on a further port. The returned server listens when its promise resolves. */
  async listenAlso(port: number, host: string): Promise<Server> {
    const main = this.httpServer as Server;
    const extra = createServer(SERVER_TIMEOUTS, (request, response) =>
      main.emit('request', request, response),
    );
    extra.on('upgrade', this.router.handle);
    await new Promise<void>((resolve, reject) => {
      extra.once('error', reject);
      extra.listen({ port, host, backlog: LISTEN_BACKLOG }, resolve);
    });
    this.extras.push(extra);
    return extra;
  }

  /** Frames go to the protocol's own handler, in order; `@SubscribeMessage` is not used. */
  override bindMessageHandlers(): void {}

  override bindClientDisconnect(client: WebSocket, callback: () => void): void {
    client.once('close', callback);
  }

  /** Tells every client that the service goes away, then ends who does not answer. */
  override async close(server: SocketServer): Promise<void> {
    this.router.close();
    await Promise.all([...server.clients].map(goingAway));
  }

  override async dispose(): Promise<void> {
    this.attached?.off('upgrade', this.router.handle);
    await Promise.all(this.extras.splice(0).map(closed));
    new Logger('Agents').log('WebSocket server shut down');
  }

  private attach(): void {
    if (this.attached) return;
    this.attached = this.httpServer as Server;
    this.attached.on('upgrade', this.router.handle);
  }
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}

function goingAway(client: WebSocket): Promise<void> {
  if (client.readyState === WebSocket.CLOSED) return Promise.resolve();
  return new Promise((resolve) => {
    const deadline = setTimeout(() => client.terminate(), CLOSE_TIMEOUT_MS);
    client.once('close', () => {
      clearTimeout(deadline);
      resolve();
    });
    client.close(1001, 'Going away');
  });
}
