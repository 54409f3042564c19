import type BetterSqlite3 from 'better-sqlite3';
import { prepare } from './prepared.js';
import { ANONYMOUS } from '../../auth/principal.js';
import type { JsonObject } from '../../platform/json.js';
import { SessionMessage, VISIBILITIES, type Session } from '../session.js';
import type { Viewer } from '../viewer.js';

/** Seqs of one session; 2^29 sessions of that many stay within JavaScript's safe integers. */
export const SESSION_SPAN = 2 ** 24;

export interface SessionRow {
  readonly session_no: number;
  readonly tenant_no: number;
  readonly id: string;
  readonly purpose: string;
  readonly created_by: string;
  readonly created_at: number;
  updated_at: number;
  closed_at: number | null;
  readonly metadata: string | null;
  last_seq: number;
  first_seq: number;
  first_at: number | null;
  readonly participants: number;
  readonly last_activity: string | null;
  readonly last_disconnect: string | null;
}

export interface MessageRow {
  readonly key: number;
  readonly id: number;
  readonly sender: string;
  readonly owner: string;
  readonly sender_type: string;
  readonly content: string;
  readonly visibility: number;
  readonly message_type: string;
  readonly metadata: string | null;
  readonly parent_id: number | null;
  readonly at: number;
}

/** The condition on a message's row under which a viewer sees it; see `canSee`. */
export function VISIBLE({ seesAll }: Viewer): string {
  if (seesAll) return '1';
  return `(visibility = 0 OR (visibility IN (1, 2) AND sender = @agent AND owner IN (@owner, '${ANONYMOUS}')))`;
}

export function toSession(tenant: string, row: SessionRow): Session {
  return {
    tenant,
    sessionId: row.id,
    purpose: row.purpose,
    createdBy: row.created_by,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    closedAt: row.closed_at,
    metadata: row.metadata === null ? null : (JSON.parse(row.metadata) as JsonObject),
    presence: {
      participants: row.participants,
      lastActivity: row.last_activity,
      lastDisconnect: row.last_disconnect,
    },
    lastSeq: row.last_seq,
    firstSeq: row.first_seq,
  };
}

/** The keys that a session's messages may have. */
export function rangeOf({ session_no }: SessionRow): { low: number; high: number } {
  const low = session_no * SESSION_SPAN;
  return { low, high: low + SESSION_SPAN - 1 };
}

export function viewerParameters({ agent }: Viewer): { agent: string; owner: string } {
  return { agent: agent.id, owner: agent.owner };
}
export function toMessage(tenant: string, sessionId: string, row: MessageRow): SessionMessage {
  return new SessionMessage({
    tenant,
    sessionId,
    id: row.id,
    seq: row.key % SESSION_SPAN,
    sender: { id: row.sender, owner: row.owner },
    senderType: row.sender_type,
    content: row.content,
    visibility: VISIBILITIES[row.visibility]!,
    messageType: row.message_type,
    metadata: row.metadata,
    parentId: row.parent_id,
    timestamp: row.at,
  });
}

export function prepareMessageStatements(database: BetterSqlite3.Database) {
  return {
    insert: prepare<[object]>(
      database,
      `
      INSERT INTO session_messages VALUES (@key, @tenantNo, @id, @sender, @owner, @senderType, @content, @visibility,
        @messageType, @metadata, @parentId, @at, @messageKey)`,
    ),
    index: prepare<[number, string]>(database, 'INSERT INTO session_search (rowid, text) VALUES (?, ?)'),
    mergeIndex: prepare<[number]>(
      database,
      "INSERT INTO session_search (session_search, rank) VALUES ('merge', ?)",
    ),
    unindex: prepare<[number]>(database, 'DELETE FROM session_search WHERE rowid = ?'),
    delete: prepare<[number]>(database, 'DELETE FROM session_messages WHERE key = ?'),
    kind: prepare<[number], Pick<MessageRow, 'visibility' | 'sender' | 'owner'>>(
      database,
      'SELECT visibility, sender, owner FROM session_messages WHERE key = ?',
    ),
    byMessageKey: prepare<[number, string, string, string], MessageRow>(
      database,
      'SELECT * FROM session_messages WHERE key >> 24 = ? AND sender = ? AND owner = ? AND message_key = ?',
    ),
    byId: prepare<[number, number], MessageRow>(
      database,
      // What a removed session left behind is gone already.
      `SELECT * FROM session_messages WHERE tenant_no = ? AND id = ?
       AND EXISTS (SELECT 1 FROM sessions WHERE session_no = key >> 24)`,
    ),
    idOf: prepare<[number], { id: number }>(database, 'SELECT id FROM session_messages WHERE key = ?'),
    firstFrom: prepare<[number, number], { at: number }>(
      database,
      'SELECT at FROM session_messages WHERE key BETWEEN ? AND ? ORDER BY key LIMIT 1',
    ),
    lastBefore: prepare<[number, number], { key: number }>(
      database,
      'SELECT key FROM session_messages WHERE key >> 24 = ? AND at < ? ORDER BY at DESC, key DESC LIMIT 1',
    ),
    advance: prepare<[number, number, number, number | null, number]>(
      database,
      'UPDATE sessions SET last_seq = ?, updated_at = ?, first_seq = ?, first_at = ? WHERE session_no = ?',
    ),
    tally: prepare<[number, number, string, string, number]>(
      database,
      `
      INSERT INTO session_tallies VALUES (?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET messages = messages + excluded.messages`,
    ),
    tallies: prepare<[number], { visibility: number; sender: string; owner: string; messages: number }>(
      database,
      'SELECT * FROM session_tallies WHERE session_no = ?',
    ),
    forgetTallies: prepare<[number]>(database, 'DELETE FROM session_tallies WHERE session_no = ?'),
    abandon: prepare<[number, number, number]>(
      database,
      'INSERT OR REPLACE INTO session_leftovers VALUES (?, ?, ?)',
    ),
    abandoned: prepare<[], Pick<SessionRow, 'session_no' | 'first_seq' | 'last_seq'>>(
      database,
      'SELECT * FROM session_leftovers LIMIT 1',
    ),
    cleared: prepare<[number]>(database, 'DELETE FROM session_leftovers WHERE session_no = ?'),
  };
}
