import { type BeforeApplicationShutdown, Logger } from '@nestjs/common';
import {
  type OnGatewayConnection,
  type OnGatewayDisconnect,
  type OnGatewayInit,
  WebSocketGateway,
} from '@nestjs/websockets';
import type { WebSocket } from 'ws';
import { AuditLog } from '../../../auth/audit-log.js';
import { echoedSubprotocol } from '../../../auth/credentials.js';
import { ConnectionLimit } from '../../../auth/connection-limit.js';
import { RateLimits } from '../../../auth/rate-limits.js';
import { Configuration } from '../../../config/configuration.js';
import { Connection } from '../../../streaming/socket/connection.js';
import { Heartbeat } from '../../../streaming/socket/heartbeat.js';
import { MessageLimits } from '../../../streaming/socket/message-limits.js';
import { SHARED_DEFLATE } from '../../../streaming/socket/text-frame.js';
import { protocolOn, type SocketServer } from '../../../streaming/upgrade/socket-server.js';
import { withSelection } from '../../tools/tool-selection.js';
import type { UpgradeRequest } from '../../../streaming/socket/upgrade-request.js';
import { McpDispatcher } from '../../dispatch/dispatcher.service.js';
import { McpMessageLogger } from '../../session/message-logger.js';
import { MCP_PATH } from '../http/mcp-http.service.js';
import { McpSessions } from '../../session/mcp-sessions.service.js';
import { McpSocket, type SocketDependencies } from './mcp-socket.js';
import { SocketMounts } from './socket-mounts.service.js';

/** Bytes of one message. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
const SUBPROTOCOL = 'mcp';

/** MCP over WebSocket on `/mcp`, and on `/ws` for existing clients. Silent until the client speaks. */
@WebSocketGateway(protocolOn(MCP_PATH))
export class McpGateway
  implements OnGatewayInit, OnGatewayConnection, OnGatewayDisconnect, BeforeApplicationShutdown
{
  private readonly logger = new Logger('Mcp');
  private readonly connections = new Set<Connection>();
  private readonly sockets = new Map<WebSocket, { connection: Connection; mcp: McpSocket }>();
  private readonly dependencies: SocketDependencies;
  private heartbeat: Heartbeat | undefined;

  constructor(
    private readonly configuration: Configuration,
    dispatcher: McpDispatcher,
    sessions: McpSessions,
    trace: McpMessageLogger,
    private readonly mounts: SocketMounts,
    private readonly limits: RateLimits,
    private readonly audit: AuditLog,
  ) {
    this.dependencies = { dispatcher, sessions, trace };
  }

  afterInit(server: SocketServer): void {
    const { authRequired, pingIntervalMs, pingTimeoutMs } = this.configuration.mcp;
    const places = new ConnectionLimit(this.configuration.streaming.maxSocketsPerUser);
    server.configure({
      aliases: this.mounts.paths,
      maxPayload: MAX_MESSAGE_BYTES,
      perMessageDeflate: SHARED_DEFLATE,
      chooseProtocol: (offered) => echoedSubprotocol(offered, SUBPROTOCOL),
      admission: {
        tokenRequired: authRequired,
        reserve: (principal, address) => places.reserve(principal, address),
      },
    });
    this.mounts.serveWith(server);
    const timedOut = ({ principal }: Connection): void =>
      this.logger.log({ event: 'mcp_ping_timeout', user: principal.userId });
    this.heartbeat = new Heartbeat(this.connections, pingIntervalMs, timedOut, pingTimeoutMs);
  }

  handleConnection(socket: WebSocket, request: UpgradeRequest): void {
    const connection = new Connection(socket, request);
    const gate = new MessageLimits(connection, this.limits, this.audit);
    const resume = request.query.get('session_id');
    const mcp = new McpSocket(
      connection,
      gate,
      this.dependencies,
      withSelection(request.headers, request.url),
      resume,
    );
    this.connections.add(connection);
    this.mounts.opened(request, connection);
    this.sockets.set(socket, { connection, mcp });
    connection.onFrame((frame, isBinary) => mcp.receive(frame, isBinary));
  }

  handleDisconnect(socket: WebSocket): void {
    const entry = this.sockets.get(socket);
    if (!entry) return;
    this.sockets.delete(socket);
    this.connections.delete(entry.connection);
    entry.mcp.closed();
  }

  beforeApplicationShutdown(): void {
    this.heartbeat?.stop();
  }
}
