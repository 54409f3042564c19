import { newSession } from '../decide-message.js';
import { sessionExists, sessionNotFound } from '../refusals.js';
import {
  REFRESH_GRACE,
  type AgentToken,
  type MemoryEntry,
  type MemoryKey,
  type NewMessage,
  type NewSession,
  type Presence,
  type Session,
  type SessionMessage,
} from '../session.js';
import {
  SessionStore,
  type AddOutcome,
  type LogBounds,
  type MemoryQuery,
  type MemoryScope,
  type MemoryWrite,
  type MessagePage,
  type MessageQuery,
  type SearchCandidates,
  type SearchQuery,
  type SessionList,
  type SessionLogPage,
  type SessionRetention,
} from '../session-store.js';
import type { Viewer } from '../viewer.js';
import { MemoryKeys } from './memory-keys.js';
import { MemorySessionLog } from './memory-session-log.js';
import { MemoryTenant } from './memory-tenant.js';

/** Keeps everything in this process's memory, for tests and throw-away runs. */
export class MemorySessionStore extends SessionStore {
  private readonly tenants = new Map<string, MemoryTenant>();
  private readonly keys = new MemoryKeys();
  private readonly tokens = new Map<string, AgentToken>();
  private created = 0;

  constructor(private readonly retention: SessionRetention) {
    super();
  }

  async create(draft: NewSession, at: number): Promise<Session> {
    const { tenant, sessionId } = draft;
    const { sessions } = this.tenant(tenant);
    if (sessions.has(sessionId)) throw sessionExists(sessionId);
    this.makeRoom(tenant);
    const session = newSession(draft, at);
    sessions.set(sessionId, new MemorySessionLog(session, ++this.created));
    return session;
  }

  async get(tenant: string, sessionId: string): Promise<Session | null> {
    return this.log(tenant, sessionId)?.session ?? null;
  }

  async list(tenant: string, limit: number, cursor?: string): Promise<SessionList> {
    return this.tenant(tenant).list(limit, cursor);
  }

  async close(tenant: string, sessionId: string, at: number): Promise<Session | null> {
    const log = this.log(tenant, sessionId);
    if (!log) return null;
    const { session } = log;
    if (session.closedAt === null) {
      log.session = { ...session, closedAt: at, updatedAt: Math.max(at, session.updatedAt) };
    }
    return log.session;
  }

  async setPresence(tenant: string, sessionId: string, presence: Presence): Promise<void> {
    const log = this.log(tenant, sessionId);
    if (log) log.session = { ...log.session, presence };
  }

  async add(messages: readonly NewMessage[], at: number): Promise<readonly AddOutcome[]> {
    const { maxMessages } = this.retention;
    return messages.map((message) => this.tenant(message.tenant).add(message, at, maxMessages));
  }

  async find(tenant: string, sessionId: string, query: MessageQuery): Promise<MessagePage | null> {
    return this.log(tenant, sessionId)?.find(query) ?? null;
  }

  async message(tenant: string, id: number): Promise<SessionMessage | null> {
    return this.tenant(tenant).message(id);
  }

  async seqAt(tenant: string, sessionId: string, id: number): Promise<number | null> {
    return this.log(tenant, sessionId)?.seqAt(id) ?? null;
  }

  async read(
    tenant: string,
    sessionId: string,
    viewer: Viewer,
    afterSeq: number,
    bounds: LogBounds,
  ): Promise<SessionLogPage | null> {
    return this.log(tenant, sessionId)?.read(viewer, afterSeq, bounds) ?? null;
  }

  async candidates(tenant: string, sessionId: string, query: SearchQuery): Promise<SearchCandidates | null> {
    return this.log(tenant, sessionId)?.candidates(query) ?? null;
  }

  async remember(write: MemoryWrite): Promise<MemoryEntry> {
    if (write.sessionId !== null && !this.log(write.tenant, write.sessionId))
      throw sessionNotFound(write.sessionId);
    return this.keys.write(write);
  }

  async recall(scope: MemoryScope, key: string, at: number): Promise<MemoryEntry | null> {
    return this.keys.get(scope, key, at);
  }

  async memories(query: MemoryQuery): Promise<readonly MemoryEntry[]> {
    return this.keys.list(query);
  }

  async memoryKeys(query: MemoryQuery): Promise<readonly MemoryKey[]> {
    return this.keys.listKeys(query);
  }

  async forget(scope: MemoryScope, key: string, at: number): Promise<boolean> {
    return this.keys.remove(scope, key, at);
  }

  async keepToken(digest: string, token: AgentToken): Promise<void> {
    this.tokens.set(digest, token);
  }

  async token(digest: string): Promise<AgentToken | null> {
    return this.tokens.get(digest) ?? null;
  }

  async takeToken(digest: string): Promise<AgentToken | null> {
    const token = this.tokens.get(digest) ?? null;
    this.tokens.delete(digest);
    return token;
  }

  async expire(at: number): Promise<boolean> {
    this.keys.expire(at);
    for (const [digest, { expiresAt }] of this.tokens)
      if (expiresAt <= at - REFRESH_GRACE) this.tokens.delete(digest);
    const { messageMaxAge, maxMessages } = this.retention;
    for (const tenant of this.tenants.values()) {
      for (const log of tenant.sessions.values()) {
        const tooOld = messageMaxAge === 0 ? 0 : log.olderThan(at - messageMaxAge);
        tenant.trim(log, Math.max(tooOld, log.size - maxMessages));
      }
    }
    return false;
  }

  async counts(): Promise<{ sessions: number; messages: number }> {
    let sessions = 0;
    let messages = 0;
    for (const tenant of this.tenants.values()) {
      sessions += tenant.sessions.size;
      messages += tenant.messageCount;
    }
    return { sessions, messages };
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }

  private makeRoom(name: string): void {
    const { maxSessions } = this.retention;
    const tenant = this.tenant(name);
    while (tenant.sessions.size >= maxSessions) {
      const sessionId = tenant.removeOldestClosed(maxSessions);
      this.keys.forgetSession(name, sessionId);
      setImmediate(() => this.onRemoved([{ tenant: name, sessionId }]));
    }
  }

  private tenant(name: string): MemoryTenant {
    let tenant = this.tenants.get(name);
    if (!tenant) this.tenants.set(name, (tenant = new MemoryTenant()));
    return tenant;
  }

  private log(tenant: string, sessionId: string): MemorySessionLog | undefined {
    return this.tenants.get(tenant)?.sessions.get(sessionId);
  }
}
