import type { Principal } from '../../auth/principal.js';
import { InFlight } from '../protocol/in-flight.js';
import type { Params, RpcResponse } from '../protocol/json-rpc.js';
import { RPC, RpcError } from '../protocol/rpc-error.js';
import type { LEGACY_VERSIONS } from '../protocol/versions.js';
import type { ToolSession } from '../tools/tool-context.js';
import { UserError } from '../tools/user-error.js';
import { Backlog } from './backlog.js';
import type { ClientProfile } from './client-profile-cache.js';
import { levelNumber } from './log-level.js';
import { SessionQuestions, type QuestionCarrier } from './session-questions.js';
import { SessionStreams } from './session-streams.js';

/** Where a client reads server-initiated messages of a session: a GET stream of HTTP, or a socket. */
export interface SessionChannel extends QuestionCarrier {
  /** A socket has its session to itself; HTTP may have several streams. */
  readonly exclusive: boolean;
  /** Closes it because another connection took the session over, or the session ended. */
  close(reason: string, ending: SessionEnding): void;
}

/** What ends a channel: the session, a connection that took it over, or the service. */
export type SessionEnding = 'session' | 'taken over' | 'service';

/** The transport a session was opened over; it may be resumed over another. */
export type SessionTransport = 'http' | 'sse' | 'websocket' | 'peer';

/** The first revision whose clients understand an empty first event with an id. */
const PRIMED_SINCE = '2025-11-25';

/** To a peer in both roles we also send requests as its client, which count from 1 on the same connection. */
const QUESTIONS_OF_PEERS = 1_000_000_000;

/** Maximum subscribed resources per session. */
const MAX_SUBSCRIPTIONS = 1000;

/**
 * A session of the eras that have them (up to 2025-11-25). It belongs to one user of one tenant and outlives its
 * connections. Rarely used parts are created on demand: thousands of sessions may never do more than initialize.
 */
export class McpSession implements ToolSession {
  readonly clientInfo: ToolSession['clientInfo'];
  readonly capabilities: Params;
  /** Minimum severity sent, as `levelNumber`. */
  minimumLevel = levelNumber('info')!;
  /** Milliseconds of `performance.now()`. */
  lastUsedAt = performance.now();
  /** It has ended: references to it find nothing. */
  ended = false;
  /** Set by its owner, to release what belongs to it. */
  onEnd: (() => void) | undefined;
  /** In the order in which they were opened. */
  private channels: SessionChannel[] | undefined;
  private flights: InFlight | undefined;
  private asked: SessionQuestions | undefined;
  private subscribed: Map<string, () => void> | undefined;
  private kept: Map<string, unknown> | undefined;
  private sse: SessionStreams | undefined;
  private aside: Backlog | undefined;

  constructor(
    readonly id: string,
    readonly principal: Principal,
    readonly protocolVersion: (typeof LEGACY_VERSIONS)[number],
    readonly transport: SessionTransport,
    profile: ClientProfile,
  ) {
    this.capabilities = profile.capabilities;
    this.clientInfo = profile.clientInfo;
  }

  get values(): Map<string, unknown> {
    return (this.kept ??= new Map());
  }

  get inFlight(): InFlight {
    return (this.flights ??= new InFlight());
  }

  /** Questions of the server to the client. */
  get questions(): SessionQuestions {
    return (this.asked ??= new SessionQuestions(
      () => this.channel,
      this.transport === 'peer' ? QUESTIONS_OF_PEERS : 0,
    ));
  }

  /** Its server-sent streams (HTTP only). */
  get streams(): SessionStreams {
    return (this.sse ??= new SessionStreams(this.id, this.protocolVersion >= PRIMED_SINCE));
  }

  /** What it keeps for a client that lost its connection. */
  get replayCharacters(): number {
    return this.sse?.replayCharacters ?? 0;
  }

  /** Whether anybody reads server-initiated messages. */
  get connected(): boolean {
    return this.channel !== undefined;
  }

  /** True while it can be dropped: no connection, no unanswered request. */
  get idle(): boolean {
    return !this.connected && (this.flights?.size ?? 0) === 0;
  }

  /**
   * Registers a subscription. @param release ends it, when the client unsubscribes or the session ends
   * @throws RpcError when there are too many
   */
  subscribe(uri: string, release: () => void): void {
    this.subscribed ??= new Map();
    if (this.subscribed.size >= MAX_SUBSCRIPTIONS && !this.subscribed.has(uri)) {
      release();
      throw new RpcError(RPC.serverError, `A session may subscribe to ${MAX_SUBSCRIPTIONS} resources`, {
        code: 'too_many_subscriptions',
      });
    }
    this.subscribed.get(uri)?.();
    this.subscribed.set(uri, release);
  }

  unsubscribe(uri: string): void {
    this.subscribed?.get(uri)?.();
    this.subscribed?.delete(uri);
  }

  /**
   * Sends the client a message that belongs to no open request, or keeps it until a connection reads it.
   * @param topic messages of one topic are equivalent, so one waiting message suffices
   */
  tell(message: string, topic?: string): void {
    const { channel } = this;
    if (channel) channel.send(message);
    else if (topic !== undefined) this.backlog?.addOnce(topic, message);
    else this.backlog?.addReport(message);
  }

  /** An answer whose connection is gone: it is sent over the next one. */
  leaveAnswer(message: string): void {
    const { channel } = this;
    if (channel) channel.send(message);
    else this.backlog?.addAnswer(message);
  }

  /** Adds a connection that reads server-initiated messages; the newest gets them. */
  attach(channel: SessionChannel): void {
    if (channel.exclusive) {
      const others = this.channels?.filter((other) => other !== channel && other.exclusive) ?? [];
      for (const other of others) {
        this.detach(other);
        other.close('MCP session reconnected on another connection', 'taken over');
      }
    }
    (this.channels ??= []).push(channel);
    for (const message of this.aside?.take() ?? []) channel.send(message);
    this.asked?.channelOpened(channel);
  }

  detach(channel: SessionChannel): void {
    const at = this.channels?.indexOf(channel) ?? -1;
    if (at >= 0) this.channels!.splice(at, 1);
  }

  /** The client's answer to a question; unexpected answers are ignored. */
  settle(response: RpcResponse): void {
    this.asked?.settle(response);
  }

  end(reason: string, ending: SessionEnding = 'session'): void {
    this.ended = true;
    this.onEnd?.();
    this.flights?.cancelAll(reason);
    // A task may wait for an answer longer than the request that began it.
    this.asked?.endAll(new UserError(reason));
    for (const release of this.subscribed?.values() ?? []) release();
    this.subscribed = undefined;
    const channels = this.channels ?? [];
    this.channels = undefined;
    for (const channel of channels) channel.close(reason, ending);
  }

  /** Undefined once nobody will come back. */
  private get backlog(): Backlog | undefined {
    return this.ended ? undefined : (this.aside ??= new Backlog());
  }

  private get channel(): SessionChannel | undefined {
    return this.channels?.at(-1);
  }
}
