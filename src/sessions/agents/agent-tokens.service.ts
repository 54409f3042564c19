import { createHash, randomUUID } from 'node:crypto';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Authenticator } from '../../auth/authenticator.js';
import type { Principal, Scope } from '../../auth/principal.js';
import { Configuration } from '../../config/configuration.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { actorOf, permissionsOf, type Actor } from '../actor.js';
import { cleaned } from '../session-draft.js';
import { REFRESH_GRACE, type AgentToken, type Permission } from '../session.js';
import { SessionStore } from '../session-store.js';

/** Seconds that a token is good for. */
export const TOKEN_LIFETIME = 3600;
/** Tokens of one API key that are remembered, to end with it. */
const MAX_REMEMBERED = 10_000;
const TOKEN = /^sct_[a-f0-9-]{36}$/;
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** What agents of a type may be given, of what they ask for. */
const OF_TYPE: Readonly<Record<string, readonly Permission[]>> = {
  claude: ['read', 'write'],
  gemini: ['read', 'write'],
  admin: ['read', 'write', 'admin', 'debug'],
  system: ['read', 'write', 'admin', 'debug'],
  test: ['read', 'write', 'debug'],
};
const OF_OTHERS: readonly Permission[] = ['read'];

const SCOPES_OF: Readonly<Record<Permission, readonly Scope[]>> = {
  read: ['sessions:read', 'mcp'],
  write: ['sessions:write'],
  admin: ['admin'],
  debug: [],
};

export interface Issued {
  readonly token: string;
  readonly record: AgentToken;
  /** Unix seconds. */
  readonly at: number;
}

/**
 * Tokens that let an agent act under a name of its own: within the tenant of its creator, and never with more
 * rights than that principal, or than the one that presents it. Only digests are stored.
 */
@Injectable()
export class AgentTokens implements OnModuleInit {
  private readonly open: boolean;
  private readonly byKey = new WeakMap<AbortSignal, Set<string>>();

  constructor(
    private readonly store: SessionStore,
    private readonly authenticator: Authenticator,
    { sessions }: Configuration,
  ) {
    this.open = sessions.visibility === 'open';
  }

  /** Agents may present their tokens wherever credentials are taken, so that they follow as themselves. */
  onModuleInit(): void {
    this.authenticator.accept('sct_', (token) => this.principalOf(token));
  }

  /** @throws OpstreamError `invalid_input`, `auth_failed` */
  async issue(
    principal: Principal,
    agentId: string,
    agentType: string,
    requested: readonly string[],
  ): Promise<Issued> {
    const id = cleaned(agentId);
    if (id === '') {
      throw new OpstreamError('invalid_input', 'agent_id cannot be empty after sanitization', {
        field: 'agent_id',
        requirement: 'non_empty_string',
      });
    }
    const own = permissionsOf(principal);
    if (!own.has('read')) throw notAllowed(id);
    const ofType = OF_TYPE[agentType] ?? OF_OTHERS;
    const granted = ofType.filter((permission) => requested.includes(permission) && own.has(permission));
    return this.keep(principal, {
      tenant: principal.tenant,
      agent: { id, owner: actorOf(principal, this.open).agent.owner },
      agentType,
      permissions: granted.length > 0 ? granted : ['read'],
      expiresAt: 0,
    });
  }

  /** Replaces a token, once. @throws OpstreamError `auth_failed`, `token_refresh_failed` */
  async refresh(principal: Principal, token: string): Promise<Issued> {
    const own = permissionsOf(principal);
    if (!own.has('read')) throw notAllowed('token_refresh');
    const digest = digestOf(token);
    const known = await this.store.token(digest);
    const now = Date.now() / 1000;
    if (!known || known.tenant !== principal.tenant || known.expiresAt + REFRESH_GRACE <= now)
      throw notRefreshable();
    const taken = await this.store.takeToken(digest);
    if (!taken) throw notRefreshable();
    const kept = taken.permissions.filter((permission) => own.has(permission));
    return this.keep(principal, { ...taken, permissions: kept.length > 0 ? kept : ['read'] });
  }

  /**
   * Who acts: the caller, or the agent whose token it presents.
   * @throws OpstreamError `invalid_token_format`, `token_authentication_failed`
   */
  async actor(principal: Principal, token: string | null | undefined): Promise<Actor> {
    const caller = actorOf(principal, this.open);
    if (token === null || token === undefined || token === '') return caller;
    const named = actorOf(await this.verify(principal, token), this.open);
    if (named.tenant !== caller.tenant) throw invalid();
    const permissions = new Set([...named.permissions].filter((each) => caller.permissions.has(each)));
    const { agent, viewer } = named;
    return {
      ...named,
      permissions,
      viewer: { ...viewer, agent, seesAll: this.open || permissions.has('admin') },
    };
  }

  private async verify(principal: Principal, token: string): Promise<Principal> {
    if (TOKEN.test(token)) return this.principalOf(token);
    if (!JWT.test(token)) {
      throw new OpstreamError('invalid_token_format', 'Invalid authentication token format', {
        validation_error: 'Malformed token format',
      });
    }
    try {
      return await this.authenticator.verify(token, principal.userId);
    } catch (thrown) {
      if (thrown instanceof OpstreamError && thrown.code === 'unauthorized') throw invalid();
      throw thrown;
    }
  }

  /** @throws OpstreamError `token_authentication_failed` */
  private async principalOf(token: string): Promise<Principal> {
    const known = TOKEN.test(token) ? await this.store.token(digestOf(token)) : null;
    if (!known || known.expiresAt <= Date.now() / 1000) throw invalid();
    const { agent, agentType, permissions, tenant, expiresAt } = known;
    return {
      userId: agent.id,
      tenant,
      scopes: new Set(permissions.flatMap((permission) => SCOPES_OF[permission])),
      authenticated: true,
      expiresAt: Math.floor(expiresAt),
      claims: { agent_type: agentType, agent_owner: agent.owner, agent_permissions: permissions },
    };
  }

  private async keep(principal: Principal, token: AgentToken): Promise<Issued> {
    const at = Date.now() / 1000;
    const expiresAt = Math.min(at + TOKEN_LIFETIME, principal.expiresAt ?? Infinity);
    const text = `sct_${randomUUID()}`;
    const record = { ...token, expiresAt };
    const digest = digestOf(text);
    await this.store.keepToken(digest, record);
    if (principal.revoked) this.withdrawWith(principal.revoked, digest);
    return { token: text, record, at };
  }

  /** A key that is withdrawn takes the tokens with it that were made by it, as far as this process remembers. */
  private withdrawWith(revoked: AbortSignal, digest: string): void {
    const known = this.byKey.get(revoked);
    if (known) {
      known.add(digest);
      if (known.size > MAX_REMEMBERED) known.delete(known.values().next().value!);
      return;
    }
    const digests = new Set([digest]);
    this.byKey.set(revoked, digests);
    revoked.addEventListener('abort', () => {
      for (const each of digests) void this.store.takeToken(each);
    });
  }
}

function notAllowed(agentId: string): OpstreamError {
  return new OpstreamError('auth_failed', 'The caller may not read sessions', {
    agent_id: agentId,
    auth_method: 'scopes',
  });
}

function invalid(): OpstreamError {
  return new OpstreamError('token_authentication_failed', 'Authentication token invalid or expired', {
    authentication_error: 'Protected token invalid or expired',
    recovery_method: 'refresh_token',
  });
}

function notRefreshable(): OpstreamError {
  return new OpstreamError('token_refresh_failed', 'Token cannot be refreshed', {
    token_format: 'sct_*',
    error_details: 'Protected token invalid or expired',
  });
}

function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}
