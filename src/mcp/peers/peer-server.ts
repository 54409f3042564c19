import type { Principal } from '../../auth/principal.js';
import { classifyFrame } from '../dispatch/classify.js';
import type { McpDispatcher } from '../dispatch/dispatcher.service.js';
import type { MessageContext } from '../session/request-context.js';
import { InFlight } from '../protocol/in-flight.js';
import type { Params, RpcMessage } from '../protocol/json-rpc.js';
import type { Responder } from '../session/responder.js';
import type { McpSession, SessionChannel } from '../session/mcp-session.js';
import type { McpSessions } from '../session/mcp-sessions.service.js';

/**
 * Our server half of a connection we opened: the peer is the MCP client and calls our tools, as xiaozhi's endpoint
 * does. A call continues when the connection is lost; only its answer is lost.
 */
export class PeerServer {
  private readonly inFlight = new InFlight();
  private readonly channel: SessionChannel;
  private session: McpSession | undefined;

  constructor(
    private readonly dispatcher: McpDispatcher,
    private readonly sessions: McpSessions,
    private readonly principal: Principal,
    private readonly responder: Responder,
  ) {
    this.channel = {
      exclusive: true,
      carriesRequests: true,
      send: (message) => responder.send(message),
      close: () => {},
    };
  }

  receive(message: RpcMessage): void {
    const { principal, responder, inFlight, session, openSession } = this;
    const link: MessageContext = {
      principal,
      address: '',
      headers: {},
      session,
      responder,
      inFlight,
      openSession,
    };
    this.dispatcher.dispatch(message, classifyFrame(message), link);
  }

  closed(): void {
    this.inFlight.cancelAll('The connection closed');
    this.session?.detach(this.channel);
  }

  private readonly openSession = (params: Params): McpSession => {
    const previous = this.session;
    this.session = this.sessions.open(this.principal, params, 'peer');
    if (previous) this.sessions.end(previous, 'The client began another session');
    this.session.attach(this.channel);
    return this.session;
  };
}
