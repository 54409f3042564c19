import type { Principal } from '../auth/principal.js';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { PERMISSIONS, type AgentIdentity, type Permission } from './session.js';
import type { Viewer } from './viewer.js';

/** Who acts on sessions, in whose tenant, and what for. */
export interface Actor {
  readonly tenant: string;
  readonly agent: AgentIdentity;
  readonly agentType: string;
  readonly permissions: ReadonlySet<Permission>;
  /** Unix seconds; null where the credential has no end of its own. */
  readonly expiresAt: number | null;
  readonly viewer: Viewer;
}

export const GENERIC = 'generic';

/** What a principal may do with sessions. */
export function permissionsOf({ scopes, claims }: Principal): ReadonlySet<Permission> {
  const admin = scopes.has('admin');
  const write = admin || scopes.has('sessions:write');
  // Nothing asks for `debug`; clients that know it may have it.
  const granted = { read: admin || scopes.has('sessions:read'), write, admin, debug: write };
  const { agent_permissions: given } = claims;
  // A token made for an agent may have fewer than its scopes would give.
  const asked = Array.isArray(given) ? (given as readonly unknown[]) : PERMISSIONS;
  return new Set(PERMISSIONS.filter((permission) => granted[permission] && asked.includes(permission)));
}

/** @param open everyone sees everything */
export function actorOf(principal: Principal, open: boolean): Actor {
  const { tenant, userId, claims, expiresAt } = principal;
  const permissions = permissionsOf(principal);
  // A token made for an agent names whose it is.
  const owner = typeof claims.agent_owner === 'string' ? claims.agent_owner : userId;
  const agent = { id: userId, owner };
  return {
    tenant,
    agent,
    agentType: typeof claims.agent_type === 'string' ? claims.agent_type : GENERIC,
    permissions,
    expiresAt: expiresAt ?? null,
    viewer: { agent, seesAll: open || permissions.has('admin'), open },
  };
}

/** @throws OpstreamError `forbidden`, with what is wanted and what there is */
export function requirePermission({ permissions }: Actor, wanted: Permission): void {
  if (permissions.has(wanted)) return;
  const title = wanted[0]!.toUpperCase() + wanted.slice(1);
  throw new OpstreamError('forbidden', `${title} permission required for this operation`, {
    required_permission: wanted,
    current_permissions: [...permissions],
  });
}
