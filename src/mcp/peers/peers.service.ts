import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Configuration, InvalidConfigurationError } from '../../config/configuration.js';
import type { McpPeerConfiguration } from '../../config/peer-settings.js';
import { SCOPES, type Principal, type Scope } from '../../auth/principal.js';
import { HealthIndicators, type Health } from '../../rest/health/health-indicators.js';
import { McpDispatcher } from '../dispatch/dispatcher.service.js';
import { McpMessageLogger } from '../session/message-logger.js';
import { Instance } from '../protocol/instance.js';
import type { Params } from '../protocol/json-rpc.js';
import { McpSessions } from '../session/mcp-sessions.service.js';
import type { ToolContext } from '../tools/tool-context.js';
import { ToolRegistry } from '../tools/tool-registry.js';
import type { PassedOnResult } from '../tools/tool-result.js';
import { UserError } from '../tools/user-error.js';
import { MessageFilters } from './message-filters.service.js';
import { ForwardedTools, type RemoteTool } from './forwarded-tools.js';
import { PeerDialer, type PeerTimeouts } from './peer-channel.js';
import type { PeerDependencies } from './peer-connection.js';
import { Peer } from './peer.js';
import { RemoteCalls } from './remote-calls.js';

/**
 * Closing a peer may take MCP_CLOSE_TIMEOUT_MS, but no longer than this during shutdown, which has a deadline of its
 * own.
 */
const MAX_SHUTDOWN_CLOSE_MS = 3000;

interface Entry {
  readonly peer: Peer;
  readonly tools: ForwardedTools;
}

/** All peers of this service: those of `MCP_PEERS` and `EXTERNAL_WS_URL`, and those added at run time. */
@Injectable()
export class Peers implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly peers = new Map<string, Entry>();
  /** Connections made so far, to all peers. */
  connections = 0;
  private readonly services: PeerDependencies;

  constructor(
    private readonly configuration: Configuration,
    private readonly registry: ToolRegistry,
    private readonly health: HealthIndicators,
    dialer: PeerDialer,
    dispatcher: McpDispatcher,
    sessions: McpSessions,
    filters: MessageFilters,
    trace: McpMessageLogger,
    private readonly instance: Instance,
  ) {
    this.services = { dialer, dispatcher, sessions, filters, trace, instance };
  }

  /** After all our own tools are registered: a peer may list them at once. */
  onApplicationBootstrap(): void {
    for (const peer of this.configuration.mcp.peers) this.add(peer);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.stopAll(MAX_SHUTDOWN_CLOSE_MS);
  }

  /**
   * Starts dialling another MCP endpoint.
   * @param timeouts overrides of the configured ones
   * @throws Error when there is already a peer of this name
   */
  add(settings: McpPeerConfiguration, timeouts: Partial<PeerTimeouts> = {}): Peer {
    const { name, url, role, headers, subprotocol, compression, log_level: logLevel } = settings;
    if (this.peers.has(name)) throw new Error(`There already is a peer "${name}"`);
    const calls = new RemoteCalls(name);
    const terms = {
      includeTools: settings.include_tools,
      excludeTools: settings.exclude_tools,
      scope: settings.scope,
      tenants: settings.tenants,
    };
    const peer: Peer = new Peer(
      {
        name,
        url,
        role,
        headers,
        subprotocol,
        compression,
        logLevel,
        principal: principalOf(settings),
        timeouts: { ...this.timeouts(), ...timeouts },
        retryMaxMs: this.configuration.mcp.peerRetryMaxMs,
      },
      this.services,
      {
        connected: () => (this.connections += 1),
        toolsListed: (listed, profile) => tools.offer(listed, profile),
        notified: (...notification) => calls.notified(...notification),
        asked: (...question) => calls.ask(...question),
        room: (requestId) => calls.room(requestId),
      },
    );
    const call = (tool: RemoteTool, args: Params, context: ToolContext): Promise<PassedOnResult> => {
      if (peer.client) return calls.run(peer.client, tool, args, context);
      throw new UserError(
        `Peer ${name} is not connected: ${peer.problem ?? 'the first attempt is under way'}`,
      );
    };
    const tools = new ForwardedTools(name, this.instance.id, terms, this.registry, call, (own) =>
      this.belongsToAnother(name, own),
    );
    this.peers.set(name, { peer, tools });
    this.health.register('mcp_peers', () => this.check());
    peer.start();
    return peer;
  }

  /**
   * Whether a tool name would be mistaken for one of a peer with a longer name: `shop` cannot offer `eu_pay` next to
   * `shop_eu`.
   */
  private belongsToAnother(peer: string, tool: string): boolean {
    for (const other of this.peers.keys()) {
      if (other.length > peer.length && tool.startsWith(`${other}_`)) return true;
    }
    return false;
  }

  get(name: string): Peer | undefined {
    return this.peers.get(name)?.peer;
  }

  list(): readonly Peer[] {
    return [...this.peers.values()].map(({ peer }) => peer);
  }

  /** Closes the connection to a peer for good and withdraws its tools. */
  async remove(name: string, withinMs?: number): Promise<void> {
    const entry = this.peers.get(name);
    if (!entry) return;
    this.peers.delete(name);
    entry.tools.withdraw();
    await entry.peer.stop(withinMs);
  }

  /** @param withinMs limit, if shorter than the close timeout */
  async stopAll(withinMs?: number): Promise<void> {
    await Promise.all([...this.peers.keys()].map((name) => this.remove(name, withinMs)));
  }

  private timeouts(): PeerTimeouts {
    const { mcp } = this.configuration;
    return {
      connectMs: mcp.connectTimeoutMs,
      pingIntervalMs: mcp.pingIntervalMs,
      pingTimeoutMs: mcp.pingTimeoutMs,
      closeMs: mcp.closeTimeoutMs,
      requestMs: mcp.requestTimeoutMs,
      requestMaxMs: mcp.requestMaxMs,
    };
  }

  private check(): Health {
    const away = this.list().filter(({ state, problem }) => state !== 'connected' || problem !== undefined);
    if (away.length === 0) return { status: 'up' };
    return {
      status: 'degraded',
      detail: away.map(({ name, problem, state }) => `${name}: ${problem ?? state}`).join('; '),
    };
  }
}

/** The principal of a peer's calls to our tools. @throws InvalidConfigurationError for an unknown scope */
function principalOf({ name, tenant, scopes, scope }: McpPeerConfiguration): Principal {
  const named = scope === undefined ? scopes : [...scopes, scope];
  const unknown = named.filter((one) => !(SCOPES as readonly string[]).includes(one));
  if (unknown.length > 0) {
    throw new InvalidConfigurationError(
      `MCP_PEERS: peer ${name} has scopes that do not exist: ${unknown.join(', ')}`,
    );
  }
  return {
    userId: `peer:${name}`,
    tenant,
    scopes: new Set(scopes as Scope[]),
    authenticated: true,
    claims: {},
  };
}
