import type { JsonObject, JsonValue } from '../json.js';
import type { Visibility } from './session-types.js';

/** The sockets of a session (docs/sessions.md, "Sockets and the bridge"). */

/** What a viewer's socket may send on `/sessions/:session_id`; the text `ping` is answered with `pong`. */
export type ViewerRequest = { type: 'ping' } | { type: 'subscribe' };

export interface ViewerPong {
  type: 'pong';
}

export interface ViewerSubscribed {
  type: 'subscribed';
  session_id: string;
  status: 'success';
}

/** The answer to something that is not a request. */
export interface ViewerError {
  type: 'error';
  message: string;
}

/** Comes before a `new_message` or `memory_update`. */
export interface SessionUpdate {
  type: 'session_update';
  session_id: string;
  agent_id: string;
  /** ISO 8601. */
  timestamp: string;
}

export interface NewSessionMessageEvent {
  type: 'new_message';
  data: {
    id: number;
    /** Absent on `/ws/:session_id`. */
    seq?: number;
    sender: string;
    sender_type: string;
    content: string;
    visibility: Visibility;
    /** ISO 8601. */
    timestamp: string;
    metadata: JsonObject;
  };
}

/** A memory of the session has changed; only its agent is told. */
export interface MemoryUpdate {
  type: 'memory_update';
  data: {
    agent_id: string;
    key: string;
    value: JsonValue;
    session_id: string;
    scope: 'session';
    /** Unix seconds. */
    created_at: number;
    /** ISO 8601. */
    updated_at: string;
  };
}

/** Messages after `after_seq` are no longer kept; `first_seq` is the oldest that is. */
export interface SessionHistoryTrimmed {
  type: 'history_trimmed';
  session_id: string;
  after_seq: number;
  first_seq: number | null;
}

/** The socket was too slow for changes of memory, or for broadcasts: some were left out. */
export interface AnnouncementsSkipped {
  type: 'announcements_skipped';
  session_id: string;
}

export type ViewerMessage =
  | ViewerPong
  | ViewerSubscribed
  | ViewerError
  | SessionUpdate
  | NewSessionMessageEvent
  | MemoryUpdate
  | SessionHistoryTrimmed
  | AnnouncementsSkipped;

/** What an agent's socket may send on `/mcp/:session_id`: `{id, method, params}`, or shorter `{type, …params}`. */
interface Call<Method extends string, Params> {
  id?: string | number;
  method: Method;
  params?: Params;
}

type NoParams = Record<string, never>;

export type InitializeCall = Call<'initialize', NoParams>;
export type PingCall = Call<'ping', NoParams>;
/** `session_id` may repeat the one of the path. */
export type SubscribeCall = Call<'subscribe', { session_id?: string; after_seq?: number }>;
export type UnsubscribeCall = Call<'unsubscribe', NoParams>;
/** `session_id` may name another session. */
export type GetMessagesCall = Call<'get_messages', { session_id?: string; since_id?: number }>;
export type GetSessionInfoCall = Call<'get_session_info', { session_id?: string }>;

export type SessionAgentCall =
  InitializeCall | PingCall | SubscribeCall | UnsubscribeCall | GetMessagesCall | GetSessionInfoCall;

/** A call without an `id` is answered with the bare result. */
interface Result<Value> {
  id: string | number;
  result: Value;
}

export type InitializeResult = Result<{ status: 'connected'; session_id: string; server_time: string }>;
export type PingResult = Result<{ type: 'pong' }>;
export type SubscribeResult = Result<{ status: 'subscribed'; session_id: string }>;
export type UnsubscribeResult = Result<{ status: 'unsubscribed'; session_id: string }>;

/** A message as it is stored: metadata is JSON text, or null. */
export type SessionMessageRow = {
  id: number;
  seq: number;
  session_id: string;
  sender: string;
  sender_type: string;
  content: string;
  visibility: Visibility;
  message_type: string;
  metadata: string | null;
  /** Unix seconds. */
  timestamp: number;
  parent_message_id: number | null;
};

export type GetMessagesResult = Result<{
  session_id: string;
  /** Oldest first, at most 50. */
  messages: SessionMessageRow[];
  count: number;
  since_id: number | null;
  has_more: boolean;
}>;

/** A session as it is stored: metadata is JSON text, or null. */
export type StoredSessionRow = {
  id: string;
  purpose: string;
  /** Unix seconds. */
  created_at: number;
  updated_at: number;
  is_active: 0 | 1;
  created_by: string;
  metadata: string | null;
};

export type GetSessionInfoResult = Result<{
  session_id: string;
  session: StoredSessionRow;
  status: 'active' | 'inactive';
}>;

/** The answer to each call. */
export interface SessionAgentResults {
  initialize: InitializeResult;
  ping: PingResult;
  subscribe: SubscribeResult;
  unsubscribe: UnsubscribeResult;
  get_messages: GetMessagesResult;
  get_session_info: GetSessionInfoResult;
}

/** The answer to a call that failed, with a code of JSON-RPC. */
export interface SessionAgentFault {
  id?: string | number;
  error: {
    code: number;
    message: string;
    /** `code` is from the table of errors in docs/protocol.md. */
    data?: { code: string };
  };
}

/** A subscribed agent gets the messages of a viewer, too. */
export type SessionAgentMessage =
  SessionAgentResults[keyof SessionAgentResults] | SessionAgentFault | ViewerMessage;
