import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type BeforeApplicationShutdown, Injectable, type OnApplicationShutdown } from '@nestjs/common';

/** A request that has begun when the end begins may be completed in this time. */
const COMPLETE_WITHIN_MS = 2000;
/** How often connections are looked at from then on. */
const LOOK_EVERY_MS = 250;

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/**
 * Connections on which nothing was asked have nothing to finish: preconnecting browsers, load balancers and port
 * probes, half a header, half a body. They are ended soon after the service begins to stop, so that only requests in
 * progress are waited for.
 */
@Injectable()
export class OpenRequests implements BeforeApplicationShutdown, OnApplicationShutdown {
  readonly #connections = new Set<Socket>();
  readonly #latest = new WeakMap<Socket, Exchange>();
  #timer: NodeJS.Timeout | undefined;

  /** Watches the connections of a server; to be called for each server of the application, before it listens. */
  watch(server: Server): void {
    server.on('connection', (socket: Socket) => {
      this.#connections.add(socket);
      socket.once('close', () => this.#connections.delete(socket));
    });
    server.prependListener('request', (request, response) => {
      this.#latest.set(request.socket, { request, response });
    });
    // WebSockets are told to leave, and have a deadline of their own.
    server.prependListener('upgrade', (_request, socket: Socket) => this.#connections.delete(socket));
  }

  beforeApplicationShutdown(): void {
    this.#timer = setTimeout(() => {
      this.#endUnasked();
      this.#timer = setInterval(() => this.#endUnasked(), LOOK_EVERY_MS);
    }, COMPLETE_WITHIN_MS);
  }

  onApplicationShutdown(): void {
    clearTimeout(this.#timer);
  }

  #endUnasked(): void {
    for (const socket of this.#connections) {
      const latest = this.#latest.get(socket);
      if (!latest || !isInProgress(latest)) socket.destroy();
    }
  }
}

/** Asked, and not answered yet. */
function isInProgress({ request, response }: Exchange): boolean {
  return request.complete && !response.writableFinished && !response.destroyed;
}
