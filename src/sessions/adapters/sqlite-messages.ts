import type Database from 'better-sqlite3';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { decideMessage, updatedBy } from '../decide-message.js';
import { searchText } from '../search/search-text.js';
import { VISIBILITIES, type NewMessage, type SessionMessage } from '../session.js';
import {
  PAGE_CHARACTERS,
  type AddOutcome,
  type LogBounds,
  type MessagePage,
  type MessageQuery,
  type SessionLogPage,
  type SessionRetention,
} from '../session-store.js';
import { upTo } from '../up-to.js';
import { canSee, type Viewer } from '../viewer.js';
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

/** Messages removed in the background at a time. */
const EXPIRY_STEP = 200;
/** Messages removed above the limit as one is added. */
const TRIM_STEP = 50;
/** Pages of the search index that one transaction merges: at least, for each so many characters one more, at most. */
const MERGED_PAGES = { least: 16, charactersEach: 80, most: 64 };

/** The messages of the SQLite store. The caller has the session's row and, to write, has begun a transaction. */
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
    const { low } = rangeOf(session);
    const { last_seq: lastSeq, created_at: createdAt, closed_at: closedAt } = session;
    const newestAt = this.sql.firstFrom.get(low + lastSeq, low + lastSeq)?.at;
    const added = decideMessage({ lastSeq, createdAt, closedAt, newestAt }, message, id, at);
    if (added instanceof OpstreamError) return added;
    const { seq, timestamp } = added;
    if (seq >= SESSION_SPAN) return new OpstreamError('storage_full', 'This session has used up its numbers');
    const { metadata, parentId, senderType, content, visibility, messageType } = added;
    const key = low + seq;
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
    session.updated_at = updatedBy(added, session.updated_at);
    session.first_at ??= timestamp;
    // Where the limit was lowered, the rest goes with the messages that follow: nobody waits for all of it.
    this.trim(session, Math.min(seq - this.retention.maxMessages, session.first_seq - 1 + TRIM_STEP));
    this.sql.advance.run(seq, session.updated_at, session.first_seq, session.first_at, session.session_no);
    return { message: added, repeated: false };
  }

  /** Tidies the search index a little, after a transaction has added to it: every transaction leaves it one segment more. */
  mergeIndex(messages: readonly NewMessage[]): void {
    const { least, charactersEach, most } = MERGED_PAGES;
    const characters = messages.reduce((sum, { content }) => sum + content.length, 0);
    this.sql.mergeIndex.run(Math.min(most, least + Math.ceil(characters / charactersEach)));
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
    const found = this.selects
      .prepared(
        `SELECT * FROM session_messages WHERE ${where} ORDER BY ${columns} LIMIT @limit OFFSET @offset`,
      )
      .iterate(parameters);
    const rows = upTo(PAGE_CHARACTERS, found, ({ content }) => content.length);
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

  /** The newest seq whose message's id is not above this one: ids grow with seqs, and seqs have no gaps. */
  seqAt(session: SessionRow, id: number): number {
    const base = rangeOf(session).low;
    let low = session.first_seq - 1;
    let high = session.last_seq;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.sql.idOf.get(base + middle)?.id ?? 0) <= id) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Removes some of the messages older than a time. */
  expire(session: SessionRow, before: number): void {
    const last = this.sql.lastBefore.get(session.session_no, before);
    this.shorten(session, last?.key === undefined ? 0 : last.key - rangeOf(session).low);
  }

  /** Removes some of the messages above the limit. */
  shrink(session: SessionRow): void {
    this.shorten(session, session.last_seq - this.retention.maxMessages);
  }

  /** Lets go of everything that a removed session had; `clear` removes its messages, a few at a time. */
  abandon(session: SessionRow): void {
    this.sql.forgetTallies.run(session.session_no);
    if (session.last_seq >= session.first_seq)
      this.sql.abandon.run(session.session_no, session.first_seq, session.last_seq);
  }

  /** Removes messages of sessions that are gone. @returns whether more may be due */
  clear(): boolean {
    const rest = this.sql.abandoned.get();
    if (!rest) return false;
    const { session_no: sessionNo, first_seq: first, last_seq: last } = rest;
    const through = Math.min(last, first - 1 + EXPIRY_STEP);
    for (let seq = first; seq <= through; seq++) {
      this.sql.unindex.run(sessionNo * SESSION_SPAN + seq);
      this.sql.delete.run(sessionNo * SESSION_SPAN + seq);
    }
    if (through === last) this.sql.cleared.run(sessionNo);
    else this.sql.abandon.run(sessionNo, through + 1, last);
    return true;
  }

  /** Removes some messages up to a seq. */
  private shorten(session: SessionRow, through: number): void {
    this.trim(session, Math.min(through, session.first_seq - 1 + EXPIRY_STEP));
    const { low, high } = rangeOf(session);
    session.first_at = this.sql.firstFrom.get(low + session.first_seq, high)?.at ?? null;
    this.sql.advance.run(
      session.last_seq,
      session.updated_at,
      session.first_seq,
      session.first_at,
      session.session_no,
    );
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
    let sum = 0;
    for (const tally of this.sql.tallies.iterate(session.session_no)) {
      const of = VISIBILITIES[tally.visibility]!;
      if (visibility !== undefined && of !== visibility) continue;
      const sender = { id: tally.sender, owner: tally.owner };
      if (canSee(viewer, { visibility: of, sender })) sum += tally.messages;
    }
    return sum;
  }

  private tally(sessionNo: number, visibility: number, sender: string, owner: string, by: 1 | -1): void {
    const [from, of] = visibility === 0 ? ['', ''] : [sender, owner];
    this.sql.tally.run(sessionNo, visibility, from, of, by);
  }
}
