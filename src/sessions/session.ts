import type { JsonObject } from '../platform/json.js';

/** Who sees a message: everyone, its sender (and admins), or admins alone. */
export const VISIBILITIES = ['public', 'private', 'agent_only', 'admin_only'] as const;
export type Visibility = (typeof VISIBILITIES)[number];

/** Upper bounds, in characters unless they say otherwise. */
export const LIMITS = {
  purpose: 1000,
  content: 100_000,
  /** As JSON. */
  metadata: 10_000,
  memoryKey: 255,
  /** As JSON. */
  memoryValue: 1_000_000,
  sessionId: 255,
  messageKey: 255,
  agentId: 200,
  /** Living keys of one agent. */
  memoryKeys: 10_000,
  /** Seconds. */
  memoryTtl: 31_536_000,
} as const;

export interface SessionKey {
  readonly tenant: string;
  readonly sessionId: string;
}

/** Who acts: an agent, and the principal on whose behalf. Two principals' agents of one name are not the same. */
export interface AgentIdentity {
  readonly id: string;
  /** The user id of the principal who acts, or who had the agent's token made. */
  readonly owner: string;
}

/** Who is connected, as the session's metadata tells it. */
export interface Presence {
  readonly participants: number;
  /** ISO 8601; null before the first connection. */
  readonly lastActivity: string | null;
  readonly lastDisconnect: string | null;
}

export const NOBODY: Presence = { participants: 0, lastActivity: null, lastDisconnect: null };

export interface Session extends SessionKey {
  readonly purpose: string;
  readonly createdBy: string;
  /** Unix seconds, as every time of a session and its messages. */
  readonly createdAt: number;
  /** Of its newest public message, or its own. */
  readonly updatedAt: number;
  readonly closedAt: number | null;
  readonly metadata: JsonObject | null;
  readonly presence: Presence;
  /** The newest message's seq; 0 before the first. */
  readonly lastSeq: number;
  /** The oldest message's seq that was not trimmed. */
  readonly firstSeq: number;
}

export interface NewSession extends SessionKey {
  readonly purpose: string;
  readonly createdBy: string;
  readonly metadata: JsonObject | null;
}

export interface NewMessage extends SessionKey {
  readonly sender: AgentIdentity;
  readonly senderType: string;
  readonly content: string;
  readonly visibility: Visibility;
  readonly messageType: string;
  /** JSON text of an object; null for none. */
  readonly metadata: string | null;
  readonly parentId: number | null;
  /** Makes the message repeatable: its sender's second one with this key is the first one again. */
  readonly messageKey: string | null;
}

export interface MessageFields extends Omit<NewMessage, 'messageKey'> {
  /** Unique within the tenant. */
  readonly id: number;
  /** 1, 2, 3 … within the session, without gaps. */
  readonly seq: number;
  readonly timestamp: number;
}

/** One message of a session's log. What a wire needs of it is encoded once and kept by the wire's format. */
export class SessionMessage implements MessageFields {
  readonly tenant: string;
  readonly sessionId: string;
  readonly id: number;
  readonly seq: number;
  readonly sender: AgentIdentity;
  readonly senderType: string;
  readonly content: string;
  readonly visibility: Visibility;
  readonly messageType: string;
  readonly metadata: string | null;
  readonly parentId: number | null;
  readonly timestamp: number;

  constructor(fields: MessageFields) {
    this.tenant = fields.tenant;
    this.sessionId = fields.sessionId;
    this.id = fields.id;
    this.seq = fields.seq;
    this.sender = fields.sender;
    this.senderType = fields.senderType;
    this.content = fields.content;
    this.visibility = fields.visibility;
    this.messageType = fields.messageType;
    this.metadata = fields.metadata;
    this.parentId = fields.parentId;
    this.timestamp = fields.timestamp;
  }
}

/** A value that an agent keeps, in a session or (without one) globally. */
export interface MemoryEntry {
  readonly key: string;
  readonly sessionId: string | null;
  /** JSON text. */
  readonly value: string;
  readonly metadata: JsonObject;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly expiresAt: number | null;
  /** 1 for a new key, then one more with each change. */
  readonly version: number;
}

/** An entry as lists show it. */
export interface MemoryKey extends Omit<MemoryEntry, 'value' | 'metadata'> {
  /** Of the value, in characters as Python writes JSON. */
  readonly size: number;
}

/** A token that lets an agent act; kept by the digest of its text alone. */
export interface AgentToken {
  readonly tenant: string;
  readonly agent: AgentIdentity;
  readonly agentType: string;
  readonly permissions: readonly Permission[];
  readonly expiresAt: number;
}

export const PERMISSIONS = ['read', 'write', 'admin', 'debug'] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** Seconds after its end that a token can still be replaced by a new one. */
export const REFRESH_GRACE = 3600;
