import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { DEFAULT_SCOPES, DEFAULT_TENANT, type Principal } from '../../auth/principal.js';
import { isObject, type Params } from '../protocol/json-rpc.js';
import { META } from '../protocol/versions.js';
import { shownUrl, type PeerTarget } from './peer-channel.js';
import { PeerConnection, type PeerRole, type PeerServices } from './peer-connection.js';
import type { PeerClient } from './peer-client.js';

export interface PeerSettings extends PeerTarget {
  readonly role: PeerRole;
  /** Milliseconds; the wait between attempts never exceeds it. */
  readonly retryMaxMs: number;
}

export interface PeerEvents {
  /** Every time a connection is made. */
  connected(): void;
  /** The far side's tools, read after every handshake and whenever they change. */
  toolsListed(tools: readonly Params[], instance: string | undefined): void;
  notified(method: string, params: Params): void;
}

export type PeerState = 'connecting' | 'connected' | 'waiting' | 'stopped';

const RETRY_FIRST_MS = 1000;
/** A connection that lasted so long begins the waiting anew; others are as good as failures. */
const STABLE_MS = 10_000;
/** In the role `both`, how long the far side may be quiet before we speak: it may want to begin as the client. */
const LISTEN_FIRST_MS = 1000;
/** Connections that may end during our handshake before it is taken for the reason. */
const MAX_BROKEN_HANDSHAKES = 2;

/**
 * Another MCP endpoint that we dial, for ever (S3-17, S3-27, S3-39): when a connection fails or ends, the next attempt
 * comes after 1, 2, 4 … seconds, at most `retryMaxMs`, with up to a fifth less at random.
 */
export class Peer {
  private static readonly logger = new Logger('McpPeers');
  state: PeerState = 'connecting';
  /** Why there is no connection. */
  problem: string | undefined;
  readonly principal: Principal;
  private readonly stopping = new AbortController();
  private readonly waiters = new Set<() => void>();
  private connection: PeerConnection | undefined;
  /** False once our handshake was refused by a far side that is a client: it is not asked again. */
  private farServes = true;
  private brokenHandshakes = 0;
  /** Why we ended the present connection ourselves. */
  private failure: string | undefined;
  /** Which instance of this service the far side is, if it is one. */
  private instance: string | undefined;
  private running: Promise<void> | undefined;

  constructor(
    readonly settings: PeerSettings,
    private readonly services: PeerServices,
    private readonly events: PeerEvents,
  ) {
    this.principal = {
      userId: `peer:${settings.name}`,
      tenant: DEFAULT_TENANT,
      scopes: DEFAULT_SCOPES,
      authenticated: true,
      claims: {},
    };
  }

  get name(): string {
    return this.settings.name;
  }

  /** The client half of the present connection. */
  get client(): PeerClient | undefined {
    return this.state === 'connected' ? this.connection?.client : undefined;
  }

  start(): void {
    this.running ??= this.run();
  }

  /** Resolves when connected. @throws Error when stopped before, or the signal's reason */
  async whenConnected(signal?: AbortSignal): Promise<void> {
    while (this.state !== 'connected') {
      signal?.throwIfAborted();
      if (this.state === 'stopped')
        throw new Error(`Peer ${this.name} was stopped: ${this.problem ?? 'closed'}`);
      await new Promise<void>((resolve) => {
        this.waiters.add(resolve);
        signal?.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.connection?.close();
    await this.running;
  }

  private async run(): Promise<void> {
    const { logger } = Peer;
    for (let failures = 0; !this.stopped;) {
      const since = performance.now();
      this.enter('connecting');
      const reason = await this.connectOnce();
      if (this.stopped) break;
      failures = performance.now() - since > STABLE_MS ? 1 : failures + 1;
      const waitMs = this.retryDelay(failures);
      this.problem = reason;
      this.enter('waiting');
      logger.warn(
        `Peer ${this.name} (${shownUrl(this.settings.url)}): ${reason}. Next attempt in ${waitMs} ms`,
      );
      await delay(waitMs, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    }
    this.problem = this.failure;
    this.enter('stopped');
  }

  /** @returns why the connection ended or never was */
  private async connectOnce(): Promise<string> {
    const { settings, services, principal } = this;
    try {
      const notified = (method: string, params: Params): void => this.events.notified(method, params);
      const events = { toolsChanged: () => void this.listTools(), notified };
      const { signal } = this.stopping;
      const connection = await PeerConnection.open(
        settings,
        settings.role,
        principal,
        services,
        events,
        signal,
      );
      this.connection = connection;
      if (this.stopped) await connection.close();
      return await this.serve(connection);
    } catch (thrown) {
      return thrown instanceof Error ? thrown.message : String(thrown);
    } finally {
      this.connection = undefined;
    }
  }

  private async serve(connection: PeerConnection): Promise<string> {
    this.failure = undefined;
    const begun = this.begin(connection);
    // Over HTTP there is no connection before the handshake.
    if (this.isHttp) await Promise.race([begun, connection.ended]);
    if (!connection.hasEnded && this.failure === undefined) {
      this.problem = undefined;
      this.enter('connected');
      this.events.connected();
      Peer.logger.log(
        `Peer ${this.name} is connected (${shownUrl(this.settings.url)}, ${this.settings.role})`,
      );
    }
    const reason = await connection.ended;
    return this.failure ?? reason;
  }

  /** Shakes hands as the client where our role says so; over HTTP always, because there the session begins with it. */
  private async begin(connection: PeerConnection): Promise<void> {
    const { role } = this.settings;
    if (!this.isHttp) {
      if (role === 'server' || !this.farServes) return;
      if (role === 'both') await this.untilQuiet(connection);
    }
    if (connection.hasEnded) return;
    try {
      const { result, error } = await connection.client.handshake();
      if (result) await this.welcome(result);
      else
        this.handshakeFailed(
          connection,
          `initialize was answered with ${JSON.stringify(error).slice(0, 300)}`,
        );
    } catch (thrown) {
      this.handshakeFailed(connection, (thrown as Error).message);
    }
  }

  /** A far side that has begun as a client is left alone from then on; any other is dialled again. */
  private handshakeFailed(connection: PeerConnection, reason: string): void {
    if (!connection.farIsClient) {
      this.failure = reason;
      void connection.close();
      return;
    }
    this.brokenHandshakes += connection.hasEnded ? 1 : MAX_BROKEN_HANDSHAKES;
    this.farServes = this.brokenHandshakes < MAX_BROKEN_HANDSHAKES;
    if (!this.farServes) Peer.logger.log(`Peer ${this.name} is a client only: ${reason}`);
  }

  private async welcome(result: Params): Promise<void> {
    this.instance = instanceOf(result);
    if (this.instance === this.services.instance.id) {
      this.failure = 'the address leads back to this service';
      Peer.logger.error(`Peer ${this.name} is not used: ${this.failure}`);
      this.stopping.abort();
      await this.connection?.close();
    } else if (isObject(result.capabilities) && isObject(result.capabilities.tools)) {
      await this.listTools();
    }
  }

  private async listTools(): Promise<void> {
    if (this.settings.role === 'server' || !this.connection) return;
    try {
      this.events.toolsListed(await this.connection.client.listTools(), this.instance);
    } catch (thrown) {
      Peer.logger.warn(`Peer ${this.name}: its tools could not be listed: ${(thrown as Error).message}`);
    }
  }

  private async untilQuiet(connection: PeerConnection): Promise<void> {
    for (;;) {
      if (connection.hasEnded || connection.client.hasBegun) return;
      const quietFor = performance.now() - connection.lastHeardAt;
      if (quietFor >= LISTEN_FIRST_MS) return;
      await delay(LISTEN_FIRST_MS - quietFor, undefined, { signal: this.stopping.signal }).catch(
        () => undefined,
      );
    }
  }

  private retryDelay(failures: number): number {
    const nominal = Math.min(this.settings.retryMaxMs, RETRY_FIRST_MS * 2 ** Math.min(failures - 1, 30));
    return Math.round(nominal * (1 - 0.2 * Math.random()));
  }

  private get isHttp(): boolean {
    return /^https?:/i.test(this.settings.url);
  }

  private get stopped(): boolean {
    return this.stopping.signal.aborted;
  }

  private enter(state: PeerState): void {
    this.state = state;
    for (const resolve of this.waiters) resolve();
    this.waiters.clear();
  }
}

function instanceOf({ _meta }: Params): string | undefined {
  const instance = isObject(_meta) ? _meta[META.instance] : undefined;
  return typeof instance === 'string' ? instance.slice(0, 100) : undefined;
}
