import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { EXISTING_CLIENT_PATHS } from '../../../streaming/existing-client-paths.js';
import type { SocketServer } from '../../../streaming/upgrade/socket-server.js';

type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** Where else MCP is served over WebSocket: further paths of this application, and paths of other HTTP servers. */
@Injectable()
export class SocketMounts implements OnModuleDestroy {
  /** Of this application; the upgrade router reads it anew for every connection. */
  readonly paths: string[] = [...EXISTING_CLIENT_PATHS.mcp];
  private readonly attached = new Map<Server, UpgradeListener>();
  private sockets: SocketServer | undefined;

  /** Called by the gateway, whose connections these are. */
  serveWith(sockets: SocketServer): void {
    this.sockets = sockets;
  }

  /** @throws Error for what is no path */
  addPath(path: string): void {
    checkPath(path);
    if (!this.paths.includes(path)) this.paths.push(path);
  }

  /** Serves the path on another server, whose other paths stay its own. @throws Error for what is no path */
  attach(server: Server, path: string): void {
    checkPath(path);
    const listener: UpgradeListener = (request, socket, head) => {
      const [pathname, query] = (request.url ?? '/').split('?', 2);
      if (pathname === path && this.sockets) {
        request.url = this.sockets.path + (query === undefined ? '' : `?${query}`);
        this.sockets.upgrade(request, socket, head);
      } else if (server.listenerCount('upgrade') === 1) {
        // Nobody else would answer.
        socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      }
    };
    server.on('upgrade', listener);
    this.attached.set(server, listener);
  }

  onModuleDestroy(): void {
    for (const [server, listener] of this.attached) server.off('upgrade', listener);
    this.attached.clear();
  }
}

function checkPath(path: string): void {
  if (!/^\/[A-Za-z0-9/_-]*$/.test(path)) throw new Error(`"${path}" is no path like /ws`);
}
