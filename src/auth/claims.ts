import type { JWTPayload } from 'jose';
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
import { InvalidClaimError, invalidToken } from './token-fault.js';

/** Tenants are part of internal keys: no slash, no control characters, bounded length. */
const TENANT = /^[A-Za-z0-9][A-Za-z0-9._@:|-]{0,127}$/;
const MAX_USER_ID = 200;

/**
 * Maps the claims of a verified token to a principal: `sub`, else `id`; `tenant`; `scope` or `scopes`, else the
 * role's; `rate_limits: {api, ws}`. A missing claim has the same default as for a caller without a token.
 * @param roleClaim the claim that holds the role; undefined for tokens of another issuer, whose roles mean nothing
 *   here
 * @throws OpstreamError `unauthorized` for a claim that is present but invalid
 */
export function toPrincipal(claims: JWTPayload, roleClaim: string | undefined): Principal {
  const tenant = claims.tenant === undefined ? DEFAULT_TENANT : claims.tenant;
  if (typeof tenant !== 'string' || !TENANT.test(tenant)) throw invalid('tenant');
  const rateLimits = rateLimitsOf(claims.rate_limits);
  return {
    userId: userOf(claims),
    tenant,
    scopes: scopesOf(claims, roleOf(claims, roleClaim)),
    authenticated: true,
    ...(claims.exp !== undefined && { expiresAt: claims.exp }),
    ...(rateLimits && { rateLimits }),
    claims,
  };
}

/** Some applications use numbers as user ids; they become text. */
function userOf(claims: JWTPayload): string {
  const name = claims.sub === undefined ? 'id' : 'sub';
  const value: unknown = claims[name];
  if (value === undefined) return ANONYMOUS;
  const userId = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof userId !== 'string' || userId === '' || userId.length > MAX_USER_ID) throw invalid(name);
  return userId;
}

function roleOf(claims: JWTPayload, roleClaim: string | undefined): Role {
  const role = roleClaim === undefined ? undefined : claims[roleClaim];
  if (role === undefined) return 'user';
  if (!(ROLES as readonly unknown[]).includes(role)) throw invalid(roleClaim!);
  return role as Role;
}

/** `scope` as a space-separated string (RFC 9068) or `scopes` as an array; unknown scopes belong to other services. */
function scopesOf(claims: JWTPayload, role: Role): ReadonlySet<Scope> {
  const name = claims.scope === undefined ? 'scopes' : 'scope';
  const claim = claims[name];
  if (claim === undefined) return scopesOfRole(role);
  const named: unknown = typeof claim === 'string' ? claim.split(/\s+/) : claim;
  if (!Array.isArray(named) || !named.every((one) => typeof one === 'string')) throw invalid(name);
  return new Set(SCOPES.filter((scope) => named.includes(scope)));
}

function rateLimitsOf(claim: unknown): Principal['rateLimits'] {
  if (claim === undefined) return undefined;
  if (typeof claim !== 'object' || claim === null || Array.isArray(claim)) throw invalid('rate_limits');
  const { api, ws } = claim as { api?: unknown; ws?: unknown };
  return { ...limit('api', api), ...limit('ws', ws) };
}

function limit<Name extends 'api' | 'ws'>(name: Name, value: unknown): Partial<Record<Name, number>> {
  if (value === undefined) return {};
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw invalid(`rate_limits.${name}`);
  return { [name]: value } as Record<Name, number>;
}

function invalid(claim: string): Error {
  return invalidToken(new InvalidClaimError(claim));
}
