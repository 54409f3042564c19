import { isFinal, type RecordedEvent } from '../../operations/operation-event.js';
import type { Topic } from './topic.js';

// Tenants and operation ids contain no slash, and no operation id is "*".
export function topicKey(tenant: string, operationId: string | null): string {
  return `${tenant}/${operationId ?? '*'}`;
}

/** One operation's log or, without an id, the whole log of a tenant. */
export function operationTopic(tenant: string, operationId: string | null): Topic<RecordedEvent> {
  const whole = operationId === null;
  return {
    tenant,
    id: operationId,
    key: topicKey(tenant, operationId),
    contiguous: !whole,
    cursorOf: whole ? (event) => event.position : (event) => event.seq,
    isFinal: whole ? () => false : (event) => isFinal(event.type),
    coalesce: withoutSuperseded,
  };
}

/** Drops progress events superseded by a later one of the same operation in the list. */
function withoutSuperseded(events: readonly RecordedEvent[]): readonly RecordedEvent[] {
  const latest = new Map<string, RecordedEvent>();
  for (const event of events) if (event.type === 'progress') latest.set(event.operationId, event);
  return events.filter((event) => event.type !== 'progress' || latest.get(event.operationId) === event);
}
