import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { Principal } from '../../../auth/principal.js';
import { BatchAnswers, expectsAnswer, type BatchResponder } from '../../dispatch/batch-answers.js';
import { batchProblem, classifyFrame } from '../../dispatch/classify.js';
import type { McpDispatcher } from '../../dispatch/dispatcher.service.js';
import { toOpstreamError } from '../../../platform/errors/opstream-error.js';
import { refusalOf } from '../../protocol/ends-work.js';
import { InFlight } from '../../protocol/in-flight.js';
import type { Params, RpcMessage } from '../../protocol/json-rpc.js';
import { encodeError } from '../../protocol/json-rpc.js';
import type { McpSession, SessionChannel } from '../../session/mcp-session.js';
import type { McpSessions } from '../../session/mcp-sessions.service.js';
import type { MessageContext } from '../../session/request-context.js';
import type { Responder } from '../../session/responder.js';
import type { SseResponse } from '../../session/sse-response.js';

/**
 * One client of the transport of 2024-11-05: it receives everything on one event stream and sends POSTs. Its session
 * ends with the stream, since nothing could resume it.
 */
export class LegacySseConnection {
  private readonly inFlight = new InFlight();
  private readonly responder: BatchResponder;
  private readonly channel: SessionChannel;
  private session: McpSession | undefined;

  constructor(
    readonly principal: Principal,
    private readonly stream: SseResponse,
    private readonly dispatcher: McpDispatcher,
    private readonly sessions: McpSessions,
  ) {
    this.responder = responderOn(stream);
    this.channel = {
      exclusive: true,
      carriesRequests: true,
      send: (message) => stream.write(message),
      close: () => stream.end(),
    };
  }

  /** Serves the body of one POST; the answers are sent on the stream. */
  receive(body: RpcMessage | readonly RpcMessage[], from: PostOrigin): void {
    if ('kind' in body) return this.dispatch(body, this.responder, from);
    const error = classifyFrame(body).refusal?.error ?? batchProblem(this.session?.protocolVersion);
    if (error) return this.responder.respond(encodeError(null, error));
    const answers = new BatchAnswers(this.responder, body.filter(expectsAnswer).length);
    for (const message of body) this.dispatch(message, answers.responder(), from);
  }

  closed(): void {
    this.inFlight.cancelAll('The client closed its stream');
    if (this.session) this.sessions.end(this.session, 'The client closed its stream');
  }

  close(): void {
    this.stream.end();
  }

  private dispatch(message: RpcMessage, responder: Responder, { address, headers, count }: PostOrigin): void {
    try {
      count(message);
    } catch (thrown) {
      if (expectsAnswer(message)) responder.respond(refusalOf(message, toOpstreamError(thrown)));
      return;
    }
    const { principal, session, inFlight, openSession } = this;
    const link: MessageContext = { principal, address, headers, session, responder, inFlight, openSession };
    this.dispatcher.dispatch(message, classifyFrame(message), link);
  }

  private readonly openSession = (params: Params): McpSession => {
    const previous = this.session;
    this.session = this.sessions.open(this.principal, params, 'sse');
    previous?.detach(this.channel);
    if (previous) this.sessions.end(previous, 'The client began another session');
    this.session.attach(this.channel);
    return this.session;
  };
}

/** Origin of a POST. */
interface PostOrigin {
  readonly address: string;
  readonly headers: IncomingHttpHeaders;
  /** Counts one message. @throws OpstreamError `too_many_requests` */
  readonly count: (message: RpcMessage) => void;
}

/** The stream as the responder of every request of its client. */
function responderOn(stream: SseResponse): BatchResponder {
  return {
    carriesRequests: true,
    send: (message) => stream.write(message),
    respond: (message) => stream.writeApart(message),
    respondAll: (messages) => {
      if (messages.length > 0) stream.writeApart(`[${messages.join(',')}]`);
    },
    close: () => {},
    drained: () => stream.drained(),
  };
}

/** Answers a POST whose message was accepted. */
export function acceptPost(response: ServerResponse): void {
  response.writeHead(202, { 'Content-Type': 'text/plain; charset=utf-8' }).end('Accepted');
}
