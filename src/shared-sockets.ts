import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { RECONNECT } from './client/reconnect-policy.js';
import { WebSocketManager } from './client/upstream/websocket-manager.js';
import { Configuration } from './config/configuration.js';

const KEEP_ALIVE_MS = 15_000;
/** The upstream preset starts at one second. */
const PRESET_FIRST_MS = 1000;

/**
 * The application's shared pool of sockets to other servers, injected as `WebSocketManager`. Forge's streams and the
 * tools of a host application use the same sockets.
 */
@Injectable()
export class SharedSockets extends WebSocketManager implements OnApplicationShutdown {
  constructor({ forge }: Configuration) {
    super({
      keepAliveMs: KEEP_ALIVE_MS,
      reconnect: {
        delay: (attempt, random) =>
          (RECONNECT.upstream.delay(attempt, random) * forge.reconnectDelayMs) / PRESET_FIRST_MS,
      },
    });
  }

  onApplicationShutdown(): void {
    this.close();
  }
}
