import type { IncomingHttpHeaders } from 'node:http';
import type { Connection } from '../../../streaming/socket/connection.js';
import type { MessageLimits } from '../../../streaming/socket/message-limits.js';
import type { McpDispatcher } from '../../dispatch/dispatcher.service.js';
import type { McpMessageLogger } from '../../session/message-logger.js';
import { InFlight } from '../../protocol/in-flight.js';
import { encodeError, parseMessage, type Params, type RpcMessage } from '../../protocol/json-rpc.js';
import { toRpcError } from '../../protocol/rpc-error.js';
import type { McpSession, SessionChannel } from '../../session/mcp-session.js';
import type { McpSessions } from '../../session/mcp-sessions.service.js';
import { SocketResponder } from './socket-responder.js';

/** Parts of the service that a connection works with. */
export interface SocketDependencies {
  readonly dispatcher: McpDispatcher;
  readonly sessions: McpSessions;
  readonly trace: McpMessageLogger;
}

/** Binary frames are no MCP messages. */
const UNSUPPORTED_DATA = 1003;

/**
 * One MCP connection over WebSocket: one message per text frame, in either era. It opens a session with
 * `initialize`, or takes up an earlier one by `?session_id=`; the session outlives the connection.
 */
export class McpSocket {
  private readonly responder: SocketResponder;
  private readonly inFlight = new InFlight();
  private readonly channel: SessionChannel;
  private session: McpSession | undefined;
  /** As the log calls it. */
  private readonly name: string;

  /** @param headers of the upgrade request; @param resume id of an earlier session, from the query */
  constructor(
    private readonly connection: Connection,
    private readonly gate: MessageLimits,
    private readonly dependencies: SocketDependencies,
    private readonly headers: IncomingHttpHeaders,
    resume: string | null,
  ) {
    this.name = `client ${connection.clientId}`;
    this.responder = new SocketResponder(
      connection,
      (message) => this.leaveBehind(message),
      (message) => dependencies.trace.message('sent', this.name, message),
    );
    this.channel = {
      send: (message) => this.responder.send(message),
      close: (reason) => connection.close(1000, reason.slice(0, 120)),
    };
    if (resume !== null) this.use(dependencies.sessions.find(resume, connection.principal));
    dependencies.trace.connection('opened', this.name, connection.principal.userId);
  }

  receive(frame: Buffer, isBinary: boolean): void {
    if (isBinary) return this.connection.close(UNSUPPORTED_DATA, 'MCP messages are text');
    const text = frame.toString();
    this.dependencies.trace.message('received', this.name, text);
    const message = parseMessage(text);
    if (!this.admits(message)) return;
    const { connection, headers, session, responder, inFlight, openSession } = this;
    const { principal, address } = connection;
    this.dependencies.dispatcher.dispatch(message, {
      principal,
      address,
      headers,
      session,
      responder,
      inFlight,
      openSession,
    });
  }

  /** Answers to our own requests are not the client's to save. */
  private admits(message: RpcMessage): boolean {
    try {
      if (message.kind !== 'response') this.gate.count();
      this.gate.permit('mcp');
      return true;
    } catch (thrown) {
      if ('id' in message && message.kind !== 'response')
        this.responder.respond(encodeError(message.id, toRpcError(thrown)));
      return false;
    }
  }

  /** Requests of 2026-07-28 end with the connection; a session waits for its client. */
  closed(): void {
    this.dependencies.trace.connection('closed', this.name, this.connection.principal.userId);
    this.inFlight.cancelAll('The connection closed');
    this.session?.detach(this.channel);
  }

  /** What a session's request says after its connection was lost is read over the next one. */
  private leaveBehind(message: string): void {
    this.session?.detach(this.channel);
    this.session?.sendAside(message);
  }

  /** `initialize` may come again on a connection: it begins a new session. */
  private readonly openSession = (params: Params): McpSession => {
    const opened = this.dependencies.sessions.open(this.connection.principal, params, 'websocket');
    const previous = this.session;
    previous?.detach(this.channel);
    this.use(opened);
    if (previous) this.dependencies.sessions.end(previous, 'The client began another session');
    return opened;
  };

  private use(session: McpSession | undefined): void {
    this.session = session;
    session?.attach(this.channel);
  }
}
