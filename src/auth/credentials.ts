import type { IncomingHttpHeaders } from 'node:http';
import { invalidToken, RefusalCause } from './token-fault.js';

/** The credential a request presents. */
export type Credential =
  { readonly kind: 'token'; readonly value: string } | { readonly kind: 'api-key'; readonly value: string };

/** A longer token cannot be ours and is not worth verifying. */
export const MAX_TOKEN_LENGTH = 8192;

/** Subprotocols that carry a token, for browsers, which cannot set headers on a socket. */
const TOKEN_SUBPROTOCOL = /^(?:mcp\.auth|bearer)\.([A-Za-z0-9_.=-]+)$/;

/**
 * Finds the credential: `Authorization: Bearer`, `X-API-Key`, `?token=`, or the WebSocket subprotocol `bearer.<token>`
 * (or `mcp.auth.<token>`), in this order.
 * @returns undefined when there is none
 * @throws OpstreamError `unauthorized` for another Authorization scheme
 */
export function credentialOf(headers: IncomingHttpHeaders, url: string): Credential | undefined {
  const { authorization } = headers;
  if (authorization !== undefined) {
    const bearer = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
    if (bearer === undefined) throw invalidToken(new RefusalCause('Authorization must be Bearer'));
    return { kind: 'token', value: bearer };
  }
  const apiKey = headers['x-api-key'];
  if (typeof apiKey === 'string' && apiKey !== '') return { kind: 'api-key', value: apiKey };
  const token = inQuery(url) ?? inSubprotocol(headers['sec-websocket-protocol']);
  return token === undefined ? undefined : { kind: 'token', value: token };
}

/**
 * The subprotocol to answer with, so that browsers accept the connection: the plain name offered before the one with
 * the token.
 */
export function echoedSubprotocol(offered: ReadonlySet<string>, name: string): string | false {
  if (offered.has(name)) return name;
  for (const protocol of offered) if (TOKEN_SUBPROTOCOL.test(protocol)) return protocol;
  return false;
}

function inQuery(url: string): string | undefined {
  const query = url.indexOf('?');
  const token = query < 0 ? null : new URLSearchParams(url.slice(query + 1)).get('token');
  return token === null || token === '' ? undefined : token;
}

function inSubprotocol(offered: string | undefined): string | undefined {
  for (const protocol of offered?.split(',') ?? []) {
    const token = TOKEN_SUBPROTOCOL.exec(protocol.trim())?.[1];
    if (token !== undefined) return token;
  }
  return undefined;
}
