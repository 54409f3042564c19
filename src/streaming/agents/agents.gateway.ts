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
import { CommandDependencies } from '../commands/command-dependencies.js';
import { Connection } from '../socket/connection.js';
import { Heartbeat } from '../socket/heartbeat.js';
import { MessageLogger } from '../socket/message-logger.js';
import { SHARED_DEFLATE } from '../socket/text-frame.js';
import { protocolOn, type Admission, type SocketServer } from '../upgrade/socket-server.js';
import type { UpgradeRequest } from '../socket/upgrade-request.js';
import { message } from './agent-answer.js';
import { DEFLATE_ABOVE } from './agent-format.js';
import { AgentRooms } from './agent-rooms.js';
import { AgentSession } from './agent-session.js';

/** Bytes of one message. */
const MAX_MESSAGE_BYTES = 1024 * 1024;
/** Messages longer than the threshold are compressed. */
const DEFLATE = { ...SHARED_DEFLATE, zlibDeflateOptions: { level: 6 }, threshold: DEFLATE_ABOVE } as const;

/** The agents protocol on `WEBSOCKET_PATH`: a token is always required, and connections per user are limited. */
@WebSocketGateway(protocolOn('/agents'))
export class AgentsGateway
  implements OnGatewayInit, OnGatewayConnection, OnGatewayDisconnect, BeforeApplicationShutdown
{
  private readonly logger = new Logger('Agents');
  private readonly log: MessageLogger;
  private readonly sessions = new Map<WebSocket, AgentSession>();
  private readonly connections = new Set<Connection>();
  private heartbeat: Heartbeat | undefined;

  constructor(
    private readonly configuration: Configuration,
    private readonly dependencies: CommandDependencies,
    private readonly rooms: AgentRooms,
  ) {
    this.log = new MessageLogger('Agents', configuration);
  }

  afterInit(server: SocketServer): void {
    const { agentsPath, heartbeatIntervalMs, enabled } = this.configuration.streaming;
    if (enabled) this.logger.log(`Initializing WebSocket server on path: ${agentsPath}`);
    server.configure({
      path: agentsPath,
      maxPayload: MAX_MESSAGE_BYTES,
      perMessageDeflate: DEFLATE,
      admission: this.admission(),
    });
    server.sockets.on('error', (error) => {
      this.dependencies.metrics.serverErrors += 1;
      this.logger.error({ event: 'websocket_server_error', error });
    });
    if (!enabled) return;
    this.heartbeat = new Heartbeat(this.connections, heartbeatIntervalMs, ({ principal }) =>
      this.logger.log({ event: 'websocket_heartbeat_timeout', user: principal.userId }),
    );
    this.logger.log(`WebSocket heartbeat started with interval: ${heartbeatIntervalMs}ms`);
    this.logger.log('WebSocket server initialized successfully');
  }

  handleConnection(socket: WebSocket, request: UpgradeRequest): void {
    const connection = new Connection(socket, request, DEFLATE.threshold);
    const { userId } = connection.principal;
    const session = new AgentSession(connection, this.dependencies, this.log, this.rooms.enter(connection));
    this.connections.add(connection);
    this.sessions.set(socket, session);
    this.logger.log({ event: 'websocket_connection', user: userId, ip: connection.address });
    connection.onFrame((frame) => session.receive(frame));
    socket.on('error', (error) =>
      this.logger.error({ event: 'websocket_error', user: userId, error: error.message }),
    );
    socket.on('close', (code, reason) =>
      this.logger.log({ event: 'websocket_disconnection', user: userId, code, reason: reason.toString() }),
    );
    connection.send(message('connection_established', { message: 'Connected to MCP Server' }));
  }

  handleDisconnect(socket: WebSocket): void {
    const session = this.sessions.get(socket);
    if (!session) return;
    this.sessions.delete(socket);
    this.connections.delete(session.connection);
    this.rooms.leave(session.connection);
    session.close();
  }

  /** Open connections of all tenants. */
  getConnections(): number {
    return this.rooms.connections;
  }

  /**
   * Sends a custom message to the connected agents of a tenant.
   * @param except a connection to leave out
   * @returns how many it was sent to
   */
  broadcast(tenant: string, data: object, except?: Connection): number {
    const room = this.rooms.of(tenant);
    try {
      const sentCount = room?.broadcast(JSON.stringify(data), except) ?? 0;
      this.logger.debug({
        event: 'websocket_broadcast',
        clientCount: room?.size ?? 0,
        sentCount,
        messageType: 'type' in data ? data.type : undefined,
      });
      return sentCount;
    } catch (error) {
      this.dependencies.metrics.serverErrors += 1;
      this.logger.error({ event: 'websocket_broadcast_error', error });
      return 0;
    }
  }

  beforeApplicationShutdown(): void {
    this.heartbeat?.stop();
  }

  private admission(): Admission {
    const places = new ConnectionLimit(this.configuration.streaming.maxConnectionsPerUser);
    return {
      tokenRequired: true,
      unauthorizedBody: (detail) => `Unauthorized: ${detail}`,
      reserve: (principal, address) => {
        const giveBack = places.reserve(principal, address);
        this.dependencies.audit.upgradeAccepted(principal, places.count(principal, address));
        return giveBack;
      },
    };
  }
}
