import type { Server } from 'node:http';
import { Injectable } from '@nestjs/common';
import { mutualPeer, type McpPeerConfiguration } from '../../config/peer-settings.js';
import { Configuration } from '../../config/configuration.js';
import { isObject, readMessage, type Params } from '../protocol/json-rpc.js';
import { SocketMounts } from '../transports/websocket/socket-mounts.service.js';
import { MessageFilters, type MessageFilter } from './message-filters.service.js';
import type { PeerTimeouts } from './peer-channel.js';
import type { Peer } from './peer.js';
import { Peers } from './peers.service.js';

/** Another HTTP server to serve MCP on: a Nest application or a Node server. */
export type MountTarget = Server | { getHttpServer(): unknown };

export interface MountOptions {
  /** Where to mount; this application by default. */
  readonly router?: MountTarget;
  /** `/ws` by default. */
  readonly mountPath?: string;
  /** Dialled as well when given. */
  readonly externalWsUrl?: string;
}

export interface ConnectOptions extends Partial<Omit<McpPeerConfiguration, 'name' | 'url' | 'accept'>> {
  /** Puts its tools under `<name>_`; `external` by default. */
  readonly name?: string;
  /** Milliseconds; by default as configured. */
  readonly timeouts?: Partial<PeerTimeouts>;
  /** Aborts the wait, not the dialling. */
  readonly signal?: AbortSignal;
}

/**
 * MCP over WebSocket from code: `app.get(McpWebSocketTransport)` in any application that imports `OpstreamModule` and
 * has called `configureOpstream`. Method names follow FastAPI-MCP.
 */
@Injectable()
export class McpWebSocketTransport {
  constructor(
    private readonly mounts: SocketMounts,
    private readonly peers: Peers,
    private readonly filters: MessageFilters,
    private readonly configuration: Configuration,
  ) {}

  /**
   * Serves MCP over WebSocket on a path, at any time before or after `listen`.
   * @throws Error for an invalid path
   */
  mountWebSocket({ router, mountPath = '/ws', externalWsUrl }: MountOptions = {}): void {
    if (router === undefined) this.mounts.addPath(mountPath);
    else this.mounts.attach(serverOf(router), mountPath);
    if (externalWsUrl !== undefined) this.dial(externalWsUrl, { role: 'both' });
  }

  /**
   * Connects to another MCP endpoint, and reconnects until `shutdown`.
   * @returns the peer, once it is first connected
   * @throws Error for an invalid URL or a name in use, when `shutdown` comes first, or when it is not connected within
   *   `timeouts.connectMs`, with the problem (dialling continues, see `getPeer`); or the signal's reason
   */
  async connectToExternalWebSocket(url: string, options: ConnectOptions = {}): Promise<Peer> {
    const peer = this.dial(url, options);
    const connectMs = options.timeouts?.connectMs ?? this.configuration.mcp.connectTimeoutMs;
    const timeout = AbortSignal.timeout(connectMs);
    try {
      await peer.whenConnected(options.signal ? AbortSignal.any([options.signal, timeout]) : timeout);
    } catch (error) {
      if (!timeout.aborted || options.signal?.aborted) throw error;
      const why = peer.problem ?? 'it does not answer';
      throw new Error(`Cannot connect to ${url} within ${connectMs} ms: ${why}`, { cause: error });
    }
    return peer;
  }

  /** A peer by name: its state, and why it is not connected. */
  getPeer(name: string): Peer | undefined {
    return this.peers.get(name);
  }

  /**
   * Sends a JSON-RPC message to a peer.
   * @param name the peer; required only when there are several
   * @returns the response to a request, with the given id, even if it is an error; undefined for other messages
   * @throws Error when there is no such peer, it is not connected, or it does not answer in time
   */
  async sendToExternalWebSocket(message: object, name?: string): Promise<Params | undefined> {
    const peer = this.find(name);
    const { client } = peer;
    if (!client) throw new Error(`Peer ${peer.name} is not connected: ${peer.problem ?? peer.state}`);
    const read = readMessage(message);
    switch (read.kind) {
      case 'request': {
        const { method, params } = read;
        const response = await (method === 'initialize'
          ? client.handshake(params)
          : client.request(method, params));
        const { result, error } = response;
        return { jsonrpc: '2.0', id: read.id, ...(result ? { result } : { error }) };
      }
      case 'notification':
        client.notify(read.method, read.params);
        return undefined;
      case 'response':
        throw new Error('A response cannot be sent here: the service answers requests itself');
      case 'malformed':
        throw read.error;
    }
  }

  /** Filters every message from and to peers. @returns removes the filter */
  useFilter(filter: MessageFilter): () => void {
    return this.filters.add(filter);
  }

  /** Closes the connections to all peers for good, unmounts everything and closes its connections. */
  async shutdown(): Promise<void> {
    await Promise.all([this.peers.stopAll(), this.mounts.unmountAll()]);
  }

  private dial(
    url: string,
    { name = this.freeName(), timeouts, signal: _signal, ...settings }: ConnectOptions,
  ): Peer {
    return this.peers.add({ ...mutualPeer(name, url), role: 'client', ...settings }, timeouts);
  }

  /** `external`, or `external_2` and so on if that is taken. */
  private freeName(): string {
    for (let number = 1; ; number++) {
      const name = number === 1 ? 'external' : `external_${number}`;
      if (!this.peers.get(name)) return name;
    }
  }

  private find(name: string | undefined): Peer {
    const known = this.peers.list();
    const peer = name === undefined && known.length === 1 ? known[0] : this.peers.get(name ?? 'external');
    if (peer) return peer;
    const names = known.map((one) => one.name).join(', ');
    throw new Error(
      known.length === 0 ? 'There is no peer' : `There is no peer "${name ?? 'external'}", only ${names}`,
    );
  }
}

function serverOf(target: MountTarget): Server {
  const server: unknown = 'getHttpServer' in target ? target.getHttpServer() : target;
  if (isObject(server) && typeof server.on === 'function') return server as unknown as Server;
  throw new Error('The router has no HTTP server');
}
