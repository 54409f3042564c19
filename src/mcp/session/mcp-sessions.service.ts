import { randomBytes } from 'node:crypto';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { Principal } from '../../auth/principal.js';
import type { Params } from '../protocol/json-rpc.js';
import { RPC, RpcError } from '../protocol/rpc-error.js';
import { negotiateVersion } from '../protocol/versions.js';
import { ClientProfileCache } from './client-profile-cache.js';
import { McpSession, type SessionEnding, type SessionTransport } from './mcp-session.js';

/**
 * Maximum sessions per node. Beyond it the least recently used idle session ends, since clients rarely end theirs: one
 * of the tenant that exceeds its share.
 */
const MAX_SESSIONS = 10_000;
/** Per user: forgotten sessions of one user must not cost others theirs. */
const MAX_SESSIONS_PER_USER = 5000;
/** An idle session ends after this time without a request. */
const IDLE_MS = 30 * 60_000;
const SWEEP_MS = 60_000;
/** The sessions of this node, by unguessable id; each is served only to its own user. */
@Injectable()
export class McpSessions implements OnModuleDestroy {
  /** In order of last use, least recently used first. */
  private readonly sessions = new Map<string, McpSession>();
  private readonly profiles = new ClientProfileCache();
  private readonly perUser = new Map<string, number>();
  private readonly perTenant = new Map<string, number>();
  private readonly sweep = setInterval(() => this.endIdle(), SWEEP_MS).unref();

  onModuleDestroy(): void {
    clearInterval(this.sweep);
    for (const session of this.sessions.values())
      this.end(session, 'The service is shutting down', 'service');
  }

  get size(): number {
    return this.sessions.size;
  }

  all(): Iterable<McpSession> {
    return this.sessions.values();
  }

  /** @throws RpcError when the client's capabilities are unreasonably large or every session is in use */
  open(principal: Principal, params: Params, transport: SessionTransport): McpSession {
    const profile = this.profiles.of(params);
    this.makeRoom(principal);
    const id = randomBytes(24).toString('base64url');
    const version = negotiateVersion(params.protocolVersion);
    const session = new McpSession(id, principal, version, transport, profile);
    this.sessions.set(id, session);
    const user = userKey(principal);
    this.perUser.set(user, (this.perUser.get(user) ?? 0) + 1);
    this.perTenant.set(principal.tenant, (this.perTenant.get(principal.tenant) ?? 0) + 1);
    this.endWithKey(session);
    return session;
  }

  /** Finds the caller's own session and marks it as used. Another user's looks like one that does not exist. */
  find(id: string, principal: Principal): McpSession | undefined {
    const session = this.sessions.get(id);
    if (!session || userKey(session.principal) !== userKey(principal)) return undefined;
    session.lastUsedAt = performance.now();
    this.sessions.delete(id);
    this.sessions.set(id, session);
    return session;
  }

  end(session: McpSession, reason: string, ending?: SessionEnding): void {
    if (!this.sessions.delete(session.id)) return;
    decrement(this.perUser, userKey(session.principal));
    decrement(this.perTenant, session.principal.tenant);
    session.end(reason, ending);
  }

  /** Sessions opened with a key end with it; an expired token is renewed, and its session continues. */
  private endWithKey(session: McpSession): void {
    const { revoked } = session.principal;
    if (!revoked) return;
    const onRevoked = (): void => this.end(session, 'The API key of the session was revoked');
    revoked.addEventListener('abort', onRevoked);
    session.onEnd = () => revoked.removeEventListener('abort', onRevoked);
  }

  private makeRoom(principal: Principal): void {
    const user = userKey(principal);
    if ((this.perUser.get(user) ?? 0) >= MAX_SESSIONS_PER_USER) {
      this.endLongestUnused((session) => userKey(session.principal) === user);
    }
    if (this.sessions.size < MAX_SESSIONS) return;
    const tenant = this.whoMakesRoom(principal.tenant);
    this.endLongestUnused((session) => session.principal.tenant === tenant);
  }

  /** The asking tenant, unless it has less than its share; then the one with the most. */
  private whoMakesRoom(asking: string): string {
    const share = MAX_SESSIONS / (this.perTenant.size + 1);
    if ((this.perTenant.get(asking) ?? 0) >= share) return asking;
    let most = asking;
    for (const [tenant, count] of this.perTenant) {
      if (count > (this.perTenant.get(most) ?? 0)) most = tenant;
    }
    return most;
  }

  private endLongestUnused(matches: (session: McpSession) => boolean): void {
    for (const session of this.sessions.values()) {
      if (!session.idle || !matches(session)) continue;
      this.end(session, 'The session was given up for newer ones');
      return;
    }
    throw new RpcError(RPC.serverError, 'Too many sessions are in use', { code: 'too_many_connections' });
  }

  private endIdle(): void {
    const deadline = performance.now() - IDLE_MS;
    for (const session of this.sessions.values()) {
      if (session.lastUsedAt > deadline) return;
      if (session.idle) this.end(session, 'The session was idle');
    }
  }
}

function userKey({ tenant, userId }: Principal): string {
  return `${tenant}\n${userId}`;
}

function decrement(counts: Map<string, number>, key: string): void {
  const left = (counts.get(key) ?? 1) - 1;
  if (left > 0) counts.set(key, left);
  else counts.delete(key);
}
