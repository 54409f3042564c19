import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { isObject, type Params } from '../protocol/json-rpc.js';
import { META } from '../protocol/versions.js';
import { isHttp, type PeerTarget } from './peer-channel.js';
import type { PeerConnection, PeerRole } from './peer-connection.js';

export interface HandshakeEvents {
  /** The far side's tools, read after every handshake and whenever they change. */
  toolsListed(tools: readonly Params[], instance: string | undefined): void;
}

/** Why a connection is of no use. */
interface Refusal {
  readonly reason: string;
  /** Dialling again would not help. */
  readonly forEver: boolean;
}

/** In the role `both`, how long the far side may be quiet before we speak: it may want to begin as the client. */
const LISTEN_FIRST_MS = 1000;
/** Connections that may end during our handshake before it is taken for the reason. */
const MAX_BROKEN_HANDSHAKES = 2;

/** Who begins on the connections to one peer, and what is known of the far side from one connection to the next. */
export class PeerHandshake {
  private static readonly logger = new Logger('McpPeers');
  /** False once our handshake was refused by a far side that is a client: it is not asked again. */
  private farServes = true;
  private broken = 0;
  /** Which instance of this service the far side is, if it is one. */
  private instance: string | undefined;
  private connection: PeerConnection | undefined;
  private welcomed = false;

  constructor(
    private readonly settings: PeerTarget & { readonly role: PeerRole },
    private readonly ownInstance: string,
    private readonly stopping: AbortSignal,
    private readonly events: HandshakeEvents,
  ) {}

  /** Whether one of the two sides has begun on the newest connection. */
  get done(): boolean {
    return this.welcomed || this.connection?.farIsClient === true;
  }

  /** Shakes hands as the client where our role says so; over HTTP always, because there the session begins with it. */
  async begin(connection: PeerConnection): Promise<Refusal | undefined> {
    this.connection = connection;
    this.welcomed = false;
    const { role, url } = this.settings;
    if (!isHttp(url)) {
      if (role === 'server' || !this.farServes) return undefined;
      if (role === 'both') await this.untilQuiet(connection);
    }
    if (connection.hasEnded) return undefined;
    try {
      const { result, error } = await connection.client.handshake();
      if (result) return await this.welcome(result, connection);
      return this.failed(connection, `initialize was answered with ${JSON.stringify(error).slice(0, 300)}`);
    } catch (thrown) {
      return this.failed(connection, (thrown as Error).message);
    }
  }

  async listTools(connection: PeerConnection | undefined): Promise<void> {
    const { role, name } = this.settings;
    if (role === 'server' || !connection) return;
    try {
      this.events.toolsListed(await connection.client.listTools(), this.instance);
    } catch (thrown) {
      PeerHandshake.logger.warn(`Peer ${name}: its tools could not be listed: ${(thrown as Error).message}`);
    }
  }

  /** A far side that has begun as a client is left alone from then on; any other is dialled again. */
  private failed(connection: PeerConnection, reason: string): Refusal | undefined {
    if (!connection.farIsClient) return { reason, forEver: false };
    this.broken += connection.hasEnded ? 1 : MAX_BROKEN_HANDSHAKES;
    this.farServes = this.broken < MAX_BROKEN_HANDSHAKES;
    if (!this.farServes) PeerHandshake.logger.log(`Peer ${this.settings.name} is a client only: ${reason}`);
    return undefined;
  }

  private async welcome(result: Params, connection: PeerConnection): Promise<Refusal | undefined> {
    this.instance = instanceOf(result);
    if (this.instance === this.ownInstance) {
      return { reason: 'the address leads back to this service', forEver: true };
    }
    this.welcomed = true;
    const { capabilities } = result;
    if (isObject(capabilities) && isObject(capabilities.tools)) await this.listTools(connection);
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

function instanceOf({ _meta }: Params): string | undefined {
  const instance = isObject(_meta) ? _meta[META.instance] : undefined;
  return typeof instance === 'string' ? instance.slice(0, 100) : undefined;
}
