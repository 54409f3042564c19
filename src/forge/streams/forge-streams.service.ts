import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { DEFAULT_TENANT } from '../../auth/principal.js';
import { RECONNECT } from '../../client/reconnect-policy.js';
import { WebSocketManager } from '../../client/upstream/websocket-manager.js';
import { Configuration } from '../../config/configuration.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { ForgeMetrics } from '../forge.metrics.js';
import { ForgeStream, type StreamHandlers } from './forge-stream.js';
import { streamUrls, type StreamKind } from './stream-urls.js';

/** How long a missing log is retried: 2 of 8 new processes were refused at first. */
const LOG_RACE_MS = 3000;
const KEEP_ALIVE_MS = 15_000;
/** Sockets per tenant: each watched run needs three or four. */
const MAX_SOCKETS = 64;
/** The upstream preset starts at one second. */
const PRESET_FIRST_MS = 1000;

/** Opens Forge's streams over pooled sockets. */
@Injectable()
export class ForgeStreams implements OnApplicationShutdown {
  /**
   * One pool per tenant: Forge replays a stream only to a new socket, so a tenant that joined another's open one would
   * miss the past. Within a tenant watchers share the mirror.
   */
  private readonly pools = new Map<string, WebSocketManager>();

  constructor(
    private readonly configuration: Configuration,
    private readonly metrics: ForgeMetrics,
    /** The application's own pool; a host application's sockets are shared with the default tenant. */
    shared: WebSocketManager,
  ) {
    // Its sockets may lead anywhere: a token is for Forge alone.
    if (configuration.forge.token === undefined) this.pools.set(DEFAULT_TENANT, shared);
    metrics.gauge('opstream_forge_sockets', 'Sockets to Forge that watchers share', () => this.sockets);
  }

  /** False when this Forge version has no such stream. */
  has(kind: StreamKind): boolean {
    return this.urls(kind, 'id').length > 0;
  }

  get maxReconnectAttempts(): number {
    return this.configuration.forge.reconnectAttempts;
  }

  /** @param id of the project, attempt or process the stream belongs to */
  open(tenant: string, kind: StreamKind, id: string, handlers: StreamHandlers): ForgeStream {
    const pool = this.pool(tenant);
    const urls = this.urls(kind, id);
    if (pool.connectionPool.size >= MAX_SOCKETS && !urls.some((url) => pool.connectionPool.has(url))) {
      throw new OpstreamError(
        'too_many_connections',
        `A tenant may follow ${MAX_SOCKETS} streams of Forge at once`,
      );
    }
    return new ForgeStream(pool, urls, this.counted(kind, handlers), {
      maxReconnectAttempts: this.maxReconnectAttempts,
      retryRefusedMs: kind === 'raw-logs' || kind === 'normalized-logs' ? LOG_RACE_MS : 0,
    });
  }

  /**
   * Opens a stream over a separate socket to read its current content: an open one has already replayed the past.
   * Tried once.
   */
  openApart(kind: StreamKind, id: string, handlers: StreamHandlers): ForgeStream {
    return new ForgeStream(this.newPool(), this.urls(kind, id), handlers, {
      maxReconnectAttempts: 0,
      retryRefusedMs: 0,
    });
  }

  onApplicationShutdown(): void {
    for (const pool of this.pools.values()) pool.close();
  }

  private get sockets(): number {
    let sum = 0;
    for (const { connectionPool } of this.pools.values()) sum += connectionPool.size;
    return sum;
  }

  private counted(kind: StreamKind, handlers: StreamHandlers): StreamHandlers {
    let wasOpen = false;
    return {
      ...handlers,
      onOpen: () => {
        if (wasOpen) this.metrics.reconnected(kind);
        wasOpen = true;
        handlers.onOpen();
      },
    };
  }

  private pool(tenant: string): WebSocketManager {
    for (const [name, idle] of this.pools) {
      const isIdle = name !== tenant && name !== DEFAULT_TENANT && idle.subscriptions.size === 0;
      if (isIdle) this.pools.delete(name);
    }
    const pool = this.pools.get(tenant) ?? this.newPool();
    this.pools.set(tenant, pool);
    return pool;
  }

  private newPool(): WebSocketManager {
    const { token, reconnectDelayMs } = this.configuration.forge;
    return new WebSocketManager({
      ...(token !== undefined && { headers: { Authorization: `Bearer ${token}` } }),
      keepAliveMs: KEEP_ALIVE_MS,
      reconnect: {
        delay: (attempt, random) =>
          (RECONNECT.upstream.delay(attempt, random) * reconnectDelayMs) / PRESET_FIRST_MS,
      },
    });
  }

  private urls(kind: StreamKind, id: string): string[] {
    const { url, flavor } = this.configuration.forge;
    return url === undefined ? [] : streamUrls(url, flavor, kind, id);
  }
}
