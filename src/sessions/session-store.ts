import type { OpstreamError } from '../platform/errors/opstream-error.js';
import type { JsonObject } from '../platform/json.js';
import type {
  AgentIdentity,
  AgentToken,
  MemoryEntry,
  MemoryKey,
  NewMessage,
  NewSession,
  Presence,
  Session,
  SessionKey,
  SessionMessage,
  Visibility,
} from './session.js';
import type { Viewer } from './viewer.js';

/** What one message became. */
export interface Added {
  readonly message: SessionMessage;
  /** The sender had used the `message_key` before, and this is what it became then. */
  readonly repeated: boolean;
}

export type AddOutcome = Added | OpstreamError;

/**
 * Characters of content (or of values) after which a page ends, however many messages were asked for: a page of the
 * largest would otherwise be a hundred megabytes.
 */
export const PAGE_CHARACTERS = 4 * 1024 * 1024;

export interface MessageQuery {
  readonly viewer: Viewer;
  readonly visibility?: Visibility | undefined;
  readonly sender?: string | undefined;
  /** Unix seconds, inclusive. */
  readonly from?: number | undefined;
  readonly until?: number | undefined;
  readonly order: 'oldest' | 'newest';
  readonly limit: number;
  readonly offset?: number | undefined;
}

export interface MessagePage {
  readonly messages: readonly SessionMessage[];
  /** How many match, on all pages. */
  readonly total: number;
}

export interface LogBounds {
  readonly limit: number;
  /** Stop after the message that reaches this many characters of content. */
  readonly maxBytes: number;
}

export interface SessionLogPage {
  /** What the viewer sees of the messages after the cursor. */
  readonly events: readonly SessionMessage[];
  readonly first: number;
  /** Seq up to which there is nothing more for this viewer. */
  readonly head: number;
}

export interface SessionList {
  readonly sessions: readonly Session[];
  readonly nextCursor: string | null;
}

/** Messages that may match a search, with the text they are matched by. */
export interface SearchCandidates {
  readonly messages: readonly SessionMessage[];
  /** There is no message that the viewer sees. */
  readonly none: boolean;
}

export interface SearchQuery {
  readonly viewer: Viewer;
  readonly visibility: 'all' | 'public' | 'private';
  /** Lower case. */
  readonly text: string;
  /** How many of the likeliest are wanted. */
  readonly limit: number;
}

export interface MemoryScope {
  readonly tenant: string;
  readonly agent: AgentIdentity;
  /** Null for what belongs to no session. */
  readonly sessionId: string | null;
}

export interface MemoryWrite extends MemoryScope {
  readonly key: string;
  readonly value: string;
  readonly metadata: JsonObject;
  readonly expiresAt: number | null;
  /** False: fail when the key lives. */
  readonly overwrite: boolean;
  /** The version the key must have, 0 for none; undefined for any. */
  readonly ifVersion?: number | undefined;
  /** Unix seconds. */
  readonly at: number;
}

export interface MemoryQuery {
  readonly tenant: string;
  readonly agent: AgentIdentity;
  /** `all`, a session's id, or null for global. */
  readonly scope: { readonly kind: 'all' } | { readonly kind: 'one'; readonly sessionId: string | null };
  readonly prefix: string;
  readonly limit: number;
  readonly at: number;
}

/** How much is kept. */
export interface SessionRetention {
  /** Per tenant. */
  readonly maxSessions: number;
  /** Per session. */
  readonly maxMessages: number;
  /** Seconds; 0: no limit. */
  readonly messageMaxAge: number;
}

/**
 * Port: sessions, their messages, agents' memory and tokens. Numbers are given and rules that need the present state
 * are decided inside the store, because only it can make that atomic when several processes share one engine.
 * Everything is scoped by tenant.
 */
export abstract class SessionStore {
  /** @throws OpstreamError `session_exists`, `too_many_sessions` */
  abstract create(session: NewSession, at: number): Promise<Session>;

  abstract get(tenant: string, sessionId: string): Promise<Session | null>;

  /** Most recently changed first. @throws OpstreamError `invalid_cursor` */
  abstract list(tenant: string, limit: number, cursor?: string): Promise<SessionList>;

  /** Repeating it changes nothing. Null for an unknown session. */
  abstract close(tenant: string, sessionId: string, at: number): Promise<Session | null>;

  abstract setPresence(tenant: string, sessionId: string, presence: Presence): Promise<void>;

  /**
   * Adds messages in order, in one transaction as far as the engine has such; resolves once they are durable. A
   * refused one does not touch the others.
   */
  abstract add(messages: readonly NewMessage[], at: number): Promise<readonly AddOutcome[]>;

  /** Null for an unknown session. The page ends with the message that reaches `PAGE_CHARACTERS`. */
  abstract find(tenant: string, sessionId: string, query: MessageQuery): Promise<MessagePage | null>;

  /** One message by its id, wherever in the tenant. */
  abstract message(tenant: string, id: number): Promise<SessionMessage | null>;

  /**
   * The seq that a session's log had reached when the tenant's message with this id was added; null for an unknown
   * session.
   */
  abstract seqAt(tenant: string, sessionId: string, id: number): Promise<number | null>;

  /** The log after a seq, for one viewer; null for an unknown session. */
  abstract read(
    tenant: string,
    sessionId: string,
    viewer: Viewer,
    afterSeq: number,
    bounds: LogBounds,
  ): Promise<SessionLogPage | null>;

  /** The likeliest matches of a text, newest first; null for an unknown session. */
  abstract candidates(
    tenant: string,
    sessionId: string,
    query: SearchQuery,
  ): Promise<SearchCandidates | null>;

  /** @throws OpstreamError `key_exists`, `version_conflict`, `too_many_memory_keys`, `session_not_found` */
  abstract remember(write: MemoryWrite): Promise<MemoryEntry>;

  abstract recall(scope: MemoryScope, key: string, at: number): Promise<MemoryEntry | null>;

  /** Last change first; ends with the value that reaches `PAGE_CHARACTERS`. */
  abstract memories(query: MemoryQuery): Promise<readonly MemoryEntry[]>;

  /** The same without the values, and so to the end. */
  abstract memoryKeys(query: MemoryQuery): Promise<readonly MemoryKey[]>;

  /** @returns whether the key lived */
  abstract forget(scope: MemoryScope, key: string, at: number): Promise<boolean>;

  /** @param digest of the token's text, which itself is never stored */
  abstract keepToken(digest: string, token: AgentToken): Promise<void>;

  abstract token(digest: string): Promise<AgentToken | null>;

  /** Takes a token out of use. @returns what it was, to one caller only */
  abstract takeToken(digest: string): Promise<AgentToken | null>;

  /**
   * Removes what is past its time, a bounded number at a time.
   * @returns whether more is due
   */
  abstract expire(at: number): Promise<boolean>;

  abstract counts(): Promise<{ readonly sessions: number; readonly messages: number }>;

  /** Called with every session that was removed to make room; must not throw. */
  onRemoved: (removed: readonly SessionKey[]) => void = () => {};

  abstract dispose(): Promise<void>;
}
