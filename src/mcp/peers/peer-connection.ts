import { Logger } from '@nestjs/common';
import type { Principal } from '../../auth/principal.js';
import type { McpDispatcher } from '../dispatch/dispatcher.service.js';
import type { McpMessageLogger } from '../session/message-logger.js';
import {
  encodeError,
  isObject,
  parseMessage,
  type RequestId,
  type RpcMessage,
} from '../protocol/json-rpc.js';
import type { Instance } from '../protocol/instance.js';
import { RPC, RpcError } from '../protocol/rpc-error.js';
import type { McpSessions } from '../session/mcp-sessions.service.js';
import { ChannelResponder } from './channel-responder.js';
import type { MessageFilters, MessageRoute } from './message-filters.service.js';
import { PeerClient, type PeerClientEvents } from './peer-client.js';
import type { PeerChannel, PeerDialer, PeerTarget } from './peer-channel.js';
import { PeerServer } from './peer-server.js';

/** Which half of MCP we are on a connection that we open: the far side calls our tools, we call its, or both. */
export type PeerRole = 'server' | 'client' | 'both';

/** Parts of the service that a connection works with. */
export interface PeerDependencies {
  readonly dialer: PeerDialer;
  readonly dispatcher: McpDispatcher;
  readonly sessions: McpSessions;
  readonly filters: MessageFilters;
  readonly instance: Instance;
  readonly trace: McpMessageLogger;
}

/** Characters of a far side's error report that the log shows. */
const MAX_LOGGED = 2000;

/** One connection to a peer, from dialling to its end: tells what belongs to which half. */
export class PeerConnection {
  private static readonly logger = new Logger('McpPeers');
  readonly client: PeerClient;
  hasEnded = false;
  /** Resolves with the reason when the connection has ended. */
  readonly ended: Promise<string>;
  /** When the far side last sent something, in milliseconds of `performance.now()`. */
  lastHeardAt = performance.now();
  /** The far side has begun as an MCP client. */
  farIsClient = false;
  private readonly server: PeerServer | undefined;
  private readonly route: Record<'incoming' | 'outgoing', MessageRoute>;
  private channel: PeerChannel | undefined;
  /** What came with the answer to the upgrade, before we could answer it. */
  private early: string[] | undefined = [];
  private end!: (reason: string) => void;

  private constructor(
    private readonly target: PeerTarget,
    role: PeerRole,
    principal: Principal,
    private readonly services: PeerDependencies,
    events: PeerClientEvents,
  ) {
    const send = (text: string): void => this.send(text);
    const drained = (): Promise<void> | undefined => this.channel?.drained();
    this.ended = new Promise((resolve) => (this.end = resolve));
    this.client = new PeerClient(send, target.timeouts, events);
    if (role !== 'client') {
      const responder = new ChannelResponder({ send, drained });
      this.server = new PeerServer(services.dispatcher, services.sessions, principal, responder);
    }
    const reply = (message: object): void => this.channel?.send(JSON.stringify(message));
    this.route = {
      incoming: { direction: 'incoming', peer: target.name, reply },
      outgoing: { direction: 'outgoing', peer: target.name, reply },
    };
  }

  /** @throws Error that says in a sentence why there is no connection */
  static async open(
    target: PeerTarget,
    role: PeerRole,
    principal: Principal,
    services: PeerDependencies,
    events: PeerClientEvents,
    signal: AbortSignal,
  ): Promise<PeerConnection> {
    const connection = new PeerConnection(target, role, principal, services, events);
    const listener = {
      message: (text: string) => connection.receive(text),
      unanswered: (id: RequestId, reason: string) => connection.client.unanswered(id, reason),
      closed: (reason: string) => connection.closed(reason),
    };
    connection.channel = await services.dialer.dial(target, listener, signal);
    const early = connection.early ?? [];
    connection.early = undefined;
    for (const text of early) connection.receive(text);
    return connection;
  }

  async close(): Promise<void> {
    await this.channel?.close();
  }

  private send(text: string): void {
    const passed = this.services.filters.size === 0 ? text : this.filter(text, this.route.outgoing);
    if (passed === undefined) return;
    this.trace('sent', passed);
    this.channel?.send(passed);
  }

  private receive(text: string): void {
    if (this.early) {
      this.early.push(text);
      return;
    }
    this.lastHeardAt = performance.now();
    this.trace('received', text);
    const passed = this.services.filters.size === 0 ? text : this.filter(text, this.route.incoming);
    if (passed === undefined) return;
    const message = parseMessage(passed);
    if (message.kind === 'malformed' && isErrorReport(passed)) {
      // Answering an error with an error would never end.
      PeerConnection.logger.warn(`Peer ${this.target.name} reports an error: ${passed.slice(0, MAX_LOGGED)}`);
      return;
    }
    if (this.client.receive(message)) return;
    if (message.kind === 'request' && message.method === 'initialize') this.farIsClient = true;
    if (this.server) this.server.receive(message);
    else this.refuse(message);
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
      if (!isObject(message)) return text;
      const passed = this.services.filters.apply(message, route);
      return passed === message ? text : passed && JSON.stringify(passed);
    } catch (thrown) {
      if (thrown instanceof SyntaxError) return text;
      PeerConnection.logger.error({ error: thrown, peer: this.target.name }, 'A message filter failed');
      return undefined;
    }
  }

  private trace(direction: 'sent' | 'received', text: string): void {
    this.services.trace.message(direction, `peer ${this.target.name}`, text);
  }

  private closed(reason: string): void {
    this.hasEnded = true;
    this.client.closed(`the connection to peer ${this.target.name} was lost: ${reason}`);
    this.server?.closed();
    this.end(reason);
  }
}

function isErrorReport(text: string): boolean {
  const value = safeParse(text);
  return isObject(value) && 'error' in value && !('method' in value);
}

function safeParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
