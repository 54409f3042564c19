import { type BeforeApplicationShutdown, Logger } from '@nestjs/common';
import {
  type OnGatewayConnection,
  type OnGatewayDisconnect,
  type OnGatewayInit,
  WebSocketGateway,
} from '@nestjs/websockets';
import type { WebSocket } from 'ws';
import { ConnectionLimit } from '../../auth/connection-limit.js';
import { Configuration } from '../../config/configuration.js';
import { Connection } from '../socket/connection.js';
import { Heartbeat } from '../socket/heartbeat.js';
import { SHARED_DEFLATE } from '../socket/text-frame.js';
import { EXISTING_CLIENT_PATHS } from '../existing-client-paths.js';
import { protocolOn, type SocketServer } from '../upgrade/socket-server.js';
import type { UpgradeRequest } from '../socket/upgrade-request.js';
import { welcome } from '../commands/answer.js';
import { CommandExtensions } from '../commands/command-extensions.js';
import { CommandDependencies } from '../commands/command-dependencies.js';
import { HubSession } from './hub-session.js';
import { CLOSE_CODES } from '../../client/protocol/close-codes.js';

const HUB_PATH = '/hub';
/** Bytes of one frame. */
const MAX_FRAME_BYTES = 1024 * 1024;

/** The operations hub on `/hub`, and on `/` for clients that were written for its own port. */
@WebSocketGateway(protocolOn(HUB_PATH))
export class HubGateway
  implements OnGatewayInit, OnGatewayConnection, OnGatewayDisconnect, BeforeApplicationShutdown
{
  private readonly logger = new Logger('Hub');
  private readonly sessions = new Map<WebSocket, HubSession>();
  private readonly connections = new Set<Connection>();
  private heartbeat: Heartbeat | undefined;

  constructor(
    private readonly configuration: Configuration,
    private readonly dependencies: CommandDependencies,
    private readonly extensions: CommandExtensions,
  ) {}

  afterInit(server: SocketServer): void {
    const places = new ConnectionLimit(this.configuration.streaming.maxSocketsPerUser);
    server.configure({
      aliases: EXISTING_CLIENT_PATHS.hub,
      maxPayload: MAX_FRAME_BYTES,
      perMessageDeflate: SHARED_DEFLATE,
      admission: { reserve: (principal, address) => places.reserve(principal, address) },
    });
    this.dependencies.status.started();
    if (!this.configuration.streaming.enabled) return;
    this.heartbeat = new Heartbeat(
      this.connections,
      this.configuration.streaming.heartbeatIntervalMs,
      (connection) =>
        this.logger.log({ event: 'websocket_heartbeat_timeout', user: connection.principal.userId }),
    );
    this.logger.log('WebSocket manager initialized');
  }

  handleConnection(socket: WebSocket, request: UpgradeRequest): void {
    const connection = new Connection(socket, request);
    const session = new HubSession(connection, this.dependencies, this.extensions);
    this.connections.add(connection);
    this.sessions.set(socket, session);
    this.dependencies.status.clientConnected(session.tenant);
    connection.onFrame((frame) => session.receive(frame));
    void this.welcome(connection);
    // Only clients of the bare address connect and then wait; `/hub` clients subscribe explicitly.
    if (request.pathname !== HUB_PATH) session.startAutoMonitor(this.configuration.streaming.autoMonitorMs);
  }

  /** Nothing is read before the welcome is sent, so that it comes first. */
  private async welcome(connection: Connection): Promise<void> {
    connection.hold('welcome');
    try {
      const log = await this.dependencies.places.tokenOf(connection.principal.tenant);
      connection.send(welcome(connection.clientId, log));
    } catch (thrown) {
      this.dependencies.reportFailure(thrown);
      connection.close(CLOSE_CODES.internalError.code, 'Internal error');
    } finally {
      connection.release('welcome');
    }
  }

  handleDisconnect(socket: WebSocket): void {
    const session = this.sessions.get(socket);
    if (!session) return;
    this.sessions.delete(socket);
    this.connections.delete(session.connection);
    session.close();
    this.dependencies.status.clientLeft(session.tenant);
  }

  /** Sends a custom message to every connected client of a tenant. @returns how many it was sent to */
  broadcastToAll(tenant: string, message: object): number {
    const text = JSON.stringify(message);
    let sent = 0;
    for (const session of this.sessions.values()) {
      if (session.tenant !== tenant || !session.connection.open) continue;
      session.connection.send(text);
      sent += 1;
    }
    return sent;
  }

  beforeApplicationShutdown(): void {
    this.heartbeat?.stop();
    this.dependencies.status.stopped();
  }
}
