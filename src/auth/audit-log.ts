import { Injectable, Logger } from '@nestjs/common';
import { Configuration } from '../config/configuration.js';
import type { OpstreamError } from '../platform/errors/opstream-error.js';
import { clientAddress, type Remote } from './client-address.js';
import type { Principal } from './principal.js';
import { faultOf } from './token-fault.js';

/** The refused caller, as far as known. */
interface Refused {
  readonly principal?: Principal | undefined;
}

/** Origin of an action: an HTTP request, or the address of a connection. */
type Actor = (Remote | { readonly address: string }) & { readonly id?: unknown };

const AUDITED = new Set(['UNAUTHORIZED', 'FORBIDDEN', 'TOO_MANY_REQUESTS']);

/**
 * Logs every refusal on every transport, and every accepted upgrade of the agents protocol. Lines never contain a
 * token or the query of a URL.
 */
@Injectable()
export class AuditLog {
  private readonly logger = new Logger('Audit');
  private readonly trustProxy: boolean;

  constructor({ http }: Configuration) {
    this.trustProxy = http.trustProxy;
  }

  /** An HTTP request was answered with an error; only refusals (401, 403, 429) are logged. */
  requestRefused(
    request: Remote & { url?: string },
    error: OpstreamError,
    { principal }: Refused = {},
  ): void {
    if (!AUDITED.has(error.entry.category)) return;
    this.logger.warn({
      event: 'request_refused',
      ...this.origin(request),
      ...reasonOf(error),
      ...userOf(principal),
    });
  }

  /** An upgrade was refused, for any reason. */
  upgradeRefused(
    request: Remote & { url?: string },
    error: OpstreamError,
    { principal }: Refused = {},
  ): void {
    const event =
      error.code === 'unauthorized' && error.message !== MISSING
        ? 'websocket_auth_error'
        : 'websocket_auth_failed';
    const level = error.entry.status >= 500 ? 'error' : 'warn';
    this.logger[level]({
      event,
      ...this.origin(request),
      ...reasonOf(error),
      ...userOf(principal),
      ...error.extra,
    });
  }

  /** A command on an open connection was refused; other command failures are not logged. */
  commandRefused(ip: string, error: OpstreamError, { principal }: Refused): void {
    if (!AUDITED.has(error.entry.category)) return;
    this.logger.warn({ event: 'command_refused', ip, ...reasonOf(error), ...userOf(principal) });
  }

  /** @param connections the user's open connections, including this one */
  upgradeAccepted({ userId, tenant }: Principal, connections: number): void {
    this.logger.log({ event: 'websocket_auth_success', userId, tenant, connections });
  }

  /** A security-relevant action: a key was created or revoked, an operation deleted or cancelled, … */
  acted(
    action: string,
    principal: Principal,
    where: Actor,
    what: Readonly<Record<string, unknown>> = {},
  ): void {
    this.logger.log({
      event: action,
      ...userOf(principal),
      ip: 'headers' in where ? clientAddress(where, this.trustProxy) : where.address,
      ...(where.id !== undefined && { request_id: where.id }),
      ...what,
    });
  }

  private origin(request: Remote & { url?: string }): { path: string; ip: string } {
    return {
      path: (request.url ?? '/').split('?', 1)[0]!.slice(0, 200),
      ip: clientAddress(request, this.trustProxy),
    };
  }
}

/** The response to a request without credentials. */
export const MISSING = 'Missing token';

/** Stable reasons for the two common cases; every other reason is the catalogue's code. */
function reasonOf(error: OpstreamError): { reason: string; detail: string } {
  const reason =
    error.code === 'too_many_connections'
      ? 'connection_limit'
      : error.code === 'unauthorized'
        ? error.message === MISSING
          ? 'missing_token'
          : 'invalid_token'
        : error.code;
  const fault = faultOf(error);
  return { reason, detail: fault === undefined ? error.message : `${error.message}: ${fault}` };
}

function userOf(principal: Principal | undefined): { userId?: string; tenant?: string } {
  return principal === undefined ? {} : { userId: principal.userId, tenant: principal.tenant };
}
