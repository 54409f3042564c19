import { Logger } from '@nestjs/common';
import type { Principal } from '../../auth/principal.js';
import type { McpDispatcher } from '../dispatch/dispatcher.service.js';
import type { McpMessageLogger } from '../session/message-logger.js';
import { encodeError, isObject, type Params, type RequestId, type RpcMessage } from '../protocol/json-rpc.js';
import type { Instance } from '../protocol/instance.js';
import { RPC, RpcError, toRpcError } from '../protocol/rpc-error.js';
import type { McpSessions } from '../session/mcp-sessions.service.js';
import { ChannelResponder } from './channel-responder.js';
import { Liveness } from './liveness.js';
import type { MessageFilters, MessageRoute } from './message-filters.service.js';
import { PeerClient } from './peer-client.js';
import type { ChannelEvents, PeerChannel, PeerDialer, PeerTarget, SentRequest } from './peer-channel.js';
import { readPeerMessages, reportsError } from './peer-messages.js';
import { PeerServer } from './peer-server.js';
import { UnaskedBudget } from './unasked-budget.js';

/** Our half of MCP on a connection: the peer calls our tools, we call its, or both. */
export type PeerRole = 'server' | 'client' | 'both';

/** Parts of the service a connection needs. */
export interface PeerDependencies {
  readonly dialer: PeerDialer;
  readonly dispatcher: McpDispatcher;
  readonly sessions: McpSessions;
  readonly filters: MessageFilters;
  readonly instance: Instance;
  readonly trace: McpMessageLogger;
}

/** What a connection is for. */
export interface PeerTerms {
  readonly target: PeerTarget;
  readonly role: PeerRole;
  /** The principal of the peer's calls to our tools. */
  readonly principal: Principal;
  readonly logLevel: string;
}

export interface ConnectionEvents {
  toolsChanged(): void;
  /** @returns whether the notification belongs to anything */
  notified(method: string, params: Params, bytes: number, requestId: number | undefined): boolean;
  /** The peer asks something of its tool's caller. @throws RpcError the answer it gets instead */
  asked(method: string, params: Params, requestId: number | undefined): Promise<Params>;
  /** A promise to await before more of this request's answer is read. */
  room(requestId: number): Promise<void> | undefined;
  /** A new session, after the previous one was lost. */
  renewed(result: Params): void;
  /** What is wrong with a live connection; undefined: nothing any longer. */
  troubled(problem: string | undefined): void;
}

/** Characters of a peer's error report that are logged. */
const MAX_LOGGED = 2000;
/** Server requests that only a client can answer. */
const QUESTIONS: ReadonlySet<string> = new Set([
  'elicitation/create',
  'sampling/createMessage',
  'roots/list',
]);

/** One connection to a peer, from dialling to its end: routes messages to the right half. */
export class PeerConnection {
  private static readonly logger = new Logger('McpPeers');
  readonly client: PeerClient;
  hasEnded = false;
  /** Resolves with the reason when no further request can be made. */
  readonly ended: Promise<string>;
  /** When the peer last sent something, in milliseconds of `performance.now()`. */
  lastHeardAt = performance.now();
  /** The peer has started as an MCP client. */
  peerIsClient = false;
  private readonly server: PeerServer | undefined;
  private readonly route: Record<'incoming' | 'outgoing', MessageRoute>;
  private readonly liveness: Liveness;
  private readonly unasked = new UnaskedBudget();
  private readonly finishing = new AbortController();
  private channel: PeerChannel | undefined;
  /** Messages that arrived with the upgrade response, before we could handle them. */
  private early: [text: string, requestId: number | undefined][] | undefined = [];
  private end!: (reason: string) => void;

  private constructor(
    private readonly terms: PeerTerms,
    private readonly services: PeerDependencies,
    private readonly events: ConnectionEvents,
  ) {
    const { target, role, principal, logLevel } = terms;
    this.ended = new Promise((resolve) => (this.end = resolve));
    this.client = new PeerClient(this.clientChannel(), target.timeouts, logLevel, {
      ...events,
      notified: (...notification) => events.notified(...notification),
      toolsChanged: () => events.toolsChanged(),
      renewed: (result) => {
        events.troubled(undefined);
        events.renewed(result);
      },
      renewing: (reason) => events.troubled(reason),
      notRenewed: (reason) => void this.giveUp(reason),
      heard: () => this.liveness.heard(),
    });
    this.liveness = new Liveness(
      () => this.client.ping(),
      target.timeouts,
      (problem) => events.troubled(problem),
    );
    if (role !== 'client') {
      const send = (text: string): void => this.send(text);
      const drained = (): Promise<void> | undefined => this.channel?.drained();
      const responder = new ChannelResponder({ send, drained });
      this.server = new PeerServer(services.dispatcher, services.sessions, principal, responder);
    }
    const reply = (message: object): void => this.channel?.send(JSON.stringify(message));
    this.route = {
      incoming: { direction: 'incoming', peer: target.name, reply },
      outgoing: { direction: 'outgoing', peer: target.name, reply },
    };
  }

  /** @throws Error that says in one sentence why the connection failed */
  static async open(
    terms: PeerTerms,
    services: PeerDependencies,
    events: ConnectionEvents,
    signal: AbortSignal,
  ): Promise<PeerConnection> {
    const connection = new PeerConnection(terms, services, events);
    connection.channel = await services.dialer.dial(terms.target, connection.listener(), signal);
    const early = connection.early ?? [];
    connection.early = undefined;
    for (const [text, requestId] of early) void connection.receive(text, requestId);
    return connection;
  }

  /** The handshake succeeded: from now on the peer is monitored. */
  welcomed(): void {
    if (this.hasEnded || this.channel?.noticesLoss) return;
    this.liveness.start();
  }

  /** Follows changes of the peer's tools where that takes a request. */
  followChanges(): void {
    void this.client.followChanges(this.finishing.signal);
  }

  async close(withinMs?: number): Promise<void> {
    this.finish();
    await this.channel?.close(withinMs);
  }

  private clientChannel(): ConstructorParameters<typeof PeerClient>[0] {
    const noticesLoss = (): boolean => this.channel?.noticesLoss ?? true;
    return {
      send: (text, request) => this.send(text, request),
      abandon: (id) => this.channel?.abandon(id),
      agreed: (version, isStateless) => this.channel?.agreed(version, isStateless),
      forgetSession: () => this.channel?.forgetSession(),
      get noticesLoss() {
        return noticesLoss();
      },
    };
  }

  private listener(): ChannelEvents {
    return {
      message: (text, requestId) => this.receive(text, requestId),
      failed: (id, failure) => this.client.failed(id, failure),
      closed: (reason, keepsAnswers) => this.closed(reason, keepsAnswers),
      doubtful: () => this.liveness.suspect(),
    };
  }

  private send(text: string, request?: SentRequest): void {
    const passed = this.services.filters.size === 0 ? text : this.filter(text, this.route.outgoing);
    if (passed === undefined) return;
    this.trace('sent', passed);
    this.channel?.send(passed, request);
  }

  private receive(text: string, requestId: number | undefined): Promise<void> | undefined {
    if (this.early) {
      this.early.push([text, requestId]);
      return undefined;
    }
    this.lastHeardAt = performance.now();
    this.trace('received', text);
    const passed = this.services.filters.size === 0 ? text : this.filter(text, this.route.incoming);
    if (passed === undefined) return undefined;
    const messages = readPeerMessages(passed);
    const size = Math.ceil(passed.length / messages.length);
    for (const message of messages) {
      if (reportsError(message, passed)) {
        // Answering an error with an error would never end.
        PeerConnection.logger.warn(
          `Peer ${this.terms.target.name} reports an error: ${passed.slice(0, MAX_LOGGED)}`,
        );
      } else this.take(message, size, requestId);
    }
    return requestId === undefined ? undefined : this.events.room(requestId);
  }

  private take(message: RpcMessage, size: number, requestId: number | undefined): void {
    const belongs = this.client.receive(message, size, requestId);
    if (belongs === 'taken') return;
    if (belongs === 'unasked') {
      if (!this.unasked.take(size)) void this.giveUp('the peer sends too much that nobody asked for');
      return;
    }
    if (message.kind === 'request' && QUESTIONS.has(message.method) && this.terms.role !== 'server') {
      void this.answer(message.id, message.method, message.params, requestId);
      return;
    }
    if (message.kind === 'request' && message.method === 'initialize') this.peerIsClient = true;
    if (this.server) this.server.receive(message);
    else this.refuse(message);
  }

  private async answer(
    id: RequestId,
    method: string,
    params: Params,
    requestId: number | undefined,
  ): Promise<void> {
    try {
      const result = await this.events.asked(method, params, requestId);
      this.send(JSON.stringify({ jsonrpc: '2.0', id, result }));
    } catch (thrown) {
      this.send(encodeError(id, toRpcError(thrown)));
    }
  }

  /** A peer that is only a server may ping, and nothing else. */
  private refuse(message: RpcMessage): void {
    if (message.kind !== 'request') return;
    const { id, method } = message;
    this.send(
      method === 'ping'
        ? JSON.stringify({ jsonrpc: '2.0', id, result: {} })
        : encodeError(id, new RpcError(RPC.methodNotFound, 'Method not found', { method })),
    );
  }

  private filter(text: string, route: MessageRoute): string | undefined {
    try {
      const message: unknown = JSON.parse(text);
      if (Array.isArray(message)) return this.filterBatch(message, route);
      if (!isObject(message)) return text;
      const passed = this.services.filters.apply(message, route);
      return passed === message ? text : passed && JSON.stringify(passed);
    } catch (thrown) {
      if (thrown instanceof SyntaxError) return text;
      PeerConnection.logger.error({ error: thrown, peer: this.terms.target.name }, 'A message filter failed');
      return undefined;
    }
  }

  private filterBatch(messages: readonly unknown[], route: MessageRoute): string | undefined {
    const passed = messages
      .map((one) => (isObject(one) ? this.services.filters.apply(one, route) : one))
      .filter((one) => one !== undefined);
    return passed.length === 0 ? undefined : JSON.stringify(passed);
  }

  private trace(direction: 'sent' | 'received', text: string): void {
    this.services.trace.message(direction, `peer ${this.terms.target.name}`, text);
  }

  private async giveUp(reason: string): Promise<void> {
    this.closed(reason, false);
    await this.close();
  }

  private closed(reason: string, keepsAnswers: boolean): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.finish();
    if (!keepsAnswers)
      this.client.closed(`the connection to peer ${this.terms.target.name} was lost: ${reason}`);
    this.server?.closed();
    this.end(reason);
  }

  private finish(): void {
    this.liveness.stop();
    this.finishing.abort();
  }
}
