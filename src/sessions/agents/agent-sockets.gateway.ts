import { Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import {
  type OnGatewayConnection,
  type OnGatewayDisconnect,
  type OnGatewayInit,
  WebSocketGateway,
} from '@nestjs/websockets';
import type { WebSocket } from 'ws';
import { AuditLog } from '../../auth/audit-log.js';
import { requireScope } from '../../auth/auth.guard.js';
import { ConnectionLimit } from '../../auth/connection-limit.js';
import { RateLimits } from '../../auth/rate-limits.js';
import { Configuration } from '../../config/configuration.js';
import { Connection } from '../../streaming/socket/connection.js';
import { Heartbeat } from '../../streaming/socket/heartbeat.js';
import { Inbox } from '../../streaming/socket/inbox.js';
import { MessageLimits } from '../../streaming/socket/message-limits.js';
import { SHARED_DEFLATE } from '../../streaming/socket/text-frame.js';
import type { UpgradeRequest } from '../../streaming/socket/upgrade-request.js';
import { protocolOn, type SocketServer } from '../../streaming/upgrade/socket-server.js';
import { actorOf } from '../actor.js';
import { socketFormatsFor } from '../delivery/session-formats.js';
import { SessionSubscriptions } from '../delivery/session-subscriptions.service.js';
import { SessionPresence } from '../presence.service.js';
import { SessionsService } from '../sessions.service.js';
import { AgentSocket } from './agent-socket.js';
import { CLOSE_CODES } from '../../client/protocol/close-codes.js';

const MAX_FRAME_BYTES = 1024 * 1024;

interface Entry {
  readonly agent: AgentSocket;
  readonly inbox: Inbox;
  readonly leave: () => void;
}

/** Sockets for agents that speak plain JSON rather than MCP: they read a session, and follow it on demand. */
@WebSocketGateway(protocolOn('/mcp/:session_id'))
export class AgentSocketsGateway
  implements OnGatewayInit, OnGatewayConnection, OnGatewayDisconnect, BeforeApplicationShutdown
{
  private readonly logger = new Logger('Sessions');
  private readonly entries = new Map<WebSocket, Entry>();
  private readonly connections = new Set<Connection>();
  private heartbeat: Heartbeat | undefined;

  constructor(
    private readonly configuration: Configuration,
    private readonly sessions: SessionsService,
    private readonly subscriptions: SessionSubscriptions,
    private readonly presence: SessionPresence,
    private readonly limits: RateLimits,
    private readonly audit: AuditLog,
  ) {}

  afterInit(server: SocketServer): void {
    const { streaming, mcp } = this.configuration;
    const places = new ConnectionLimit(streaming.maxStreamsPerUser);
    server.configure({
      maxPayload: MAX_FRAME_BYTES,
      perMessageDeflate: SHARED_DEFLATE,
      admission: {
        tokenRequired: mcp.authRequired,
        reserve: (principal, address) => {
          requireScope(principal, 'sessions:read');
          return places.reserve(principal, address);
        },
      },
    });
    if (!streaming.enabled) return;
    this.heartbeat = new Heartbeat(this.connections, streaming.heartbeatIntervalMs, ({ principal }) =>
      this.logger.log({ event: 'websocket_heartbeat_timeout', user: principal.userId }),
    );
  }

  handleConnection(socket: WebSocket, request: UpgradeRequest): void {
    const connection = new Connection(socket, request);
    const actor = actorOf(connection.principal, this.configuration.sessions.visibility === 'open');
    const session = { tenant: actor.tenant, sessionId: request.params.session_id! };
    const limits = new MessageLimits(connection, this.limits, this.audit);
    const failed = (thrown: unknown): void => {
      this.logger.error({ event: 'session_not_readable', error: thrown });
      connection.close(CLOSE_CODES.internalError.code, 'The session cannot be read');
    };
    const agent = new AgentSocket({
      connection,
      actor,
      sessionId: session.sessionId,
      sessions: this.sessions,
      count: () => limits.count(),
      follow: (after) =>
        this.subscriptions.follow({
          session,
          viewer: actor.viewer,
          sink: connection,
          ...socketFormatsFor(connection, true),
          after,
          onError: failed,
        }),
    });
    const inbox = new Inbox(
      connection,
      (frame) => agent.receive(frame, false),
      (thrown) => this.logger.error({ event: 'agent_request_failed', error: thrown }),
    );
    const leave = this.presence.enter(session, actor.agent.id);
    this.connections.add(connection);
    this.entries.set(socket, { agent, inbox, leave });
    connection.onFrame((frame, isBinary) => {
      // Nothing is read of a binary frame: its answer need not wait.
      if (isBinary) void agent.receive(frame, true);
      else inbox.receive(frame);
    });
  }

  handleDisconnect(socket: WebSocket): void {
    const entry = this.entries.get(socket);
    if (!entry) return;
    this.entries.delete(socket);
    this.connections.delete(entry.agent.connection);
    entry.inbox.close();
    entry.agent.close();
    entry.leave();
  }

  beforeApplicationShutdown(): void {
    this.heartbeat?.stop();
  }
}
