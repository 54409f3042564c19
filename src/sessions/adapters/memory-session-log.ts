import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { decideMessage, updatedBy } from '../decide-message.js';
import type { NewMessage, Session, SessionMessage } from '../session.js';
import {
  PAGE_CHARACTERS,
  type AddOutcome,
  type LogBounds,
  type MessagePage,
  type MessageQuery,
  type SearchCandidates,
  type SearchQuery,
  type SessionLogPage,
} from '../session-store.js';
import { upTo } from '../up-to.js';
import { canSee, visibleTo, type Viewer } from '../viewer.js';
import { likeliest } from './memory-search.js';

/** One session and its messages in the memory store. */
export class MemorySessionLog {
  /** From `session.firstSeq` on. */
  private readonly messages: SessionMessage[] = [];
  private readonly byMessageKey = new Map<string, SessionMessage>();

  /** @param order tells sessions changed at the same time apart */
  constructor(
    public session: Session,
    readonly order: number,
  ) {}

  get size(): number {
    return this.messages.length;
  }

  /** @param id the message's, unless it is a repeated one */
  add(message: NewMessage, id: number, at: number): AddOutcome {
    const { sender, messageKey } = message;
    const key = JSON.stringify([sender.id, sender.owner, messageKey]);
    const known = messageKey === null ? undefined : this.byMessageKey.get(key);
    if (known) return { message: known, repeated: true };
    const newestAt = this.messages.at(-1)?.timestamp;
    const added = decideMessage({ ...this.session, newestAt }, message, id, at);
    if (added instanceof OpstreamError) return added;
    this.messages.push(added);
    if (messageKey !== null) this.byMessageKey.set(key, added);
    const updatedAt = updatedBy(added, this.session.updatedAt);
    this.session = { ...this.session, lastSeq: added.seq, updatedAt };
    return { message: added, repeated: false };
  }

  find(query: MessageQuery): MessagePage {
    const { viewer, visibility, sender, from, until, order, limit, offset = 0 } = query;
    const found = visibleTo(viewer, this.messages).filter(
      (message) =>
        (visibility === undefined || message.visibility === visibility) &&
        (sender === undefined || message.sender.id === sender) &&
        message.timestamp >= (from ?? -Infinity) &&
        message.timestamp <= (until ?? Infinity),
    );
    const ordered = order === 'oldest' ? found : found.toReversed();
    const messages = upTo(PAGE_CHARACTERS, ordered.slice(offset, offset + limit), lengthOf);
    const bounded = sender !== undefined || from !== undefined || until !== undefined;
    return { messages, total: bounded ? messages.length : found.length };
  }

  seqAt(id: number): number {
    const next = this.messages.findIndex((message) => message.id > id);
    return this.session.firstSeq - 1 + (next < 0 ? this.messages.length : next);
  }

  read(viewer: Viewer, afterSeq: number, { limit, maxBytes }: LogBounds): SessionLogPage {
    const { firstSeq: first, lastSeq } = this.session;
    const events: SessionMessage[] = [];
    let bytes = 0;
    for (let at = Math.max(0, afterSeq + 1 - first); at < this.messages.length; at++) {
      const message = this.messages[at]!;
      if (!canSee(viewer, message)) continue;
      events.push(message);
      bytes += message.content.length;
      if (events.length >= limit || bytes >= maxBytes) return { events, first, head: lastSeq };
    }
    return { events, first, head: events.at(-1)?.seq ?? Math.min(afterSeq, lastSeq) };
  }

  candidates({ viewer, visibility, text, limit }: SearchQuery): SearchCandidates {
    const visible = visibleTo(viewer, this.messages)
      .filter((message) => visibility === 'all' || message.visibility === visibility)
      .toReversed();
    const { messages, none } = likeliest(visible, text, limit);
    return { messages: upTo(2 * PAGE_CHARACTERS, messages, lengthOf), none };
  }

  /** How many messages are older than a time. */
  olderThan(time: number): number {
    const kept = this.messages.findIndex(({ timestamp }) => timestamp >= time);
    return kept < 0 ? this.messages.length : kept;
  }

  /** Removes the oldest. @returns them */
  trim(count: number): readonly SessionMessage[] {
    if (count <= 0) return [];
    const gone = new Set(this.messages.splice(0, count));
    for (const [key, message] of this.byMessageKey) if (gone.has(message)) this.byMessageKey.delete(key);
    this.session = { ...this.session, firstSeq: this.session.firstSeq + gone.size };
    return [...gone];
  }
}

function lengthOf({ content }: SessionMessage): number {
  return content.length;
}
