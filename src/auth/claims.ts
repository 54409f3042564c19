import type { JWTPayload } from 'jose';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { ANONYMOUS, DEFAULT_TENANT, SCOPES, scopesOfRole, type Principal, type Scope } from './principal.js';

/** Tenants are part of keys inside the service: no slash, no control characters, bounded. */
const TENANT = /^[A-Za-z0-9][A-Za-z0-9._@:|-]{0,127}$/;
const MAX_USER_ID = 200;

/**
 * Who a verified token speaks for: `sub`, else `id`; `tenant`; `scope` or `scopes`, else what `role` allows;
 * `rate_limits: {api, ws}`. A missing claim means the same as for a caller without a token.
 * @throws OpstreamError `unauthorized` for claims that are there but make no sense
 */
export function toPrincipal(claims: JWTPayload): Principal {
  const userId = claims.sub ?? claims.id ?? ANONYMOUS;
  const tenant = claims.tenant ?? DEFAULT_TENANT;
  if (typeof userId !== 'string' || userId === '' || userId.length > MAX_USER_ID) throw invalid();
  if (typeof tenant !== 'string' || !TENANT.test(tenant)) throw invalid();
  const rateLimits = rateLimitsOf(claims.rate_limits);
  return {
    userId,
    tenant,
    scopes: scopesOf(claims),
    authenticated: true,
    ...(claims.exp !== undefined && { expiresAt: claims.exp }),
    ...(rateLimits && { rateLimits }),
    claims,
  };
}

/** `scope` as a space-separated string (RFC 9068) or `scopes` as an array; unknown ones are other services'. */
function scopesOf(claims: JWTPayload): ReadonlySet<Scope> {
  const claim = claims.scope ?? claims.scopes;
  if (claim === undefined) return scopesOfRole(claims.role === 'admin' ? 'admin' : 'user');
  const named: unknown[] = typeof claim === 'string' ? claim.split(/\s+/) : Array.isArray(claim) ? claim : [];
  return new Set(SCOPES.filter((scope) => named.includes(scope)));
}

function rateLimitsOf(claim: unknown): Principal['rateLimits'] {
  if (claim === undefined) return undefined;
  if (typeof claim !== 'object' || claim === null) throw invalid();
  const { api, ws } = claim as { api?: unknown; ws?: unknown };
  return { ...limit('api', api), ...limit('ws', ws) };
}

function limit<Name extends 'api' | 'ws'>(name: Name, value: unknown): Partial<Record<Name, number>> {
  if (value === undefined) return {};
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw invalid();
  return { [name]: value } as Record<Name, number>;
}

function invalid(): OpstreamError {
  return new OpstreamError('unauthorized', 'Invalid token');
}
