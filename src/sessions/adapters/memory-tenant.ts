import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { refuseMessage, sessionNotFound, tooManySessions } from '../refusals.js';
import type { NewMessage, SessionMessage } from '../session.js';
import type { AddOutcome, SessionList } from '../session-store.js';
import { parseCursor, toCursor } from './list-cursor.js';
import type { MemorySessionLog } from './memory-session-log.js';

/** A tenant's sessions, and its messages by their ids, in the memory store. */
export class MemoryTenant {
  readonly sessions = new Map<string, MemorySessionLog>();
  private readonly messages = new Map<number, SessionMessage>();
  private lastMessageId = 0;

  get messageCount(): number {
    return this.messages.size;
  }

  message(id: number): SessionMessage | null {
    return this.messages.get(id) ?? null;
  }

  list(limit: number, cursor: string | undefined): SessionList {
    const after = parseCursor(cursor);
    const all = [...this.sessions.values()]
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

  /** @param maxMessages of one session; the oldest give way */
  add(message: NewMessage, at: number, maxMessages: number): AddOutcome {
    const log = this.sessions.get(message.sessionId);
    if (!log) return sessionNotFound(message.sessionId);
    const refusal = refuseMessage(message, (id) => this.messages.has(id));
    if (refusal) return refusal;
    const outcome = log.add(message, this.lastMessageId + 1, at);
    if (outcome instanceof OpstreamError || outcome.repeated) return outcome;
    this.lastMessageId = outcome.message.id;
    this.messages.set(outcome.message.id, outcome.message);
    this.trim(log, log.size - maxMessages);
    return outcome;
  }

  /** Removes the oldest messages of a session. */
  trim(log: MemorySessionLog, count: number): void {
    for (const { id } of log.trim(count)) this.messages.delete(id);
  }

  /** Removes the session that was closed and unchanged for longest. @returns its id @throws OpstreamError `too_many_sessions` */
  removeOldestClosed(maxSessions: number): string {
    const closed = [...this.sessions.values()].filter(({ session }) => session.closedAt !== null);
    const oldest = closed.sort((a, b) => a.session.updatedAt - b.session.updatedAt)[0];
    if (!oldest) throw tooManySessions(maxSessions);
    const { sessionId } = oldest.session;
    this.trim(oldest, oldest.size);
    this.sessions.delete(sessionId);
    return sessionId;
  }
}
