import type { IncomingHttpHeaders } from 'node:http';
import { Logger } from '@nestjs/common';
import type { Connection } from '../../../streaming/socket/connection.js';
import { Inbox } from '../../../streaming/socket/inbox.js';
import type { MessageLimits } from '../../../streaming/socket/message-limits.js';
import { BatchAnswers, expectsAnswer } from '../../dispatch/batch-answers.js';
import { batchProblem, classifyFrame } from '../../dispatch/classify.js';
import type { McpDispatcher } from '../../dispatch/dispatcher.service.js';
import type { McpMessageLogger } from '../../session/message-logger.js';
import { InFlight } from '../../protocol/in-flight.js';
import { endsWork } from '../../protocol/ends-work.js';
import { encodeError, parseMessages, type Params, type RpcMessage } from '../../protocol/json-rpc.js';
import { RPC, RpcError, toRpcError } from '../../protocol/rpc-error.js';
import type { McpSession, SessionChannel } from '../../session/mcp-session.js';
import type { McpSessions } from '../../session/mcp-sessions.service.js';
import type { MessageContext } from '../../session/request-context.js';
import type { Responder } from '../../session/responder.js';
import { SocketResponder } from './socket-responder.js';
import { StartWindow } from './start-window.js';

/** Parts of the service a connection needs. */
export interface SocketDependencies {
  readonly dispatcher: McpDispatcher;
  readonly sessions: McpSessions;
  readonly trace: McpMessageLogger;
}

/** The session that a client wants to resume has ended. */
const SESSION_NOT_FOUND = 4404;
const GOING_AWAY = 1001;
const NORMAL = 1000;

/**
 * One MCP connection over WebSocket: one message or batch per text frame, in either era. It opens a session with
 * `initialize`, or resumes one by `?session_id=`; the session outlives the connection.
 */
export class McpSocket {
  private readonly logger = new Logger('Mcp');
  private readonly responder: SocketResponder;
  private readonly window = new StartWindow();
  private readonly inbox: Inbox;
  private readonly inFlight = new InFlight();
  private readonly channel: SessionChannel;
  private session: McpSession | undefined;
  /** Its name in the log. */
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
      (message, isAnswer) => this.leaveBehind(message, isAnswer),
      (message) => dependencies.trace.message('sent', this.name, message),
      () => this.window.ended(),
    );
    this.inbox = new Inbox(
      connection,
      (frame) => this.handle(frame),
      (thrown) => this.logger.error({ error: thrown }, 'An MCP message could not be handled'),
    );
    this.channel = {
      exclusive: true,
      carriesRequests: true,
      send: (message) => this.responder.send(message),
      close: (reason, ending) =>
        connection.close(ending === 'service' ? GOING_AWAY : NORMAL, reason.slice(0, 120)),
    };
    dependencies.trace.connection('opened', this.name, connection.principal.userId);
    if (resume === null) return;
    const session = dependencies.sessions.find(resume, connection.principal);
    if (session) this.use(session);
    else connection.close(SESSION_NOT_FOUND, 'Session not found');
  }

  receive(frame: Buffer, isBinary: boolean): void {
    if (isBinary) this.refuseBinary(frame);
    else this.inbox.receive(frame);
  }

  /** @returns a promise when the next message has to wait: requests run concurrently, but start within a window */
  private handle(frame: Buffer): Promise<void> | undefined {
    const text = frame.toString();
    this.dependencies.trace.message('received', this.name, text);
    const body = parseMessages(text);
    this.serve(body);
    return this.window.room();
  }

  private serve(body: RpcMessage | readonly RpcMessage[]): void {
    if (!('kind' in body)) return this.receiveBatch(body);
    if (!this.admits(body)) return;
    if (body.kind === 'request') this.window.began();
    const link = this.link(this.responder);
    this.dependencies.dispatcher.dispatch(body, classifyFrame(body), link);
  }

  /** Requests of 2026-07-28 end with the connection; a session waits for its client. */
  closed(): void {
    this.dependencies.trace.connection('closed', this.name, this.connection.principal.userId);
    this.inbox.close();
    this.responder.closed();
    this.inFlight.cancelAll('The connection closed');
    this.session?.detach(this.channel);
  }

  /** Sessions of 2025-03-26 and earlier may send batches. */
  private receiveBatch(messages: readonly RpcMessage[]): void {
    const classified = classifyFrame(messages);
    const error = classified.refusal?.error ?? batchProblem(this.session?.protocolVersion);
    if (error) return this.responder.respond(encodeError(null, error));
    const admitted = messages.filter((message) => this.admits(message));
    this.window.began();
    const answers = new BatchAnswers(this.responder, admitted.filter(expectsAnswer).length);
    for (const message of admitted) {
      const link = this.link(answers.responder());
      this.dependencies.dispatcher.dispatch(message, classifyFrame(message), link);
    }
  }

  private link(responder: Responder): MessageContext {
    const { connection, headers, session, inFlight, openSession } = this;
    const { principal, address } = connection;
    return { principal, address, headers, session, responder, inFlight, openSession };
  }

  /** MCP messages are text: a binary frame is not served, but its sender is told. */
  private refuseBinary(frame: Buffer): void {
    const body = parseMessages(frame.toString());
    if ('kind' in body && !this.admits(body)) return;
    const id = 'kind' in body && 'id' in body && body.kind !== 'response' ? body.id : null;
    const why = 'Invalid Request: MCP messages are text frames, this one is binary';
    this.responder.respond(encodeError(id, new RpcError(RPC.invalidRequest, why)));
  }

  /** Every message counts, including answers to our own requests; those are never refused. */
  private admits(message: RpcMessage): boolean {
    try {
      this.gate.count(endsWork(message));
      this.gate.permit('mcp');
      return true;
    } catch (thrown) {
      if ('id' in message && message.kind !== 'response')
        this.responder.respond(encodeError(message.id, toRpcError(thrown)));
      return false;
    }
  }

  /** Messages of a session's request after its connection was lost are sent over the next one. */
  private leaveBehind(message: string, isAnswer: boolean): void {
    this.session?.detach(this.channel);
    if (isAnswer) this.session?.leaveAnswer(message);
    else this.session?.tell(message);
  }

  /** `initialize` may be repeated on a connection: it begins a new session. */
  private readonly openSession = (params: Params): McpSession => {
    const opened = this.dependencies.sessions.open(this.connection.principal, params, 'websocket');
    const previous = this.session;
    previous?.detach(this.channel);
    this.use(opened);
    if (previous) this.dependencies.sessions.end(previous, 'The client began another session');
    return opened;
  };

  private use(session: McpSession): void {
    this.session = session;
    session.attach(this.channel);
  }
}
