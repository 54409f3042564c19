import type { IncomingMessage } from 'node:http';
import { Injectable, Logger, type INestApplication } from '@nestjs/common';
import { Configuration } from '../config/configuration.js';
import { takeOver, type Reply } from '../rest/reply.js';
import { chooseEncoding, INDEX, readDashboard, type DashboardFile } from './dashboard-files.js';
import { dashboardPolicy } from './dashboard-policy.js';

/** Seconds of a year: the longest that caches honour. */
const FOREVER = 'public, max-age=31536000, immutable';

/** A request of Fastify holds Node's; Express's is Node's. */
type Request = IncomingMessage | { readonly raw: IncomingMessage };

/**
 * Serves the dashboard. It holds no data, so its files need no token: the page asks for one when the service wants it.
 */
@Injectable()
export class Dashboard {
  constructor(private readonly configuration: Configuration) {}

  /**
   * Registers the routes of the page, on Fastify or Express.
   * @param unset the path when DASHBOARD_PATH does not name one; undefined leaves the dashboard off
   * @returns the path it is served at; undefined when it is off or not built
   */
  mount(app: INestApplication, unset: string | undefined): string | undefined {
    const path = this.configuration.dashboard.path ?? unset;
    // The page is a client of the hub.
    if (path === undefined || path === 'off' || !this.configuration.streaming.enabled) return undefined;
    const depth = path.split('/').filter((segment) => segment !== '').length;
    const files = readDashboard({
      root: depth === 0 ? './' : '../'.repeat(depth),
      agentsPath: this.configuration.streaming.agentsPath,
    });
    if (!files) {
      new Logger('Dashboard').warn('The dashboard is not built, and is not served: run npm run build');
      return undefined;
    }
    const base = depth === 0 ? '/' : `${path}/`;
    const http = app.getHttpAdapter();
    for (const [name, file] of files) {
      http.get(base + (name === INDEX ? '' : name), (request: Request, reply: Reply) =>
        send(file, 'raw' in request ? request.raw : request, reply),
      );
    }
    // Relative addresses on the page need the slash at the end. The redirect is relative for the sake of proxies.
    if (depth > 0) http.get(path, (_request: Request, reply: Reply) => redirect(reply, path));
    return path;
  }
}

function send(file: DashboardFile, request: IncomingMessage, reply: Reply): void {
  const response = takeOver(reply);
  const encoding = chooseEncoding(file, request.headers['accept-encoding']?.toString());
  const etag = `"${file.etag}-${encoding}"`;
  response.setHeader('Content-Type', file.type);
  response.setHeader('Cache-Control', file.immutable ? FOREVER : 'no-cache');
  response.appendHeader('Vary', 'Accept-Encoding');
  response.setHeader('ETag', etag);
  if (file.type.startsWith('text/html')) {
    response.setHeader('Content-Security-Policy', dashboardPolicy(request.headers.host));
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  }
  const known = request.headers['if-none-match']?.split(/\s*,\s*/) ?? [];
  if (known.some((one) => one.replace(/^W\//, '') === etag)) {
    response.writeHead(304).end();
    return;
  }
  const body = file.bodies[encoding] ?? file.bodies.identity;
  if (encoding !== 'identity') response.setHeader('Content-Encoding', encoding);
  response.writeHead(200, { 'Content-Length': body.length }).end(body);
}

function redirect(reply: Reply, path: string): void {
  const last = path.slice(path.lastIndexOf('/') + 1);
  takeOver(reply)
    .writeHead(308, { Location: `${last}/` })
    .end();
}
