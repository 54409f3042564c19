import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { EXISTING_CLIENT_PATHS } from '../../../streaming/existing-client-paths.js';
import type { Connection } from '../../../streaming/socket/connection.js';
import type { UpgradeRequest } from '../../../streaming/socket/upgrade-request.js';
import type { SocketServer } from '../../../streaming/upgrade/socket-server.js';
import { CLOSE_CODES } from '../../../client/protocol/close-codes.js';

type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** Where else MCP is served over WebSocket: further paths of this application, and paths of other HTTP servers. */
@Injectable()
export class SocketMounts implements OnModuleDestroy {
  /** Of this application; the upgrade router reads it for every connection. */
  readonly paths: string[] = [...EXISTING_CLIENT_PATHS.mcp];
  private readonly attached = new Map<Server, UpgradeListener[]>();
  /** Upgrade requests that came to other servers. */
  private readonly foreign = new WeakSet<IncomingMessage>();
  private readonly connections = new Set<Connection>();
  private sockets: SocketServer | undefined;

  /** Called by the gateway, which owns these connections. */
  serveWith(sockets: SocketServer): void {
    this.sockets = sockets;
  }

  /** Called by the gateway for each connection: those that came over a mount end with it. */
  opened(request: UpgradeRequest, connection: Connection): void {
    if (!this.foreign.has(request) && !this.paths.includes(request.pathname)) return;
    this.connections.add(connection);
    connection.ws.once('close', () => this.connections.delete(connection));
  }

  /** @throws Error for what is not a path */
  addPath(path: string): void {
    checkPath(path);
    if (!this.paths.includes(path)) this.paths.push(path);
  }

  /** Serves the path on another server, whose other paths remain its own. @throws Error for an invalid path */
  attach(server: Server, path: string): void {
    checkPath(path);
    const listener: UpgradeListener = (request, socket, head) => {
      const [pathname, query] = (request.url ?? '/').split('?', 2);
      if (pathname === path && this.sockets) {
        request.url = this.sockets.path + (query === undefined ? '' : `?${query}`);
        this.foreign.add(request);
        this.sockets.upgrade(request, socket, head);
      } else if (server.listenerCount('upgrade') === 1) {
        // Nobody else would answer.
        socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      }
    };
    server.on('upgrade', listener);
    this.attached.set(server, [...(this.attached.get(server) ?? []), listener]);
  }

  /** Unmounts everything and closes the connections that came over it (1001). Resolves when they have ended. */
  async unmountAll(): Promise<void> {
    this.detach();
    this.paths.length = 0;
    const ended = [...this.connections].map(
      ({ ws }) => new Promise<void>((resolve) => ws.once('close', () => resolve())),
    );
    for (const connection of this.connections) connection.close(CLOSE_CODES.goingAway.code, 'Going away');
    await Promise.all(ended);
  }

  onModuleDestroy(): void {
    this.detach();
  }

  private detach(): void {
    for (const [server, listeners] of this.attached) {
      for (const listener of listeners) server.off('upgrade', listener);
    }
    this.attached.clear();
  }
}

function checkPath(path: string): void {
  if (!/^\/[A-Za-z0-9/_-]*$/.test(path)) throw new Error(`"${path}" is not a path like /ws`);
}
