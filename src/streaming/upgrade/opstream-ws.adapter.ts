import type { Server } from 'node:http';
import { type INestApplication, Logger } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { WebSocket, type WebSocketServer } from 'ws';
import { AuditLog } from '../../auth/audit-log.js';
import { Authenticator } from '../../auth/authenticator.js';
import { isLoopback } from '../../auth/loopback.js';
import { OriginPolicy } from '../../auth/origin-policy.js';
import { RateLimits } from '../../auth/rate-limits.js';
import { Configuration } from '../../config/configuration.js';
import { OpenRequests } from '../../platform/lifecycle/open-requests.js';
import { listenFor } from '../../rest/server/listening-server.js';
import { ignoreOtherUpgrades } from '../../rest/server/websocket-offer.js';
import { SocketMetrics } from '../socket/socket-metrics.js';
import { isProtocol, SocketServer } from './socket-server.js';
import { UpgradeRouter } from './upgrade-router.js';
import { CLOSE_CODES } from '../../client/protocol/close-codes.js';

/** How long a client may take to answer the close frame before its socket is destroyed. */
const CLOSE_TIMEOUT_MS = 2000;

/** How Nest denotes the application's own HTTP server. */
const APPLICATION_PORT = 0;

type HttpServerArguments = Parameters<WsAdapter['ensureHttpServerExists']>;
type HttpServerResult = ReturnType<WsAdapter['ensureHttpServerExists']>;
type Handlers = Parameters<WsAdapter['bindMessageHandlers']>;

/**
 * Nest's `ws` platform. Opstream's own gateways share the one HTTP server, each on its own path, with path parameters,
 * aliases, authentication before the upgrade, and an orderly close (1001) instead of `terminate`. Gateways of a host
 * application are handled by the base class, as `@nestjs/platform-ws` documents, with the orderly close, too.
 */
export class OpstreamWsAdapter extends WsAdapter {
  private readonly servers: SocketServer[] = [];
  private readonly router: UpgradeRouter;
  private readonly enabled: boolean;
  private readonly extras: Server[] = [];
  private readonly openRequests: OpenRequests;
  private attached: Server | undefined;
  /** Servers of the host application's gateways on the HTTP server, by path. */
  private readonly hostServers = new Map<string, WebSocketServer>();
  /** Servers whose gateway is connected. */
  private readonly connected = new WeakSet<object>();
  private readonly hostClients = new WeakSet<WebSocket>();

  constructor(app: INestApplication) {
    super(app);
    const { streaming, http } = app.get(Configuration);
    this.openRequests = app.get(OpenRequests);
    this.enabled = streaming.enabled;
    const checks = {
      authenticator: app.get(Authenticator),
      origins: app.get(OriginPolicy),
      limits: app.get(RateLimits),
      audit: app.get(AuditLog),
      trustProxy: http.trustProxy,
    };
    this.router = new UpgradeRouter(this.servers, this.hostServers, checks, app.get(SocketMetrics));
  }

  override create(
    port: number,
    options: { path?: string } & Record<string, unknown> = {},
  ): SocketServer | WebSocketServer {
    this.attach();
    if (!isProtocol(options)) return this.createForHost(port, options);
    const server = new SocketServer(options.path ?? '/', this.router.handle);
    if (this.enabled) this.servers.push(server);
    return server;
  }

  /** Serves the same on a further address or port. The returned server listens when the promise resolves. */
  async listenAlso(port: number, host: string): Promise<Server> {
    const place = { port, host, onLoopback: isLoopback(host) };
    const extra = await listenFor(place, this.httpServer as Server, (server) => {
      server.on('upgrade', this.router.handle);
      this.reportErrors(server);
      this.openRequests.watch(server);
    });
    this.extras.push(extra);
    return extra;
  }

  /**
   * Called once per gateway. Nest gives gateways with the same path the same server.
   * @throws Error for a gateway of the host application on one of Opstream's paths
   */
  override bindClientConnect(server: SocketServer | WebSocketServer, callback: () => void): void {
    if (server instanceof SocketServer && this.connected.has(server))
      throw new Error(`The path ${server.path} belongs to Opstream; give the gateway another one`);
    this.connected.add(server);
    super.bindClientConnect(server, callback);
  }

  /** Opstream's protocols read their frames themselves, in order; `@SubscribeMessage` is for a host's gateways. */
  override bindMessageHandlers(...[client, handlers, transform]: Handlers): void {
    if (this.hostClients.has(client as WebSocket)) super.bindMessageHandlers(client, handlers, transform);
  }

  /** Closes every client with "going away", then terminates those that do not answer. */
  override async close(server: SocketServer | WebSocketServer): Promise<void> {
    this.router.close();
    await Promise.all([...server.clients].map(goingAway));
    if (!(server instanceof SocketServer)) await super.close(server);
  }

  override async dispose(): Promise<void> {
    await super.dispose();
    this.attached?.off('upgrade', this.router.handle);
    await Promise.all(this.extras.splice(0).map(closed));
    new Logger('Agents').log('WebSocket server shut down');
  }

  private createForHost(port: number, options: Record<string, unknown>): WebSocketServer {
    const server = super.create(port, options) as WebSocketServer;
    server.on('connection', (client) => this.hostClients.add(client));
    return server;
  }

  /** The upgrade router serves the application's HTTP server; the inherited listener would destroy its sockets. */
  protected override ensureHttpServerExists(...[port, server]: HttpServerArguments): HttpServerResult {
    return port === APPLICATION_PORT ? undefined : super.ensureHttpServerExists(port, server);
  }

  protected override addWsServerToRegistry<T extends Record<'path', string>>(
    server: T,
    port: number,
    path: string,
  ): void {
    super.addWsServerToRegistry(server, port, path);
    if (port !== APPLICATION_PORT) return;
    this.hostServers.set(server.path, server as unknown as WebSocketServer);
  }

  /**
   * A listening server may fail to accept a connection (e.g. out of memory) and continues. Without a listener the
   * error would end the process; interested protocols are notified. Failures to listen are handled by the caller.
   */
  private reportErrors(server: Server): void {
    server.on('error', (error) => {
      if (!server.listening) return;
      for (const protocol of this.servers) protocol.fail(error);
    });
  }

  private attach(): void {
    if (this.attached) return;
    this.attached = this.httpServer as Server;
    this.attached.on('upgrade', this.router.handle);
    this.reportErrors(this.attached);
    ignoreOtherUpgrades(this.attached, this.router.handle);
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
    client.close(CLOSE_CODES.goingAway.code, 'Going away');
  });
}
