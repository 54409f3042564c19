import type Database from 'better-sqlite3';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { searchText } from '../search/search-text.js';
import { SessionMessage, VISIBILITIES, type NewMessage } from '../session.js';
import type {
  AddOutcome,
  LogBounds,
  MessagePage,
  MessageQuery,
  SessionLogPage,
  SessionRetention,
} from '../session-store.js';
import type { Viewer } from '../viewer.js';
import {
  prepareMessageStatements,
  rangeOf,
  SESSION_SPAN,
  toMessage,
  VISIBLE,
  viewerParameters,
  type MessageRow,
  type SessionRow,
} from './sqlite-session-rows.js';
import { Selects } from './selects.js';

/** Messages removed for their age at a time. */
const EXPIRY_STEP = 200;

/** The messages of the SQLite store. Whoever calls has the session's row and, to write, began a transaction. */
export class SqliteMessages {
  private readonly sql: ReturnType<typeof prepareMessageStatements>;
  private readonly selects: Selects;

  constructor(
    database: Database.Database,
    private readonly retention: SessionRetention,
  ) {
    this.sql = prepareMessageStatements(database);
    this.selects = new Selects(database);
  }

  /** @param id the message's, unless it is a repeated one */
  add(session: SessionRow, message: NewMessage, id: number, at: number): AddOutcome {
    const { sender, messageKey } = message;
    const known =
      messageKey === null
        ? undefined
        : this.sql.byMessageKey.get(session.session_no, sender.id, sender.owner, messageKey);
    if (known) return { message: toMessage(message.tenant, session.id, known), repeated: true };
    if (session.closed_at !== null) {
      return new OpstreamError('session_closed', `Session '${session.id.slice(0, 100)}' is closed`);
    }
    const seq = session.last_seq + 1;
    const { low } = rangeOf(session);
    if (seq >= SESSION_SPAN) return new OpstreamError('storage_full', 'This session has used up its numbers');
    // Clocks may step back; the order of a session's times may not.
    const previous = this.sql.firstFrom.get(low + session.last_seq, low + session.last_seq)?.at;
    const timestamp = Math.max(at, previous ?? session.created_at);
    const { metadata, parentId, senderType, content, visibility, messageType, tenant } = message;
    const added = new SessionMessage({
      tenant,
      sessionId: session.id,
      id,
      seq,
      sender,
      senderType,
      content,
      visibility,
      messageType,
      metadata,
      parentId,
      timestamp,
    });
    const key = session.session_no * SESSION_SPAN + seq;
    this.sql.insert.run({
      key,
      tenantNo: session.tenant_no,
      id,
      sender: sender.id,
      owner: sender.owner,
      senderType,
      content,
      visibility: VISIBILITIES.indexOf(visibility),
      messageType,
      metadata,
      parentId,
      at: timestamp,
      messageKey,
    });
    this.sql.index.run(key, searchText(added));
    this.tally(session.session_no, VISIBILITIES.indexOf(visibility), sender.id, sender.owner, 1);
    session.last_seq = seq;
    // When something hidden is added is nothing that everyone may know.
    if (visibility === 'public') session.updated_at = Math.max(timestamp, session.updated_at);
    session.first_at ??= timestamp;
    this.trim(session, seq - this.retention.maxMessages);
    this.sql.advance.run(seq, session.updated_at, session.first_seq, session.first_at, session.session_no);
    return { message: added, repeated: false };
  }

  find(session: SessionRow, tenant: string, query: MessageQuery): MessagePage {
    const { viewer, visibility, sender, from, until, order, limit, offset = 0 } = query;
    const conditions = [VISIBLE(viewer), visibility === undefined ? '1' : 'visibility = @visibility'];
    if (sender !== undefined) conditions.push('sender = @sender');
    // As an expression it is the index over time that is used.
    const timed = from !== undefined || until !== undefined;
    conditions.push(
      timed ? '(key >> 24) = @session AND at BETWEEN @from AND @until' : 'key BETWEEN @low AND @high',
    );
    const direction = order === 'oldest' ? 'ASC' : 'DESC';
    const columns = timed ? `at ${direction}, key ${direction}` : `key ${direction}`;
    const parameters = {
      ...rangeOf(session),
      ...viewerParameters(viewer),
      session: session.session_no,
      visibility: visibility === undefined ? -1 : VISIBILITIES.indexOf(visibility),
      sender: sender ?? '',
      from: from ?? -Infinity,
      until: until ?? Infinity,
      limit,
      offset,
    };
    const where = conditions.join(' AND ');
    const rows = this.selects
      .prepared(
        `SELECT * FROM session_messages WHERE ${where} ORDER BY ${columns} LIMIT @limit OFFSET @offset`,
      )
      .all(parameters);
    const total = timed || sender !== undefined ? rows.length : this.total(session, viewer, visibility);
    return { messages: rows.map((row) => toMessage(tenant, session.id, row)), total };
  }

  byId(tenantNo: number, id: number): { row: MessageRow; sessionNo: number } | undefined {
    const row = this.sql.byId.get(tenantNo, id);
    return row && { row, sessionNo: Math.floor(row.key / SESSION_SPAN) };
  }

  read(
    session: SessionRow,
    tenant: string,
    viewer: Viewer,
    after: number,
    bounds: LogBounds,
  ): SessionLogPage {
    const { low, high } = rangeOf(session);
    const rows = this.selects
      .prepared(
        `SELECT * FROM session_messages WHERE key > @after AND key <= @high AND ${VISIBLE(viewer)} ORDER BY key LIMIT @limit`,
      )
      .iterate({
        ...viewerParameters(viewer),
        after: Math.min(low + Math.max(0, after), high),
        high,
        limit: bounds.limit,
      });
    const events: SessionMessage[] = [];
    let bytes = 0;
    let stopped = false;
    for (const row of rows) {
      events.push(toMessage(tenant, session.id, row));
      bytes += row.content.length;
      if ((stopped = bytes >= bounds.maxBytes)) break;
    }
    const exhausted = !stopped && events.length < bounds.limit;
    const end = events.at(-1)?.seq ?? Math.min(after, session.last_seq);
    return { events, first: session.first_seq, head: exhausted ? end : session.last_seq };
  }

  /** Removes messages older than a time. @returns whether more may be due */
  expire(session: SessionRow, before: number): boolean {
    const { low, high } = rangeOf(session);
    const last = this.sql.lastBefore.get(session.session_no, before);
    const through = last?.key === undefined ? 0 : last.key - low;
    this.trim(session, Math.min(through, session.first_seq - 1 + EXPIRY_STEP));
    const first = this.sql.firstFrom.get(low + session.first_seq, high);
    session.first_at = first?.at ?? null;
    this.sql.advance.run(
      session.last_seq,
      session.updated_at,
      session.first_seq,
      session.first_at,
      session.session_no,
    );
    return through >= session.first_seq;
  }

  /** Removes everything of a session but its row. */
  remove(session: SessionRow): void {
    this.trim(session, session.last_seq);
  }

  /** Removes the messages up to a seq. */
  private trim(session: SessionRow, through: number): void {
    const { low } = rangeOf(session);
    for (; session.first_seq <= through; session.first_seq++) {
      const key = low + session.first_seq;
      const row = this.sql.kind.get(key);
      this.sql.unindex.run(key);
      this.sql.delete.run(key);
      if (row) this.tally(session.session_no, row.visibility, row.sender, row.owner, -1);
    }
    if (through > 0)
      session.first_at = this.sql.firstFrom.get(low + session.first_seq, low + SESSION_SPAN - 1)?.at ?? null;
  }

  private total(session: SessionRow, viewer: Viewer, visibility: MessageQuery['visibility']): number {
    const { agent, owner } = viewerParameters(viewer);
    let sum = 0;
    for (const tally of this.sql.tallies.iterate(session.session_no)) {
      if (visibility !== undefined && VISIBILITIES[tally.visibility] !== visibility) continue;
      const own = tally.sender === agent && (tally.owner === owner || tally.owner === 'anonymous');
      if (viewer.seesAll || tally.visibility === 0 || (tally.visibility < 3 && own)) sum += tally.messages;
    }
    return sum;
  }

  private tally(sessionNo: number, visibility: number, sender: string, owner: string, by: 1 | -1): void {
    const [from, of] = visibility === 0 ? ['', ''] : [sender, owner];
    this.sql.tally.run(sessionNo, visibility, from, of, by);
  }
}
