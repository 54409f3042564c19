import type Database from 'better-sqlite3';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { toStoreError } from '../../platform/sqlite/store-error.js';
import type {
  AgentToken,
  MemoryEntry,
  MemoryKey,
  NewMessage,
  NewSession,
  Presence,
  Session,
  SessionKey,
  SessionMessage,
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
import { parseCursor, toCursor } from './list-cursor.js';
import { refuseMessage, sessionExists, sessionNotFound, tooManySessions } from '../refusals.js';
import { SqliteMemory } from './sqlite-memory.js';
import { Selects } from './selects.js';
import { SqliteMessages } from './sqlite-messages.js';
import { SqliteSearch } from './sqlite-search.js';
import { applySessionSchema } from './sqlite-session-schema.js';
import { toMessage, toSession, type SessionRow } from './sqlite-session-rows.js';
import { prepareSessionStatements } from './sqlite-session-statements.js';

/** Expired memory removed at a time. */
const EXPIRY_STEP = 500;

/** Sessions in the service's database file, which this process alone writes. */
export class SqliteSessionStore extends SessionStore {
  private readonly sql: ReturnType<typeof prepareSessionStatements>;
  private readonly messages: SqliteMessages;
  private readonly memory: SqliteMemory;
  private readonly search: SqliteSearch;
  private readonly tenants = new Map<string, number>();
  private readonly removed: SessionKey[] = [];

  constructor(
    private readonly database: Database.Database,
    private readonly retention: SessionRetention,
  ) {
    super();
    applySessionSchema(database);
    this.sql = prepareSessionStatements(database);
    this.messages = new SqliteMessages(database, retention);
    this.memory = new SqliteMemory(database);
    this.search = new SqliteSearch(new Selects(database));
    // Nobody is connected to the previous process any longer.
    this.sql.nobodyConnected.run();
  }

  create(session: NewSession, at: number): Promise<Session> {
    return this.write(() => {
      const { tenant, sessionId, purpose, createdBy, metadata } = session;
      const tenantNo = this.tenantNo(tenant) ?? this.addTenant(tenant);
      if (this.sql.find.get(tenantNo, sessionId)) throw sessionExists(sessionId);
      this.makeRoom(tenant, tenantNo);
      const text = metadata === null ? null : JSON.stringify(metadata);
      this.sql.create.run(tenantNo, sessionId, purpose, createdBy, at, at, text);
      return toSession(tenant, this.sql.find.get(tenantNo, sessionId)!);
    });
  }

  get(tenant: string, sessionId: string): Promise<Session | null> {
    return this.query(() => {
      const row = this.row(tenant, sessionId);
      return row ? toSession(tenant, row) : null;
    });
  }

  list(tenant: string, limit: number, cursor?: string): Promise<SessionList> {
    return this.query(() => {
      const place = parseCursor(cursor);
      const rows = this.sql.list.all({ ...place, tenantNo: this.tenantNo(tenant) ?? 0, limit: limit + 1 });
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      return {
        sessions: page.map((row) => toSession(tenant, row)),
        nextCursor:
          rows.length > limit && last ? toCursor({ at: last.updated_at, number: last.session_no }) : null,
      };
    });
  }

  close(tenant: string, sessionId: string, at: number): Promise<Session | null> {
    return this.write(() => {
      const row = this.row(tenant, sessionId);
      if (!row) return null;
      if (row.closed_at === null) this.sql.close.run(at, Math.max(at, row.updated_at), row.session_no);
      return toSession(tenant, this.row(tenant, sessionId)!);
    });
  }

  setPresence(tenant: string, sessionId: string, presence: Presence): Promise<void> {
    return this.write(() => {
      const row = this.row(tenant, sessionId);
      const { participants, lastActivity, lastDisconnect } = presence;
      if (row) this.sql.presence.run(participants, lastActivity, lastDisconnect, row.session_no);
    });
  }

  add(messages: readonly NewMessage[], at: number): Promise<readonly AddOutcome[]> {
    return this.write(() => {
      const outcomes = messages.map((message) => this.addOne(message, at));
      this.messages.mergeIndex(messages);
      return outcomes;
    });
  }

  find(tenant: string, sessionId: string, query: MessageQuery): Promise<MessagePage | null> {
    return this.query(() => {
      const row = this.row(tenant, sessionId);
      return row ? this.messages.find(row, tenant, query) : null;
    });
  }

  message(tenant: string, id: number): Promise<SessionMessage | null> {
    return this.query(() => {
      const found = this.messages.byId(this.tenantNo(tenant) ?? 0, id);
      const session = found && this.sql.byNo.get(found.sessionNo);
      return found && session ? toMessage(tenant, session.id, found.row) : null;
    });
  }

  seqAt(tenant: string, sessionId: string, id: number): Promise<number | null> {
    return this.query(() => {
      const row = this.row(tenant, sessionId);
      return row ? this.messages.seqAt(row, id) : null;
    });
  }

  read(
    tenant: string,
    sessionId: string,
    viewer: Viewer,
    afterSeq: number,
    bounds: LogBounds,
  ): Promise<SessionLogPage | null> {
    return this.query(() => {
      const row = this.row(tenant, sessionId);
      return row ? this.messages.read(row, tenant, viewer, afterSeq, bounds) : null;
    });
  }

  candidates(tenant: string, sessionId: string, query: SearchQuery): Promise<SearchCandidates | null> {
    return this.query(() => {
      const row = this.row(tenant, sessionId);
      return row ? this.search.candidates(row, tenant, query) : null;
    });
  }

  remember(write: MemoryWrite): Promise<MemoryEntry> {
    return this.write(() => {
      const { tenant, sessionId } = write;
      if (sessionId !== null && !this.row(tenant, sessionId)) throw sessionNotFound(sessionId);
      return this.memory.write(this.tenantNo(tenant) ?? this.addTenant(tenant), write);
    });
  }

  recall(scope: MemoryScope, key: string, at: number): Promise<MemoryEntry | null> {
    return this.query(() => this.memory.get(this.tenantNo(scope.tenant) ?? 0, scope, key, at));
  }

  memories(query: MemoryQuery): Promise<readonly MemoryEntry[]> {
    return this.query(() => this.memory.list(this.tenantNo(query.tenant) ?? 0, query));
  }

  memoryKeys(query: MemoryQuery): Promise<readonly MemoryKey[]> {
    return this.query(() => this.memory.listKeys(this.tenantNo(query.tenant) ?? 0, query));
  }

  forget(scope: MemoryScope, key: string, at: number): Promise<boolean> {
    return this.write(() => this.memory.remove(this.tenantNo(scope.tenant) ?? 0, scope, key, at));
  }

  keepToken(digest: string, token: AgentToken): Promise<void> {
    return this.write(() => {
      const tenantNo = this.tenantNo(token.tenant) ?? this.addTenant(token.tenant);
      this.memory.keepToken(tenantNo, digest, token);
    });
  }

  token(digest: string): Promise<AgentToken | null> {
    return this.query(() => this.memory.token(digest));
  }

  takeToken(digest: string): Promise<AgentToken | null> {
    return this.write(() => {
      const token = this.memory.token(digest);
      if (token) this.memory.removeToken(digest);
      return token;
    });
  }

  expire(at: number): Promise<boolean> {
    return this.write(() => {
      const memory = this.memory.expire(at, EXPIRY_STEP);
      const leftovers = this.messages.clear();
      const { messageMaxAge, maxMessages } = this.retention;
      const due = messageMaxAge === 0 ? undefined : this.sql.oldest.get(at - messageMaxAge);
      if (due) this.messages.expire(due, at - messageMaxAge);
      const crowded = this.sql.crowded.get(maxMessages);
      if (crowded) this.messages.shrink(crowded);
      return memory || leftovers || due !== undefined || crowded !== undefined;
    });
  }

  counts(): Promise<{ sessions: number; messages: number }> {
    return this.query(() => this.sql.counts.get()!);
  }

  /** The file belongs to the store of operations, which closes it. */
  dispose(): Promise<void> {
    return Promise.resolve();
  }

  private addOne(message: NewMessage, at: number): AddOutcome {
    const { tenant, sessionId } = message;
    const row = this.row(tenant, sessionId);
    if (!row) return sessionNotFound(sessionId);
    const refusal = refuseMessage(message, (id) => this.messages.byId(row.tenant_no, id) !== undefined);
    if (refusal) return refusal;
    const id = this.sql.lastId.get(row.tenant_no)!.last_message_id + 1;
    const outcome = this.messages.add(row, message, id, at);
    if (!(outcome instanceof OpstreamError) && !outcome.repeated) this.sql.setLastId.run(id, row.tenant_no);
    return outcome;
  }

  private row(tenant: string, sessionId: string): SessionRow | undefined {
    const tenantNo = this.tenantNo(tenant);
    return tenantNo === undefined ? undefined : this.sql.find.get(tenantNo, sessionId);
  }

  private tenantNo(tenant: string): number | undefined {
    let tenantNo = this.tenants.get(tenant);
    if (tenantNo !== undefined) return tenantNo;
    tenantNo = this.sql.tenant.get(tenant)?.tenant_no;
    // Inside a transaction it may yet be rolled back.
    if (tenantNo !== undefined && !this.database.inTransaction) this.tenants.set(tenant, tenantNo);
    return tenantNo;
  }

  private addTenant(tenant: string): number {
    return Number(this.sql.addTenant.run(tenant).lastInsertRowid);
  }

  private makeRoom(tenant: string, tenantNo: number): void {
    const { maxSessions } = this.retention;
    for (let excess = this.sql.countOf.get(tenantNo)!.n - maxSessions + 1; excess > 0; excess--) {
      const row = this.sql.oldestClosed.get(tenantNo);
      if (!row) throw tooManySessions(maxSessions);
      this.messages.abandon(row);
      this.memory.forgetSession(tenantNo, row.id);
      this.sql.remove.run(row.session_no);
      this.removed.push({ tenant, sessionId: row.id });
    }
  }

  private async query<T>(work: () => T): Promise<T> {
    this.checkOpen();
    try {
      return work();
    } catch (thrown) {
      throw toStoreError(thrown);
    }
  }

  /** One transaction: either everything of it is durable when the promise resolves, or nothing was recorded. */
  private async write<T>(work: () => T): Promise<T> {
    this.checkOpen();
    try {
      const result = this.database.transaction(work).immediate();
      const removed = this.removed.splice(0);
      if (removed.length > 0) setImmediate(() => this.onRemoved(removed));
      return result;
    } catch (thrown) {
      this.removed.length = 0;
      throw toStoreError(thrown);
    }
  }

  private checkOpen(): void {
    if (!this.database.open) throw new OpstreamError('shutting_down', 'The store is closed');
  }
}
