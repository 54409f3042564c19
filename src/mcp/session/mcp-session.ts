import type { Principal } from '../../auth/principal.js';
import { InFlight } from '../protocol/in-flight.js';
import { encodeRequest, type Params, type RequestId, type RpcResponse } from '../protocol/json-rpc.js';
import { RPC, RpcError } from '../protocol/rpc-error.js';
import type { ToolSession } from '../tools/tool-context.js';
import { Backlog } from './backlog.js';
import type { ClientProfile } from './client-profile-cache.js';
import { levelNumber } from './log-level.js';
import { SessionStreams } from './session-streams.js';

/** What the server sends of its own accord in a session: on the standalone stream of HTTP, or on the socket. */
export interface SessionChannel {
  send(message: string): void;
  /** Ends it because another connection has taken the session over, or the session has ended. */
  close(reason: string): void;
}

/** What a session was opened over; it may be taken up over another. */
export type SessionTransport = 'http' | 'websocket' | 'peer';

/** The revision from which on clients understand an empty first event that carries an id. */
const PRIMED_SINCE = '2025-11-25';

interface Waiting {
  readonly resolve: (result: Params) => void;
  readonly reject: (error: RpcError) => void;
}

/** Subscribed resources per session. */
const MAX_SUBSCRIPTIONS = 1000;

/**
 * A session of the eras that have them (up to 2025-11-25). It belongs to one user of one tenant and outlives its
 * connections. Everything rarely used is made on demand: there may be thousands that never do more than initialize.
 */
export class McpSession implements ToolSession {
  readonly clientInfo: ToolSession['clientInfo'];
  readonly capabilities: Params;
  /** Least severe level that is sent, as `levelNumber`. */
  minimumLevel = levelNumber('info')!;
  /** Milliseconds of `performance.now()`. */
  lastUsedAt = performance.now();
  channel: SessionChannel | undefined;
  private flights: InFlight | undefined;
  private waiting: Map<RequestId, Waiting> | undefined;
  private subscribed: Map<string, () => void> | undefined;
  private kept: Map<string, unknown> | undefined;
  private sse: SessionStreams | undefined;
  private aside: Backlog | undefined;
  private requestCount = 0;

  constructor(
    readonly id: string,
    readonly principal: Principal,
    readonly protocolVersion: string,
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

  /** Its server-sent streams (HTTP only). */
  get streams(): SessionStreams {
    return (this.sse ??= new SessionStreams(this.protocolVersion >= PRIMED_SINCE));
  }

  /** What it keeps for a client that lost its connection. */
  get replayCharacters(): number {
    return this.sse?.replayCharacters ?? 0;
  }

  /** True while nobody would miss it: no connection, no unanswered request. */
  get idle(): boolean {
    return this.channel === undefined && (this.flights?.size ?? 0) === 0;
  }

  /**
   * Notes a subscription. @param release ends it, when the client unsubscribes or the session ends
   * @throws RpcError when there are too many
   */
  subscribe(uri: string, release: () => void): void {
    this.subscribed ??= new Map();
    if (this.subscribed.size >= MAX_SUBSCRIPTIONS) {
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
   * Asks the client something. @param send puts the request where the client reads it
   * @throws RpcError the client's refusal, or that the wait was aborted
   */
  request(
    method: string,
    params: Params,
    send: (message: string) => void,
    signal: AbortSignal,
  ): Promise<Params> {
    const id = `server-${++this.requestCount}`;
    return new Promise<Params>((resolve, reject) => {
      const abort = (): void => {
        this.waiting?.delete(id);
        reject(new RpcError(RPC.serverError, `${method} was given up`));
      };
      if (signal.aborted) return abort();
      signal.addEventListener('abort', abort, { once: true });
      const settle = (): void => signal.removeEventListener('abort', abort);
      (this.waiting ??= new Map()).set(id, {
        resolve: (result: Params) => {
          settle();
          resolve(result);
        },
        reject: (error: RpcError) => {
          settle();
          reject(error);
        },
      });
      send(encodeRequest(id, method, params));
    });
  }

  /** Sends what belongs to no open request; without a connection that reads it, it waits for one. */
  sendAside(message: string): void {
    if (this.channel) this.channel.send(message);
    else (this.aside ??= new Backlog()).add(message);
  }

  /** A connection that reads what the server sends of its own accord. */
  attach(channel: SessionChannel): void {
    if (this.channel !== channel) this.channel?.close('MCP session reconnected on another connection');
    this.channel = channel;
    for (const message of this.aside?.take() ?? []) channel.send(message);
  }

  detach(channel: SessionChannel): void {
    if (this.channel === channel) this.channel = undefined;
  }

  /** The client's answer to a request of ours; answers to nothing are ignored. */
  settle({ id, result, error }: RpcResponse): void {
    const waiting = this.waiting?.get(id);
    if (!waiting) return;
    this.waiting!.delete(id);
    if (result) waiting.resolve(result);
    else {
      const message = typeof error?.message === 'string' ? error.message.slice(0, 1000) : 'refused';
      waiting.reject(new RpcError(RPC.serverError, `The client answered: ${message}`));
    }
  }

  end(reason: string): void {
    this.flights?.cancelAll(reason);
    // A task may wait for an answer beyond the request that began it.
    for (const { reject } of this.waiting?.values() ?? []) reject(new RpcError(RPC.serverError, reason));
    this.waiting = undefined;
    for (const release of this.subscribed?.values() ?? []) release();
    this.subscribed = undefined;
    this.channel?.close(reason);
    this.channel = undefined;
  }
}
