import type {
  GetMessagesResult,
  GetSessionInfoResult,
  SessionAgentResults,
} from '../../client/protocol/session-messages.js';
import type { Connection } from '../../streaming/socket/connection.js';
import { toOpstreamError } from '../../platform/errors/opstream-error.js';
import type { JsonObject } from '../../platform/json.js';
import type { Actor } from '../actor.js';
import { isoOf, messageRow, sessionRow } from '../session-json.js';
import type { SessionsService } from '../sessions.service.js';
import {
  countParam,
  FAULT,
  faultText,
  parseAgentRequest,
  RequestFault,
  resultText,
  textParam,
  type AgentRequest,
} from './agent-request.js';

type Name = keyof SessionAgentResults;

/** Messages of one answer. */
const PAGE = 50;

export interface AgentSocketOptions {
  readonly connection: Connection;
  readonly actor: Actor;
  readonly sessionId: string;
  readonly sessions: SessionsService;
  /** Begins to send what happens in the session. @returns ends it */
  readonly follow: (afterSeq: number | undefined) => () => void;
  /** @throws OpstreamError when there are too many requests */
  readonly count: () => void;
}

/** One agent's socket: requests are answered one after the other; once subscribed, it is told what happens, too. */
export class AgentSocket {
  private unfollow: (() => void) | undefined;
  private closed = false;

  constructor(private readonly options: AgentSocketOptions) {}

  get connection(): Connection {
    return this.options.connection;
  }

  async receive(frame: Buffer, isBinary: boolean): Promise<void> {
    let request: AgentRequest | undefined;
    try {
      this.options.count();
      request = parseAgentRequest(frame, isBinary);
      const begin = await this.answer(request);
      // What was missed comes behind the answer.
      if (!this.closed) begin?.();
    } catch (thrown) {
      this.connection.send(faultText(request, faultOf(thrown)));
    }
  }

  close(): void {
    this.closed = true;
    this.unfollow?.();
  }

  /** @returns what is to be done once the answer is sent */
  private async answer(request: AgentRequest): Promise<(() => void) | undefined> {
    const { sessionId } = this.options;
    const { name, params } = request;
    switch (name as Name) {
      case 'initialize':
        this.send<'initialize'>(request, {
          status: 'connected',
          session_id: sessionId,
          server_time: isoOf(Date.now() / 1000),
        });
        return undefined;
      case 'ping':
        this.send<'ping'>(request, { type: 'pong' });
        return undefined;
      case 'subscribe': {
        const after = this.subscription(params);
        this.send<'subscribe'>(request, { status: 'subscribed', session_id: sessionId });
        return () => this.begin(after);
      }
      case 'unsubscribe':
        this.unfollow?.();
        this.unfollow = undefined;
        this.send<'unsubscribe'>(request, { status: 'unsubscribed', session_id: sessionId });
        return undefined;
      case 'get_messages':
        this.send<'get_messages'>(request, await this.messages(params));
        return undefined;
      case 'get_session_info':
        this.send<'get_session_info'>(request, await this.info(params));
        return undefined;
      default:
        throw new RequestFault(FAULT.unknownMethod, `Method not found: ${name.slice(0, 200)}`);
    }
  }

  /** @throws RequestFault */
  private subscription(params: JsonObject): number | undefined {
    const { sessionId } = this.options;
    if (textParam(params, 'session_id', sessionId) !== sessionId) {
      throw new RequestFault(FAULT.invalidParams, 'This socket follows the session of its address only');
    }
    return countParam(params, 'after_seq');
  }

  /** Subscribing again starts over, which is how an agent rereads a session. */
  private begin(after: number | undefined): void {
    this.unfollow?.();
    this.unfollow = this.options.follow(after);
  }

  private async messages(params: JsonObject): Promise<GetMessagesResult['result']> {
    const { sessions, actor, sessionId: own } = this.options;
    const sessionId = textParam(params, 'session_id', own);
    const sinceId = countParam(params, 'since_id') ?? null;
    const { messages, hasMore } = await sessions.newerThan(actor, sessionId, sinceId, PAGE);
    return {
      session_id: sessionId,
      messages: messages.map((message) => ({ ...messageRow(message), seq: message.seq })),
      count: messages.length,
      since_id: sinceId,
      has_more: hasMore,
    };
  }

  private async info(params: JsonObject): Promise<GetSessionInfoResult['result']> {
    const { sessions, actor, sessionId: own } = this.options;
    const session = await sessions.get(actor, textParam(params, 'session_id', own));
    return {
      session_id: session.sessionId,
      session: sessionRow(session),
      status: session.closedAt === null ? 'active' : 'inactive',
    };
  }

  private send<Method extends Name>(
    request: AgentRequest,
    result: SessionAgentResults[Method]['result'],
  ): void {
    const text = resultText(request, result);
    if (text !== undefined) this.connection.send(text);
  }
}

function faultOf(thrown: unknown): RequestFault {
  if (thrown instanceof RequestFault) return thrown;
  const { message, code } = toOpstreamError(thrown);
  return new RequestFault(FAULT.refused, message, code);
}
