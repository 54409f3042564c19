import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { Principal } from '../../auth/principal.js';
import { isHttp, shownUrl, type PeerTarget } from './peer-channel.js';
import {
  PeerConnection,
  type ConnectionEvents,
  type PeerRole,
  type PeerDependencies,
} from './peer-connection.js';
import type { PeerClient } from './peer-client.js';
import { PeerHandshake, type HandshakeEvents } from './peer-handshake.js';

export interface PeerSettings extends PeerTarget {
  readonly role: PeerRole;
  /** The principal of the peer's calls to our tools. */
  readonly principal: Principal;
  /** Minimum severity of the log messages requested from it. */
  readonly logLevel: string;
  /** Milliseconds; maximum delay between attempts. */
  readonly retryMaxMs: number;
}

export interface PeerEvents extends HandshakeEvents {
  /** Called for every new connection. */
  connected(): void;
  notified: ConnectionEvents['notified'];
  asked: ConnectionEvents['asked'];
  room: ConnectionEvents['room'];
}

interface ConnectionEnd {
  /** Why it ended or failed. */
  readonly reason: string;
  /** One side had started to speak MCP on it. */
  readonly ofUse: boolean;
}

export type PeerState = 'connecting' | 'connected' | 'waiting' | 'stopped';

const RETRY_FIRST_MS = 1000;
/** A connection without a handshake that lasted this long resets the backoff; others count as failures. */
const STABLE_MS = 10_000;

/**
 * Another MCP endpoint that we dial, forever: when a connection fails or ends, the next attempt follows after 1, 2, 4
 * … seconds, at most `retryMaxMs`, minus up to a fifth of jitter. A useful connection resets the backoff.
 */
export class Peer {
  private static readonly logger = new Logger('McpPeers');
  state: PeerState = 'connecting';
  /** Why there is no connection, or what is wrong with it. */
  problem: string | undefined;
  private readonly stopping = new AbortController();
  private readonly waiters = new Set<() => void>();
  private connection: PeerConnection | undefined;
  /** The current connection is fully established. */
  private usable = false;
  private readonly handshake: PeerHandshake;
  /** Why we closed the current connection ourselves. */
  private failure: string | undefined;
  private running: Promise<void> | undefined;

  constructor(
    readonly settings: PeerSettings,
    private readonly services: PeerDependencies,
    private readonly events: PeerEvents,
  ) {
    this.handshake = new PeerHandshake(settings, services.instance.id, this.stopping.signal, events);
  }

  get name(): string {
    return this.settings.name;
  }

  /** The client half of the current connection, even a doubtful one: a call will show. */
  get client(): PeerClient | undefined {
    return this.usable && !this.connection?.hasEnded ? this.connection?.client : undefined;
  }

  start(): void {
    this.running ??= this.run();
  }

  /** Resolves when connected. @throws Error when stopped first, or the signal's reason */
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

  async stop(withinMs?: number): Promise<void> {
    this.stopping.abort();
    await this.connection?.close(withinMs);
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
    const { settings, services, events } = this;
    const { role, principal, logLevel } = settings;
    try {
      const connection = await PeerConnection.open(
        { target: settings, role, principal, logLevel },
        services,
        {
          notified: (...notification) => events.notified(...notification),
          asked: (...question) => events.asked(...question),
          room: (requestId) => events.room(requestId),
          toolsChanged: () => void this.handshake.listTools(this.connection),
          renewed: (result) => void this.handshake.welcome(result, connection),
          troubled: (problem) => this.troubled(problem),
        },
        this.stopping.signal,
      );
      this.connection = connection;
      if (this.stopped) await connection.close();
      return await this.serve(connection);
    } catch (thrown) {
      return { reason: thrown instanceof Error ? thrown.message : String(thrown), ofUse: false };
    } finally {
      this.usable = false;
      this.connection = undefined;
    }
  }

  private troubled(problem: string | undefined): void {
    if (!this.usable) return;
    if (problem !== undefined && problem !== this.problem) Peer.logger.warn(`Peer ${this.name}: ${problem}`);
    this.problem = problem;
    this.enter(problem === undefined ? 'connected' : 'waiting');
  }

  private async serve(connection: PeerConnection): Promise<ConnectionEnd> {
    this.failure = undefined;
    const begun = this.begin(connection);
    // Over HTTP there is no connection before the handshake.
    if (isHttp(this.settings.url)) await Promise.race([begun, connection.ended]);
    if (!connection.hasEnded && this.failure === undefined) {
      this.problem = undefined;
      this.usable = true;
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
    // A peer that dials in decides when.
    if (this.settings.url === undefined) return 0;
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
