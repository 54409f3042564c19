import { createHash } from 'node:crypto';
import type { OperationSnapshot } from '../client/protocol/operation-events.js';
import type { Operation, OperationState } from '../operations/operation.js';
import { toSnapshot } from '../operations/operation-snapshot.js';
import { TEST_EVENT, type NewDelivery, type Webhook, type WebhookEvent } from './webhook.js';

/** Characters of JSON above which a result stays with the service: receivers refuse large bodies. */
const MAX_RESULT = 256 * 1024;

const EVENT_OF: Readonly<Record<Exclude<OperationState, 'running'>, WebhookEvent>> = {
  completed: 'operation.completed',
  error: 'operation.failed',
  cancelled: 'operation.cancelled',
};

/** What an operation's end is called; undefined while it runs. */
export function eventOf({ state }: Operation): WebhookEvent | undefined {
  return state === 'running' ? undefined : EVENT_OF[state];
}

/**
 * What one webhook is told of an operation's end. Its id follows from webhook and operation, so that an end that is heard
 * of twice, after a crash, is one message.
 */
export function endDelivery(webhook: Webhook, operation: Operation, event: WebhookEvent): NewDelivery {
  const { tenant, operationId, number, endedAt, updatedAt } = operation;
  const at = endedAt ?? updatedAt;
  return {
    id: deliveryId(webhook.id, String(number), event),
    webhookId: webhook.id,
    tenant,
    operationId,
    event,
    body: bodyOf(event, at, dataOf(operation)),
    createdAt: at,
  };
}

/** A message that an administrator asks for, to try the address. @param key differs from test to test */
export function testDelivery(webhook: Webhook, key: string, at: number): NewDelivery {
  return {
    id: deliveryId(webhook.id, key, TEST_EVENT),
    webhookId: webhook.id,
    tenant: webhook.tenant,
    operationId: null,
    event: TEST_EVENT,
    body: bodyOf(TEST_EVENT, at, { message: 'This is a test of the webhook.' }),
    createdAt: at,
  };
}

function dataOf(operation: Operation): OperationSnapshot | (OperationSnapshot & { result_omitted: true }) {
  const snapshot = toSnapshot(operation);
  if (snapshot.result === undefined || JSON.stringify(snapshot.result).length <= MAX_RESULT) return snapshot;
  return { ...toSnapshot(operation, false), result_omitted: true };
}

function bodyOf(type: string, at: number, data: object): string {
  return JSON.stringify({ type, timestamp: new Date(at * 1000).toISOString(), data });
}

function deliveryId(...parts: readonly string[]): string {
  return `msg_${createHash('sha256').update(parts.join('\n')).digest('base64url').slice(0, 27)}`;
}
