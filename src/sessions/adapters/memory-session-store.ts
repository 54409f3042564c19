import { OpstreamError } from '../../platform/errors/opstream-error.js';
import {
  NOBODY,
  REFRESH_GRACE,
  SessionMessage,
  type AgentToken,
  type MemoryEntry,
  type NewMessage,
  type NewSession,
  type Presence,
  type Session,
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
import { canSee, visibleTo, type Viewer } from '../viewer.js';
import { refuseMessage, sessionExists, sessionNotFound, tooManySessions } from '../refusals.js';
import { parseCursor, toCursor } from './list-cursor.js';
import { likeliest } from './memory-search.js';
import { MemoryKeys } from './memory-keys.js';

interface StoredSession {
  session: Session;
  /** Tells sessions changed at the same time apart. */
  readonly order: number;
  /** From `session.firstSeq` on. */
  messages: SessionMessage[];
  readonly byMessageKey: Map<string, SessionMessage>;
}

interface StoredTenant {
  readonly sessions: Map<string, StoredSession>;
  readonly messages: Map<number, SessionMessage>;
  lastMessageId: number;
}

/** Keeps everything in this process's memory, for tests and throw-away runs. */
export class MemorySessionStore extends SessionStore {
  private readonly tenants = new Map<string, StoredTenant>();
  private readonly keys = new MemoryKeys();
  private readonly tokens = new Map<string, AgentToken>();
  private created = 0;

  constructor(private readonly retention: SessionRetention) {
    super();
  }

  async create({ tenant, sessionId, ...fields }: NewSession, at: number): Promise<Session> {
    const { sessions } = this.tenant(tenant);
    if (sessions.has(sessionId)) throw sessionExists(sessionId);
    this.makeRoom(tenant);
    const session: Session = {
      tenant,
      sessionId,
      ...fields,
      createdAt: at,
      updatedAt: at,
      closedAt: null,
      presence: NOBODY,
      lastSeq: 0,
      firstSeq: 1,
    };
    sessions.set(sessionId, { session, order: ++this.created, messages: [], byMessageKey: new Map() });
    return session;
  }

  async get(tenant: string, sessionId: string): Promise<Session | null> {
    return this.stored(tenant, sessionId)?.session ?? null;
  }

  async list(tenant: string, limit: number, cursor?: string): Promise<SessionList> {
    const after = parseCursor(cursor);
    const all = [...this.tenant(tenant).sessions.values()]
      .sort((a, b) => b.session.updatedAt - a.session.updatedAt || b.order - a.order)
      .filter(
        ({ session, order }) =>
          session.updatedAt < after.at || (session.updatedAt === after.at && order < after.number),
      );
    const page = all.slice(0, limit);
    const last = page.at(-1);
    return {
      sessions: page.map(({ session }) => session),
      nextCursor:
        all.length > limit && last ? toCursor({ at: last.session.updatedAt, number: last.order }) : null,
    };
  }

  async close(tenant: string, sessionId: string, at: number): Promise<Session | null> {
    const stored = this.stored(tenant, sessionId);
    if (!stored) return null;
    if (stored.session.closedAt === null) {
      stored.session = { ...stored.session, closedAt: at, updatedAt: Math.max(at, stored.session.updatedAt) };
    }
    return stored.session;
  }

  async setPresence(tenant: string, sessionId: string, presence: Presence): Promise<void> {
    const stored = this.stored(tenant, sessionId);
    if (stored) stored.session = { ...stored.session, presence };
  }

  async add(messages: readonly NewMessage[], at: number): Promise<readonly AddOutcome[]> {
    return messages.map((message) => this.addOne(message, at));
  }

  async find(tenant: string, sessionId: string, query: MessageQuery): Promise<MessagePage | null> {
    const stored = this.stored(tenant, sessionId);
    if (!stored) return null;
    const {
      viewer,
      visibility,
      sender,
      from = -Infinity,
      until = Infinity,
      order,
      limit,
      offset = 0,
    } = query;
    const found = visibleTo(viewer, stored.messages).filter(
      (message) =>
        (visibility === undefined || message.visibility === visibility) &&
        (sender === undefined || message.sender.id === sender) &&
        message.timestamp >= from &&
        message.timestamp <= until,
    );
    const ordered = order === 'oldest' ? found : found.toReversed();
    const page = ordered.slice(offset, offset + limit);
    const bounded = sender !== undefined || query.from !== undefined || query.until !== undefined;
    return { messages: page, total: bounded ? page.length : found.length };
  }

  async message(tenant: string, id: number): Promise<SessionMessage | null> {
    return this.tenant(tenant).messages.get(id) ?? null;
  }

  async read(
    tenant: string,
    sessionId: string,
    viewer: Viewer,
    afterSeq: number,
    bounds: LogBounds,
  ): Promise<SessionLogPage | null> {
    const stored = this.stored(tenant, sessionId);
    if (!stored) return null;
    const { firstSeq: first, lastSeq } = stored.session;
    const events: SessionMessage[] = [];
    let bytes = 0;
    for (let at = Math.max(0, afterSeq + 1 - first); at < stored.messages.length; at++) {
      const message = stored.messages[at]!;
      if (!canSee(viewer, message)) continue;
      events.push(message);
      bytes += message.content.length;
      if (events.length >= bounds.limit || bytes >= bounds.maxBytes) return { events, first, head: lastSeq };
    }
    return { events, first, head: events.at(-1)?.seq ?? Math.min(afterSeq, lastSeq) };
  }

  async candidates(tenant: string, sessionId: string, query: SearchQuery): Promise<SearchCandidates | null> {
    const stored = this.stored(tenant, sessionId);
    if (!stored) return null;
    const { viewer, visibility, text, limit } = query;
    const visible = visibleTo(viewer, stored.messages)
      .filter((message) => visibility === 'all' || message.visibility === visibility)
      .toReversed();
    return likeliest(visible, text, limit);
  }

  async remember(write: MemoryWrite): Promise<MemoryEntry> {
    if (write.sessionId !== null && !this.stored(write.tenant, write.sessionId))
      throw sessionNotFound(write.sessionId);
    return this.keys.write(write);
  }

  async recall(scope: MemoryScope, key: string, at: number): Promise<MemoryEntry | null> {
    return this.keys.get(scope, key, at);
  }

  async memories(query: MemoryQuery): Promise<readonly MemoryEntry[]> {
    return this.keys.list(query);
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
    const { messageMaxAge } = this.retention;
    if (messageMaxAge === 0) return false;
    for (const { sessions } of this.tenants.values()) {
      for (const stored of sessions.values()) {
        const kept = stored.messages.findIndex(({ timestamp }) => timestamp >= at - messageMaxAge);
        this.trim(stored, kept < 0 ? stored.messages.length : kept);
      }
    }
    return false;
  }

  async counts(): Promise<{ sessions: number; messages: number }> {
    let sessions = 0;
    let messages = 0;
    for (const tenant of this.tenants.values()) {
      sessions += tenant.sessions.size;
      messages += tenant.messages.size;
    }
    return { sessions, messages };
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }

  private addOne(message: NewMessage, at: number): AddOutcome {
    const { tenant: tenantName, sessionId, messageKey, sender, ...fields } = message;
    const tenant = this.tenant(tenantName);
    const stored = tenant.sessions.get(sessionId);
    if (!stored) return sessionNotFound(sessionId);
    const refusal = refuseMessage(message, (id) => tenant.messages.has(id));
    if (refusal) return refusal;
    const key = JSON.stringify([sender.id, sender.owner, messageKey]);
    const known = messageKey === null ? undefined : stored.byMessageKey.get(key);
    if (known) return { message: known, repeated: true };
    const { session } = stored;
    if (session.closedAt !== null) {
      return new OpstreamError('session_closed', `Session '${sessionId.slice(0, 100)}' is closed`);
    }
    const seq = session.lastSeq + 1;
    const timestamp = Math.max(at, stored.messages.at(-1)?.timestamp ?? session.createdAt);
    const id = ++tenant.lastMessageId;
    const added = new SessionMessage({
      ...fields,
      tenant: tenantName,
      sessionId,
      sender,
      id,
      seq,
      timestamp,
    });
    stored.messages.push(added);
    tenant.messages.set(id, added);
    if (messageKey !== null) stored.byMessageKey.set(key, added);
    // When something hidden is added is nothing that everyone may know.
    const updatedAt =
      added.visibility === 'public' ? Math.max(timestamp, session.updatedAt) : session.updatedAt;
    stored.session = { ...session, lastSeq: seq, updatedAt };
    this.trim(stored, stored.messages.length - this.retention.maxMessages);
    return { message: added, repeated: false };
  }

  private trim(stored: StoredSession, count: number): void {
    if (count <= 0) return;
    const { messages } = this.tenant(stored.session.tenant);
    const gone = new Set(stored.messages.splice(0, count));
    for (const { id } of gone) messages.delete(id);
    for (const [key, message] of stored.byMessageKey) if (gone.has(message)) stored.byMessageKey.delete(key);
    stored.session = { ...stored.session, firstSeq: stored.session.firstSeq + gone.size };
  }

  private makeRoom(tenant: string): void {
    const { sessions } = this.tenant(tenant);
    const { maxSessions } = this.retention;
    while (sessions.size >= maxSessions) {
      const closed = [...sessions.values()].filter(({ session }) => session.closedAt !== null);
      const oldest = closed.sort((a, b) => a.session.updatedAt - b.session.updatedAt)[0];
      if (!oldest) throw tooManySessions(maxSessions);
      const { sessionId } = oldest.session;
      this.trim(oldest, oldest.messages.length);
      this.keys.forgetSession(tenant, sessionId);
      sessions.delete(sessionId);
      setImmediate(() => this.onRemoved([{ tenant, sessionId }]));
    }
  }

  private tenant(name: string): StoredTenant {
    let tenant = this.tenants.get(name);
    if (!tenant) {
      tenant = { sessions: new Map(), messages: new Map(), lastMessageId: 0 };
      this.tenants.set(name, tenant);
    }
    return tenant;
  }

  private stored(tenant: string, sessionId: string): StoredSession | undefined {
    return this.tenants.get(tenant)?.sessions.get(sessionId);
  }
}
