import type { RecordedEvent } from '../../operations/operation-event.js';

/** What is followed: one operation's log, or (without an id) the whole log of a tenant. */
export interface Topic {
  readonly tenant: string;
  readonly operationId: string | null;
}

// Tenants and operation ids contain no slash, and no operation id is "*".
export function topicKey(tenant: string, operationId: string | null): string {
  return `${tenant}/${operationId ?? '*'}`;
}

/** An event's place in the topic: the seq in an operation's log, the position in a tenant's. */
export function cursorOf(topic: Topic, event: RecordedEvent): number {
  return topic.operationId === null ? event.position : event.seq;
}
