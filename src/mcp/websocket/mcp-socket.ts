import type { IncomingHttpHeaders } from 'node:http';
import type { Connection } from '../../streaming/socket/connection.js';
import type { McpDispatcher } from '../dispatch/dispatcher.service.js';
import type { Link } from '../protocol/exchange.js';
import { InFlight } from '../protocol/in-flight.js';
import { encodeError, parseMessage, type Params } from '../protocol/json-rpc.js';
import { RPC, RpcError } from '../protocol/rpc-error.js';
import type { McpSession, SessionChannel } from '../session/mcp-session.js';
import type { McpSessions } from '../session/mcp-sessions.service.js';
import { SocketOutlet } from './socket-outlet.js';

/** Binary frames are no MCP messages. */
const UNSUPPORTED_DATA = 1003;

/**
 * One MCP connection over WebSocket: one message per text frame, in either era. It opens a session with
 * `initialize`, or takes up an earlier one by `?session_id=`; the session outlives the connection.
 */
export class McpSocket {
  private readonly outlet: SocketOutlet;
  private readonly inFlight = new InFlight();
  private readonly channel: SessionChannel;
  private session: McpSession | undefined;

  /** @param headers of the upgrade request; @param resume id of an earlier session, from the query */
  constructor(
    private readonly connection: Connection,
    private readonly dispatcher: McpDispatcher,
    private readonly sessions: McpSessions,
    private readonly headers: IncomingHttpHeaders,
    resume: string | null,
  ) {
    this.outlet = new SocketOutlet(connection, (message) => this.leaveBehind(message));
    this.channel = {
      send: (message) => this.outlet.send(message),
      close: (reason) => connection.close(1000, reason.slice(0, 120)),
    };
    if (resume !== null) this.use(sessions.find(resume, connection.principal));
  }

  receive(frame: Buffer, isBinary: boolean): void {
    if (isBinary) return this.connection.close(UNSUPPORTED_DATA, 'MCP messages are text');
    const message = parseMessage(frame.toString());
    const { connection, outlet, inFlight, openSession } = this;
    if (connection.principal.scopes.has('mcp')) {
      const link: Link = {
        principal: connection.principal,
        headers: this.headers,
        session: this.session,
        outlet,
        inFlight,
        openSession,
      };
      this.dispatcher.dispatch(message, link);
    } else if (message.kind === 'request') {
      const error = new RpcError(RPC.serverError, 'This needs the scope mcp', { code: 'forbidden' });
      outlet.respond(encodeError(message.id, error));
    }
  }

  /** Requests of 2026-07-28 end with the connection; a session waits for its client. */
  closed(): void {
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
    const opened = this.sessions.open(this.connection.principal, params, 'websocket');
    const previous = this.session;
    previous?.detach(this.channel);
    this.use(opened);
    if (previous) this.sessions.end(previous, 'The client began another session');
    return opened;
  };

  private use(session: McpSession | undefined): void {
    this.session = session;
    session?.attach(this.channel);
  }
}
