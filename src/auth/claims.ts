import type { JWTPayload } from 'jose';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import {
  ANONYMOUS,
  DEFAULT_TENANT,
  ROLES,
  SCOPES,
  scopesOfRole,
  type Principal,
  type Role,
  type Scope,
} from './principal.js';

/** Tenants are part of keys inside the service: no slash, no control characters, bounded. */
const TENANT = /^[A-Za-z0-9][A-Za-z0-9._@:|-]{0,127}$/;
const MAX_USER_ID = 200;

/**
 * Who a verified token speaks for: `sub`, else `id`; `tenant`; `scope` or `scopes`, else what `role` allows;
 * `rate_limits: {api, ws}`. A missing claim means the same as for a caller without a token.
 * @param roleClaim names the claim that may make an administrator; null: none
 * @throws OpstreamError `unauthorized` for claims that are there but make no sense
 */
export function toPrincipal(claims: JWTPayload, roleClaim: string | null = 'role'): Principal {
  const userId = userIdOf(claims.sub ?? claims.id);
  const tenant = claims.tenant ?? DEFAULT_TENANT;
  if (typeof tenant !== 'string' || !TENANT.test(tenant)) throw invalid('tenant');
  const rateLimits = rateLimitsOf(claims.rate_limits);
  return {
    userId,
    tenant,
    scopes: scopesOf(claims, roleClaim),
    authenticated: true,
    ...(claims.exp !== undefined && { expiresAt: claims.exp }),
    ...(rateLimits && { rateLimits }),
    claims,
  };
}

/** Applications that number their users put the number here. */
function userIdOf(claim: unknown): string {
  if (claim === undefined || claim === null || claim === '') return ANONYMOUS;
  const userId = typeof claim === 'number' && Number.isSafeInteger(claim) ? String(claim) : claim;
  if (typeof userId !== 'string' || userId.length > MAX_USER_ID) throw invalid('sub');
  return userId;
}

/** `scope` as a space-separated string (RFC 9068) or `scopes` as an array; unknown ones are other services'. */
function scopesOf(claims: JWTPayload, roleClaim: string | null): ReadonlySet<Scope> {
  const claim = claims.scope ?? claims.scopes;
  if (claim === undefined) return scopesOfRole(roleOf(roleClaim === null ? undefined : claims[roleClaim]));
  if (typeof claim !== 'string' && !Array.isArray(claim)) throw invalid('scope');
  const named: unknown[] = typeof claim === 'string' ? claim.split(/\s+/) : claim;
  return new Set(SCOPES.filter((scope) => named.includes(scope)));
}

function roleOf(claim: unknown): Role {
  if (claim === undefined) return 'user';
  const role = ROLES.find((known) => known === claim);
  if (role === undefined) throw invalid('role');
  return role;
}

function rateLimitsOf(claim: unknown): Principal['rateLimits'] {
  if (claim === undefined) return undefined;
  if (typeof claim !== 'object' || claim === null) throw invalid('rate_limits');
  const { api, ws } = claim as { api?: unknown; ws?: unknown };
  return { ...limit('api', api), ...limit('ws', ws) };
}

function limit<Name extends 'api' | 'ws'>(name: Name, value: unknown): Partial<Record<Name, number>> {
  if (value === undefined) return {};
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw invalid('rate_limits');
  return { [name]: value } as Record<Name, number>;
}

/** The log names the claim; the answer does not. */
function invalid(claim: string): OpstreamError {
  return new OpstreamError('unauthorized', 'Invalid token', {}, { cause: new Error(`claim ${claim}`) });
}
