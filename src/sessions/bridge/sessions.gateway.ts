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
import { toOpstreamError } from '../../platform/errors/opstream-error.js';
import { EXISTING_CLIENT_PATHS } from '../../streaming/existing-client-paths.js';
import { Connection } from '../../streaming/socket/connection.js';
import { Heartbeat } from '../../streaming/socket/heartbeat.js';
import { MessageLimits } from '../../streaming/socket/message-limits.js';
import { SHARED_DEFLATE } from '../../streaming/socket/text-frame.js';
import type { UpgradeRequest } from '../../streaming/socket/upgrade-request.js';
import { protocolOn, type SocketServer } from '../../streaming/upgrade/socket-server.js';
import { actorOf } from '../actor.js';
import { socketFormatsFor } from '../delivery/session-formats.js';
import { SessionSubscriptions } from '../delivery/session-subscriptions.service.js';
import { SessionPresence } from '../presence.service.js';
import { ViewerSession } from './viewer-session.js';
import { CLOSE_CODES } from '../../client/protocol/close-codes.js';

const MAX_FRAME_BYTES = 1024 * 1024;
const PATH = '/sessions/';

/** The viewers' sockets of sessions: silent at first, then everything that happens in the path's session. */
@WebSocketGateway(protocolOn('/sessions/:session_id'))
export class SessionsGateway
  implements OnGatewayInit, OnGatewayConnection, OnGatewayDisconnect, BeforeApplicationShutdown
{
  private readonly logger = new Logger('Sessions');
  private readonly viewers = new Map<WebSocket, ViewerSession>();
  private readonly connections = new Set<Connection>();
  private heartbeat: Heartbeat | undefined;

  constructor(
    private readonly configuration: Configuration,
    private readonly subscriptions: SessionSubscriptions,
    private readonly presence: SessionPresence,
    private readonly limits: RateLimits,
    private readonly audit: AuditLog,
  ) {}

  afterInit(server: SocketServer): void {
    const { streaming } = this.configuration;
    const places = new ConnectionLimit(streaming.maxStreamsPerUser);
    server.configure({
      aliases: EXISTING_CLIENT_PATHS.sessions,
      maxPayload: MAX_FRAME_BYTES,
      perMessageDeflate: SHARED_DEFLATE,
      admission: {
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
    const { sessions } = this.configuration;
    const actor = actorOf(connection.principal, sessions.visibility === 'open');
    const session = { tenant: actor.tenant, sessionId: request.params.session_id! };
    const formats = socketFormatsFor(connection, request.pathname.startsWith(PATH));
    const unfollow = this.subscriptions.follow({
      session,
      viewer: actor.viewer,
      sink: connection,
      ...formats,
      after: seqOf(request.query.get('after_seq')),
      onError: (thrown) => {
        this.logger.error({ event: 'session_not_readable', error: thrown });
        connection.close(CLOSE_CODES.internalError.code, 'The session cannot be read');
      },
    });
    const leave = this.presence.enter(session, actor.agent.id);
    const viewer = new ViewerSession(connection, session.sessionId, [unfollow, leave]);
    this.connections.add(connection);
    this.viewers.set(socket, viewer);
    const gate = new MessageLimits(connection, this.limits, this.audit);
    connection.onFrame((frame, isBinary) => {
      try {
        gate.count();
        viewer.receive(frame, isBinary);
      } catch (thrown) {
        connection.send(JSON.stringify({ type: 'error', message: toOpstreamError(thrown).message }));
      }
    });
  }

  handleDisconnect(socket: WebSocket): void {
    const viewer = this.viewers.get(socket);
    if (!viewer) return;
    this.viewers.delete(socket);
    this.connections.delete(viewer.connection);
    viewer.close();
  }

  beforeApplicationShutdown(): void {
    this.heartbeat?.stop();
  }
}

/** Undefined, so that nothing is replayed, for what is no seq. */
function seqOf(text: string | null): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
