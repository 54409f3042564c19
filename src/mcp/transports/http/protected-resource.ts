import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { Injectable } from '@nestjs/common';
import { HttpSecurity } from '../../../auth/http-security.js';
import { SCOPES } from '../../../auth/principal.js';
import { Configuration } from '../../../config/configuration.js';
import { requestTarget, withoutTrailingSlash } from '../../../platform/http/request-target.js';
import { SERVER_INFO } from '../../protocol/server-info.js';

/** Well-known path of the metadata (RFC 9728); the path of the resource may follow. */
const METADATA_PATH = '/.well-known/oauth-protected-resource';

/** Why a request is refused, in the terms of RFC 6750. */
export type BearerError = 'invalid_token' | 'insufficient_scope';

/**
 * The endpoint as an OAuth protected resource: whose tokens it accepts, and how a refused client discovers that.
 * Without an issuer there is no metadata.
 */
@Injectable()
export class ProtectedResource {
  private readonly issuer: string | undefined;
  /** Whether the proxy reports the client's scheme. */
  private readonly trustProxy: boolean;

  constructor(
    private readonly security: HttpSecurity,
    { auth, http }: Configuration,
  ) {
    const { issuer } = auth;
    this.issuer = issuer !== undefined && /^https?:\/\//i.test(issuer) ? issuer : undefined;
    this.trustProxy = http.trustProxy;
  }

  /** The protected path whose metadata a request asks for. @param paths protected paths, the most common first */
  pathOf({ url, method }: IncomingMessage, paths: readonly string[]): string | undefined {
    if (method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS') return undefined;
    if (this.issuer === undefined) return undefined;
    const pathname = withoutTrailingSlash(requestTarget(url).pathname);
    if (!pathname.startsWith(METADATA_PATH)) return undefined;
    const suffix = pathname.slice(METADATA_PATH.length);
    return suffix === '' ? paths[0] : paths.find((path) => path === suffix);
  }

  /**
   * Serves the metadata of a path to anyone: it says whose tokens are accepted.
   * @throws OpstreamError `forbidden` for a Host or Origin that is not allowed
   */
  serve(request: IncomingMessage, response: ServerResponse, path: string): void {
    if (this.security.open(request, response)) return;
    const body = JSON.stringify({
      resource: `${this.origin(request)}${path}`,
      authorization_servers: [this.issuer],
      scopes_supported: SCOPES,
      bearer_methods_supported: ['header', 'query'],
      resource_name: SERVER_INFO.title,
    });
    const length = Buffer.byteLength(body);
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': length });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  /** The `WWW-Authenticate` of a refusal. @param path of the requested resource */
  challenge(request: IncomingMessage, path: string, error: BearerError | undefined): string {
    const parts = [
      error !== undefined && `error="${error}"`,
      error === 'insufficient_scope' && 'scope="mcp"',
      this.issuer !== undefined && `resource_metadata="${this.origin(request)}${METADATA_PATH}${path}"`,
    ].filter((part) => part !== false);
    return parts.length === 0 ? 'Bearer' : `Bearer ${parts.join(', ')}`;
  }

  /** As the client sees it: its Host was checked before. */
  private origin({ headers, socket }: IncomingMessage): string {
    const forwarded = this.trustProxy ? headers['x-forwarded-proto'] : undefined;
    const own = (socket as Partial<TLSSocket>).encrypted === true ? 'https' : 'http';
    const scheme = typeof forwarded === 'string' && /^https?$/.test(forwarded) ? forwarded : own;
    return `${scheme}://${headers.host ?? 'localhost'}`;
  }
}
