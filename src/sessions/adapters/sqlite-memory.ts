import type Database from 'better-sqlite3';
import type { JsonObject } from '../../platform/json.js';
import { pythonLength } from '../python-length.js';
import {
  LIMITS,
  REFRESH_GRACE,
  type AgentToken,
  type MemoryEntry,
  type MemoryKey,
  type Permission,
} from '../session.js';
import { PAGE_CHARACTERS, type MemoryQuery, type MemoryScope, type MemoryWrite } from '../session-store.js';
import { upTo } from '../up-to.js';
import { decideMemory, tooManyKeys } from '../decide-memory.js';

interface MemoryRow {
  readonly session_id: string;
  readonly key: string;
  readonly value: string;
  readonly metadata: string;
  readonly created_at: number;
  readonly updated_at: number;
  readonly expires_at: number | null;
  readonly version: number;
}

interface TokenRow {
  readonly name: string;
  readonly agent: string;
  readonly owner: string;
  readonly agent_type: string;
  readonly permissions: string;
  readonly expires_at: number;
}

type Place = { tenantNo: number; agent: string; owner: string; sessionId: string };

/** Agents' memory and tokens in the SQLite store. Writers' callers began a transaction. */
export class SqliteMemory {
  private readonly sql;

  constructor(database: Database.Database) {
    const ofAgent = 'tenant_no = @tenantNo AND agent = @agent AND owner = @owner';
    const place = `${ofAgent} AND session_id = @sessionId`;
    const living = '(expires_at IS NULL OR expires_at > @at)';
    this.sql = {
      get: database.prepare<[object], MemoryRow>(
        `SELECT * FROM session_memory WHERE ${place} AND key = @key AND ${living}`,
      ),
      put: database.prepare<[object]>(`
        INSERT OR REPLACE INTO session_memory VALUES (@tenantNo, @agent, @owner, @sessionId, @key, @value, @metadata,
          @createdAt, @updatedAt,
          (SELECT coalesce(max(change), 0) + 1 FROM session_memory WHERE ${ofAgent}), @expiresAt, @version)`),
      remove: database.prepare<[object]>(`DELETE FROM session_memory WHERE ${place} AND key = @key`),
      count: database
        .prepare<[object], number>(`SELECT count(*) FROM session_memory WHERE ${ofAgent} AND ${living}`)
        .pluck(),
      list: database.prepare<[object], MemoryRow>(
        `SELECT * FROM session_memory WHERE ${ofAgent} AND ${living} AND (@all OR session_id = @sessionId)
         AND substr(key, 1, length(@prefix)) = @prefix ORDER BY change DESC LIMIT @limit`,
      ),
      forgetSession: database.prepare<[number, string]>(
        'DELETE FROM session_memory WHERE tenant_no = ? AND session_id = ?',
      ),
      expire: database.prepare<[number, number]>(
        `DELETE FROM session_memory WHERE (tenant_no, agent, owner, session_id, key) IN
         (SELECT tenant_no, agent, owner, session_id, key FROM session_memory WHERE expires_at <= ? LIMIT ?)`,
      ),
      keepToken: database.prepare<[object]>(
        `INSERT OR REPLACE INTO session_tokens
         VALUES (@digest, @tenantNo, @agent, @owner, @agentType, @permissions, @expiresAt)`,
      ),
      token: database.prepare<[string], TokenRow>(
        'SELECT * FROM session_tokens JOIN session_tenants USING (tenant_no) WHERE digest = ?',
      ),
      removeToken: database.prepare<[string]>('DELETE FROM session_tokens WHERE digest = ?'),
      expireTokens: database.prepare<[number]>('DELETE FROM session_tokens WHERE expires_at <= ?'),
    };
  }

  write(tenantNo: number, write: MemoryWrite): MemoryEntry {
    const place = placeOf(tenantNo, write);
    const { key, at } = write;
    const row = this.sql.get.get({ ...place, key, at });
    const entry = decideMemory(write, row && toEntry(row));
    if (!row && this.sql.count.get({ ...place, at })! >= LIMITS.memoryKeys) throw tooManyKeys();
    const { value, createdAt, updatedAt, expiresAt, version } = entry;
    const metadata = JSON.stringify(entry.metadata);
    this.sql.put.run({ ...place, key, value, metadata, createdAt, updatedAt, expiresAt, version });
    return entry;
  }

  get(tenantNo: number, scope: MemoryScope, key: string, at: number): MemoryEntry | null {
    const row = this.sql.get.get({ ...placeOf(tenantNo, scope), key, at });
    return row ? toEntry(row) : null;
  }

  list(tenantNo: number, { tenant, agent, scope, prefix, limit, at }: MemoryQuery): readonly MemoryEntry[] {
    const sessionId = scope.kind === 'one' ? scope.sessionId : null;
    const place = placeOf(tenantNo, { tenant, agent, sessionId });
    const all = Number(scope.kind === 'all');
    const rows = this.sql.list.iterate({ ...place, prefix, limit, at, all });
    return upTo(PAGE_CHARACTERS, rows, ({ value }) => value.length).map(toEntry);
  }

  /** Values are read one by one, for their sizes, and none is kept. */
  listKeys(tenantNo: number, { tenant, agent, scope, prefix, limit, at }: MemoryQuery): readonly MemoryKey[] {
    const sessionId = scope.kind === 'one' ? scope.sessionId : null;
    const place = placeOf(tenantNo, { tenant, agent, sessionId });
    const all = Number(scope.kind === 'all');
    return Array.from(this.sql.list.iterate({ ...place, prefix, limit, at, all }), (row) => {
      const { value, metadata: _metadata, ...entry } = toEntry(row);
      return { ...entry, size: pythonLength(value) };
    });
  }

  remove(tenantNo: number, scope: MemoryScope, key: string, at: number): boolean {
    const place = placeOf(tenantNo, scope);
    const lived = this.sql.get.get({ ...place, key, at }) !== undefined;
    this.sql.remove.run({ ...place, key });
    return lived;
  }

  forgetSession(tenantNo: number, sessionId: string): void {
    this.sql.forgetSession.run(tenantNo, sessionId);
  }

  /** @returns whether more may be due */
  expire(at: number, limit: number): boolean {
    this.sql.expireTokens.run(at - REFRESH_GRACE);
    return this.sql.expire.run(at, limit).changes === limit;
  }

  keepToken(tenantNo: number, digest: string, token: AgentToken): void {
    const { agent, agentType, permissions, expiresAt } = token;
    this.sql.keepToken.run({
      digest,
      tenantNo,
      agent: agent.id,
      owner: agent.owner,
      agentType,
      permissions: permissions.join(' '),
      expiresAt,
    });
  }

  token(digest: string): AgentToken | null {
    const row = this.sql.token.get(digest);
    if (!row) return null;
    return {
      tenant: row.name,
      agent: { id: row.agent, owner: row.owner },
      agentType: row.agent_type,
      permissions: row.permissions.split(' ') as Permission[],
      expiresAt: row.expires_at,
    };
  }

  removeToken(digest: string): void {
    this.sql.removeToken.run(digest);
  }
}

function placeOf(tenantNo: number, { agent, sessionId }: MemoryScope): Place {
  return { tenantNo, agent: agent.id, owner: agent.owner, sessionId: sessionId ?? '' };
}

function toEntry(row: MemoryRow): MemoryEntry {
  return {
    key: row.key,
    sessionId: row.session_id === '' ? null : row.session_id,
    value: row.value,
    metadata: JSON.parse(row.metadata) as JsonObject,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    expiresAt: row.expires_at,
    version: row.version,
  };
}
