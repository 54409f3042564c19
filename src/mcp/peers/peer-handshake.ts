import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { isObject, type Params } from '../protocol/json-rpc.js';
import { META } from '../protocol/versions.js';
import { shown } from './peer-client.js';
import { isHttp, type PeerTarget } from './peer-channel.js';
import type { PeerConnection, PeerRole } from './peer-connection.js';

/** What a peer said of itself in the handshake. */
export interface PeerProfile {
  /** Which instance of this service it is, if it is one. */
  readonly instance: string | undefined;
  /** Its tools can be called as tasks of 2025-11-25. */
  readonly hasTasks: boolean;
}

export interface HandshakeEvents {
  /** The peer's tools, read after every handshake and whenever they change. */
  toolsListed(tools: readonly Params[], profile: PeerProfile): void;
}

/** Why a connection is of no use. */
interface Refusal {
  readonly reason: string;
  /** Dialling again would not help. */
  readonly forEver: boolean;
}

/** In the role `both`, how long the peer may be quiet before we speak: it may want to begin as the client. */
const LISTEN_FIRST_MS = 1000;
/** Connections that may end during our handshake before it is taken for the reason. */
const MAX_BROKEN_HANDSHAKES = 2;

/** Who begins on the connections to one peer, and what is known of the peer from one connection to the next. */
export class PeerHandshake {
  private static readonly logger = new Logger('McpPeers');
  /** False once our handshake was refused by a peer that is a client: it is not asked again. */
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

  /** Whether one of the two sides has begun on the newest connection. */
  get done(): boolean {
    return this.isWelcome || this.connection?.peerIsClient === true;
  }

  /** Shakes hands as the client where our role says so; over HTTP always, because there the session begins with it. */
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

  /** Takes what the peer said of itself, and lists its tools. */
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

  /** One listing at a time: changes that come meanwhile cause one more. */
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

  /** A peer that has begun as a client is left alone from then on; any other is dialled again. */
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
