import type {
  MemoryUpdate,
  NewSessionMessageEvent,
  SessionMessageRow,
  SessionUpdate,
  StoredSessionRow,
} from '../client/protocol/session-messages.js';
import type { SessionMessage as MessageView, SharedSessionInfo } from '../client/protocol/session-types.js';
import type { JsonObject } from '../platform/json.js';
import type { MemoryEntry, Session, SessionMessage } from './session.js';

/** Sessions and messages as JSON, in the words that clients of shared-context-server know. */

/** ISO 8601 with the zone that Python writes. */
export function isoOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('Z', '+00:00');
}

/** What is stored and who is connected, as one object; null when there is nothing to say. */
export function sessionMetadata({ metadata, presence }: Session): JsonObject | null {
  const { participants, lastActivity, lastDisconnect } = presence;
  if (lastActivity === null) return metadata;
  return {
    ...metadata,
    participant_count: participants,
    last_websocket_activity: lastActivity,
    ...(lastDisconnect !== null && { last_websocket_disconnect: lastDisconnect }),
  };
}

/** A session as a row: metadata is JSON text, or null. */
export function sessionRow(session: Session): StoredSessionRow {
  const metadata = sessionMetadata(session);
  return {
    id: session.sessionId,
    purpose: session.purpose,
    created_at: session.createdAt,
    updated_at: session.updatedAt,
    is_active: session.closedAt === null ? 1 : 0,
    created_by: session.createdBy,
    metadata: metadata === null ? null : JSON.stringify(metadata),
  };
}

/** A message as a row: metadata is JSON text, or null. */
export function messageRow(message: SessionMessage): Omit<SessionMessageRow, 'seq'> {
  return {
    id: message.id,
    session_id: message.sessionId,
    sender: message.sender.id,
    sender_type: message.senderType,
    content: message.content,
    visibility: message.visibility,
    message_type: message.messageType,
    metadata: message.metadata,
    timestamp: message.timestamp,
    parent_message_id: message.parentId,
  };
}

/** Session and message for Opstream's own interfaces: metadata is an object. */
export function sessionView(session: Session): SharedSessionInfo {
  return {
    session_id: session.sessionId,
    purpose: session.purpose,
    created_by: session.createdBy,
    created_at: session.createdAt,
    updated_at: session.updatedAt,
    closed_at: session.closedAt,
    metadata: sessionMetadata(session) ?? {},
    first_seq: session.firstSeq,
  };
}

/** JSON text, put together from the stored one, so that metadata is not parsed to be written again. */
export function messageText(message: SessionMessage): string {
  const { metadata: _metadata, ...row } = messageRow(message);
  const text = JSON.stringify({ seq: message.seq, ...row } satisfies Omit<MessageView, 'metadata'>);
  return `${text.slice(0, -1)},"metadata":${message.metadata ?? '{}'}}`;
}

/** The event that announces a message. @param seq for clients that resume by it */
export function newMessage(message: SessionMessage, withSeq: boolean): string {
  const data = JSON.stringify({
    id: message.id,
    ...(withSeq && { seq: message.seq }),
    sender: message.sender.id,
    sender_type: message.senderType,
    content: message.content,
    visibility: message.visibility,
    timestamp: isoOf(message.timestamp),
  } satisfies Omit<NewSessionMessageEvent['data'], 'metadata'>);
  return `{"type":"new_message","data":${data.slice(0, -1)},"metadata":${message.metadata ?? '{}'}}}`;
}

/** The event that comes before every other one. */
export function sessionUpdate(sessionId: string, agentId: string, at: number): string {
  return JSON.stringify({
    type: 'session_update',
    session_id: sessionId,
    agent_id: agentId,
    timestamp: isoOf(at),
  } satisfies SessionUpdate);
}

export function memoryUpdate(agentId: string, sessionId: string, entry: MemoryEntry): string {
  const { key, value, createdAt, updatedAt } = entry;
  const start = JSON.stringify({ agent_id: agentId, key } satisfies Partial<MemoryUpdate['data']>).slice(
    0,
    -1,
  );
  const end = JSON.stringify({
    session_id: sessionId,
    scope: 'session',
    created_at: createdAt,
    updated_at: isoOf(updatedAt),
  } satisfies Partial<MemoryUpdate['data']>).slice(1);
  return `{"type":"memory_update","data":${start},"value":${value},${end}}`;
}
