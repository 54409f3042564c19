import type { JsonObject, JsonValue } from '../json.js';

export type Visibility = 'public' | 'private' | 'agent_only' | 'admin_only';

/** A session that agents and people share; times are Unix seconds. */
export interface SharedSessionInfo {
  session_id: string;
  purpose: string;
  created_by: string;
  created_at: number;
  updated_at: number;
  closed_at: number | null;
  metadata: JsonObject;
  first_seq: number;
}

export interface SessionMessage {
  /** 1, 2, 3 … within the session; a missing one is not visible to you. */
  seq: number;
  id: number;
  session_id: string;
  sender: string;
  sender_type: string;
  content: string;
  visibility: Visibility;
  message_type: string;
  timestamp: number;
  parent_message_id: number | null;
  metadata: JsonObject;
}

export interface NewSessionMessage {
  readonly visibility?: Visibility;
  readonly metadata?: JsonObject;
  readonly parent_message_id?: number;
  /** Makes it repeatable; by default the SDK chooses one. */
  readonly message_key?: string;
  readonly message_type?: string;
}

export interface SessionSearchHit {
  message: SessionMessage;
  /** 0 to 100. */
  score: number;
}

export interface MemoryEntry {
  key: string;
  value: JsonValue;
  session_id: string | null;
  metadata: JsonObject;
  created_at: number;
  updated_at: string;
  expires_at: number | null;
  version: number;
}
