/** What a webhook can be told of. */
export const WEBHOOK_EVENTS = ['operation.completed', 'operation.failed', 'operation.cancelled'] as const;
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number];
/** Sent only on request, regardless of what the webhook asks for. */
export const TEST_EVENT = 'opstream.test';

/** An address that is told of the ends of operations. Times are Unix seconds. */
export interface Webhook {
  readonly id: string;
  readonly tenant: string;
  readonly url: string;
  readonly description: string;
  /** Empty: all of them. */
  readonly events: readonly WebhookEvent[];
  /** An operation type, or the beginning of one with `*` at its end; null: any. */
  readonly operationType: string | null;
  /** `whsec_` and base64, as Standard Webhooks has it. */
  readonly secret: string;
  readonly enabled: boolean;
  /** Why it was disabled by the service; null otherwise. */
  readonly disabledReason: string | null;
  readonly createdAt: number;
}

/** `pending` waits for its next attempt; `failed` was given up. */
export const DELIVERY_STATES = ['pending', 'delivered', 'failed'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** One message to one webhook, and what became of it. */
export interface Delivery {
  /** Also the `webhook-id` of every attempt, by which a receiver recognizes a repeat. */
  readonly id: string;
  readonly webhookId: string;
  readonly tenant: string;
  readonly operationId: string | null;
  readonly event: WebhookEvent | typeof TEST_EVENT;
  /** The request's body, as sent. */
  readonly body: string;
  readonly createdAt: number;
  readonly state: DeliveryState;
  readonly attempts: number;
  /** Of the next attempt, while pending. */
  readonly nextAt: number;
  readonly last: Attempt | null;
}

/** How one request went. */
export interface Attempt {
  readonly at: number;
  /** Milliseconds. */
  readonly duration: number;
  /** Null without a response. */
  readonly status: number | null;
  /** The beginning of the response's body. */
  readonly response: string;
  /** Why there was no response; null otherwise. */
  readonly error: string | null;
}

/** A delivery about to be queued. */
export type NewDelivery = Pick<
  Delivery,
  'id' | 'webhookId' | 'tenant' | 'operationId' | 'event' | 'body' | 'createdAt'
>;

/** Whether a webhook wants to hear of this end. */
export function wants(webhook: Webhook, event: WebhookEvent, operationType: string): boolean {
  if (!webhook.enabled) return false;
  if (webhook.events.length > 0 && !webhook.events.includes(event)) return false;
  const { operationType: wanted } = webhook;
  if (wanted === null) return true;
  return wanted.endsWith('*') ? operationType.startsWith(wanted.slice(0, -1)) : operationType === wanted;
}
