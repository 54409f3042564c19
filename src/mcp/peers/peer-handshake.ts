import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { isObject, type Params } from '../protocol/json-rpc.js';
import { META } from '../protocol/versions.js';
import { shown } from './peer-client.js';
import { isHttp, type PeerTarget } from './peer-channel.js';
import type { PeerConnection, PeerRole } from './peer-connection.js';

/** What a peer announced in the handshake. */
export interface PeerProfile {
  /** The instance of this service, if it is one. */
  readonly instance: string | undefined;
  /** Its tools can be called as tasks of 2025-11-25. */
  readonly hasTasks: boolean;
}

export interface HandshakeEvents {
  /** The peer's tools, listed after every handshake and whenever they change. */
  toolsListed(tools: readonly Params[], profile: PeerProfile): void;
}

/** Why a connection cannot be used. */
interface Refusal {
  readonly reason: string;
  /** Reconnecting would not help. */
  readonly forEver: boolean;
}

/** In the role `both`, how long the peer may stay quiet before we start: it may want to be the client. */
const LISTEN_FIRST_MS = 1000;
/** Connections that may end during our handshake before it counts as the cause. */
const MAX_BROKEN_HANDSHAKES = 2;

/** Decides who starts on the connections to one peer, and remembers the peer between connections. */
export class PeerHandshake {
  private static readonly logger = new Logger('McpPeers');
  /** False once a peer that is a client refused our handshake: it is not asked again. */
  private peerServes = true;
  private broken = 0;
  private profile: PeerProfile = { instance: undefined, hasTasks: false };
  private connection: PeerConnection | undefined;
  private isWelcome = false;
  private listing: Promise<void> | undefined;
  private listAgain = false;

  constructor(
    private readonly settings: PeerTarget & { readonly role: PeerRole },
    private readonly ownInstance: string,
    private readonly stopping: AbortSignal,
    private readonly events: HandshakeEvents,
  ) {}

  /** Whether either side has started on the newest connection. */
  get done(): boolean {
    return this.isWelcome || this.connection?.peerIsClient === true;
  }

  /** Starts as the client if our role says so; over HTTP always, because the session begins with it. */
  async begin(connection: PeerConnection): Promise<Refusal | undefined> {
    this.connection = connection;
    this.isWelcome = false;
    const { role, url } = this.settings;
    if (!isHttp(url)) {
      if (role === 'server' || !this.peerServes) return undefined;
      if (role === 'both') await this.untilQuiet(connection);
    }
    if (connection.hasEnded) return undefined;
    try {
      const { result, error } = await connection.client.handshake();
      if (result) return await this.welcome(result, connection);
      return this.failed(connection, `initialize was answered with ${shown(error)}`);
    } catch (thrown) {
      return this.failed(connection, (thrown as Error).message);
    }
  }

  /** Takes over what the peer announced, and lists its tools. */
  async welcome(result: Params, connection: PeerConnection): Promise<Refusal | undefined> {
    this.profile = profileOf(result);
    if (this.profile.instance === this.ownInstance) {
      return { reason: 'the address leads back to this service', forEver: true };
    }
    this.isWelcome = true;
    connection.welcomed();
    const { capabilities } = result;
    if (isObject(capabilities) && isObject(capabilities.tools)) {
      await this.listTools(connection);
      connection.followChanges();
    }
    return undefined;
  }

  /** One listing at a time: changes in between cause one more. */
  listTools(connection: PeerConnection | undefined): Promise<void> {
    if (this.settings.role === 'server' || !connection) return Promise.resolve();
    if (this.listing) this.listAgain = true;
    this.listing ??= this.list(connection).finally(() => {
      this.listing = undefined;
      const again = this.listAgain;
      this.listAgain = false;
      if (again) void this.listTools(this.connection);
    });
    return this.listing;
  }

  private async list(connection: PeerConnection): Promise<void> {
    const { name } = this.settings;
    try {
      const { tools, incomplete } = await connection.client.listTools();
      if (incomplete !== undefined) {
        PeerHandshake.logger.warn(
          `Peer ${name}: ${incomplete}; ${tools.length} tools are used, the rest is missing`,
        );
      }
      this.events.toolsListed(tools, this.profile);
    } catch (thrown) {
      PeerHandshake.logger.warn(`Peer ${name}: its tools could not be listed: ${(thrown as Error).message}`);
    }
  }

  /** A peer that has started as a client is left alone from then on; any other is dialled again. */
  private failed(connection: PeerConnection, reason: string): Refusal | undefined {
    if (!connection.peerIsClient) return { reason, forEver: false };
    this.broken += connection.hasEnded ? 1 : MAX_BROKEN_HANDSHAKES;
    this.peerServes = this.broken < MAX_BROKEN_HANDSHAKES;
    if (!this.peerServes) PeerHandshake.logger.log(`Peer ${this.settings.name} is a client only: ${reason}`);
    return undefined;
  }

  private async untilQuiet(connection: PeerConnection): Promise<void> {
    for (;;) {
      if (connection.hasEnded || connection.client.hasBegun) return;
      const quietFor = performance.now() - connection.lastHeardAt;
      if (quietFor >= LISTEN_FIRST_MS) return;
      await delay(LISTEN_FIRST_MS - quietFor, undefined, { signal: this.stopping }).catch(() => undefined);
    }
  }
}

function profileOf({ _meta, capabilities }: Params): PeerProfile {
  const instance = isObject(_meta) ? _meta[META.instance] : undefined;
  const tasks = isObject(capabilities) ? capabilities.tasks : undefined;
  const requests = isObject(tasks) ? tasks.requests : undefined;
  const ofTools = isObject(requests) ? requests.tools : undefined;
  return {
    instance: typeof instance === 'string' ? instance.slice(0, 100) : undefined,
    hasTasks: isObject(ofTools) && isObject(ofTools.call),
  };
}
