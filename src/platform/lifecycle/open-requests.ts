import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type BeforeApplicationShutdown, Injectable, type OnApplicationShutdown } from '@nestjs/common';

/** Time that requests in progress get to complete once shutdown begins. */
const COMPLETE_WITHIN_MS = 2000;
/** How often connections are checked during shutdown. */
const LOOK_EVERY_MS = 250;

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/**
 * Connections without a complete request have nothing to finish: preconnecting browsers, load balancers, port probes,
 * half a header, half a body. They are closed soon after shutdown begins, so that it waits only for requests in
 * progress.
 */
@Injectable()
export class OpenRequests implements BeforeApplicationShutdown, OnApplicationShutdown {
  readonly #connections = new Set<Socket>();
  readonly #latest = new WeakMap<Socket, Exchange>();
  #timer: NodeJS.Timeout | undefined;

  /** Tracks the connections of a server. Call it for each server of the application, before it listens. */
  watch(server: Server): void {
    server.on('connection', (socket: Socket) => {
      this.#connections.add(socket);
      socket.once('close', () => this.#connections.delete(socket));
    });
    server.prependListener('request', (request, response) => {
      this.#latest.set(request.socket, { request, response });
    });
    // WebSockets are closed separately, with their own deadline.
    server.prependListener('upgrade', (_request, socket: Socket) => this.#connections.delete(socket));
  }

  /** Connections with bytes that their clients have not taken, and their latest requests. */
  *unread(): Generator<{ readonly socket: Socket; readonly request: IncomingMessage }> {
    for (const socket of this.#connections) {
      const latest = socket.writableLength > 0 ? this.#latest.get(socket) : undefined;
      if (latest) yield { socket, request: latest.request };
    }
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

/** A complete request without a complete response. */
function isInProgress({ request, response }: Exchange): boolean {
  return request.complete && !response.writableFinished && !response.destroyed;
}
