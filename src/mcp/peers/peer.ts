import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { DEFAULT_SCOPES, DEFAULT_TENANT, type Principal } from '../../auth/principal.js';
import type { Params } from '../protocol/json-rpc.js';
import { isHttp, shownUrl, type PeerTarget } from './peer-channel.js';
import { PeerConnection, type PeerRole, type PeerDependencies } from './peer-connection.js';
import type { PeerClient } from './peer-client.js';
import { PeerHandshake, type HandshakeEvents } from './peer-handshake.js';

export interface PeerSettings extends PeerTarget {
  readonly role: PeerRole;
  /** Milliseconds; the wait between attempts never exceeds it. */
  readonly retryMaxMs: number;
}

export interface PeerEvents extends HandshakeEvents {
  /** Every time a connection is made. */
  connected(): void;
  notified(method: string, params: Params): void;
}

interface ConnectionEnd {
  /** Why it ended or never was. */
  readonly reason: string;
  /** One of the two sides had begun to speak MCP on it. */
  readonly ofUse: boolean;
}

export type PeerState = 'connecting' | 'connected' | 'waiting' | 'stopped';

const RETRY_FIRST_MS = 1000;
/** A connection without a handshake that lasted so long begins the waiting anew; others are as good as failures. */
const STABLE_MS = 10_000;

/**
 * Another MCP endpoint that we dial, for ever (S3-17, S3-27, S3-39): when a connection fails or ends, the next attempt
 * comes after 1, 2, 4 … seconds, at most `retryMaxMs`, with up to a fifth less at random. A connection that was of use
 * begins that row anew.
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
  private readonly handshake: PeerHandshake;
  /** Why we ended the present connection ourselves. */
  private failure: string | undefined;
  private running: Promise<void> | undefined;

  constructor(
    readonly settings: PeerSettings,
    private readonly services: PeerDependencies,
    private readonly events: PeerEvents,
  ) {
    this.principal = {
      userId: `peer:${settings.name}`,
      tenant: DEFAULT_TENANT,
      scopes: DEFAULT_SCOPES,
      authenticated: true,
      claims: {},
    };
    this.handshake = new PeerHandshake(settings, services.instance.id, this.stopping.signal, events);
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
      const { reason, ofUse } = await this.connectOnce();
      if (this.stopped) break;
      failures = ofUse || performance.now() - since > STABLE_MS ? 1 : failures + 1;
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

  private async connectOnce(): Promise<ConnectionEnd> {
    const { settings, services, principal } = this;
    try {
      const notified = (method: string, params: Params): void => this.events.notified(method, params);
      const events = { toolsChanged: () => void this.handshake.listTools(this.connection), notified };
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
      return { reason: thrown instanceof Error ? thrown.message : String(thrown), ofUse: false };
    } finally {
      this.connection = undefined;
    }
  }

  private async serve(connection: PeerConnection): Promise<ConnectionEnd> {
    this.failure = undefined;
    const begun = this.begin(connection);
    // Over HTTP there is no connection before the handshake.
    if (isHttp(this.settings.url)) await Promise.race([begun, connection.ended]);
    if (!connection.hasEnded && this.failure === undefined) {
      this.problem = undefined;
      this.enter('connected');
      this.events.connected();
      Peer.logger.log(
        `Peer ${this.name} is connected (${shownUrl(this.settings.url)}, ${this.settings.role})`,
      );
    }
    const reason = await connection.ended;
    return { reason: this.failure ?? reason, ofUse: this.handshake.done };
  }

  private async begin(connection: PeerConnection): Promise<void> {
    const refusal = await this.handshake.begin(connection);
    if (!refusal) return;
    this.failure = refusal.reason;
    if (refusal.forEver) {
      Peer.logger.error(`Peer ${this.name} is not used: ${refusal.reason}`);
      this.stopping.abort();
    }
    await connection.close();
  }

  private retryDelay(failures: number): number {
    const nominal = Math.min(this.settings.retryMaxMs, RETRY_FIRST_MS * 2 ** Math.min(failures - 1, 30));
    return Math.round(nominal * (1 - 0.2 * Math.random()));
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
