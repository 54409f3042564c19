import type { Attempt, Delivery, DeliveryState, NewDelivery, Webhook } from './webhook.js';

export interface DeliveryQuery {
  readonly state?: DeliveryState | undefined;
  readonly limit: number;
  /** The `nextCursor` of the page before. */
  readonly cursor?: number | undefined;
}

export interface DeliveryPage {
  /** Newest first. */
  readonly deliveries: readonly Delivery[];
  readonly nextCursor: number | null;
}

/** What an attempt made of its delivery. */
export interface AttemptOutcome {
  readonly state: DeliveryState;
  /** Of the next attempt, while pending; Unix seconds. */
  readonly nextAt: number;
  readonly last: Attempt;
}

/** Finished deliveries kept per webhook. */
export const KEPT_DELIVERIES = 1000;
/** Deliveries that may wait for one webhook; above it, new ones are refused. */
export const MAX_PENDING = 10_000;

/**
 * Port: webhooks, the queue of their deliveries, and how far each tenant's log was looked through for ends. Nothing in
 * it assumes one process: deliveries are claimed for a time.
 */
export abstract class WebhookStore {
  /** Of all tenants, in the order of their creation. */
  abstract all(): Promise<readonly Webhook[]>;

  /** @returns false when the id is taken */
  abstract add(webhook: Webhook): Promise<boolean>;

  abstract update(webhook: Webhook): Promise<void>;

  /** With its deliveries. */
  abstract remove(webhookId: string): Promise<void>;

  /** How far each tenant's log was looked through, by tenant. */
  abstract positions(): Promise<ReadonlyMap<string, number>>;

  /**
   * Queues deliveries and remembers how far the tenant's log was looked through, both or neither. A delivery whose id is
   * known is left as it is.
   * @returns how many found no room
   */
  abstract enqueue(tenant: string, position: number, deliveries: readonly NewDelivery[]): Promise<number>;

  /**
   * Takes deliveries that are due, oldest first: of each operation only its oldest that is pending, so that its messages
   * arrive in order. Others do not get them until `claimedUntil`.
   * @param at Unix seconds
   */
  abstract claim(
    webhookId: string,
    limit: number,
    at: number,
    claimedUntil: number,
  ): Promise<readonly Delivery[]>;

  /** Records an attempt, and ends the claim. */
  abstract settle(deliveryId: string, outcome: AttemptOutcome): Promise<void>;

  /** Makes a delivery due now, as if it were new, under the same id. @returns false when there is none */
  abstract repeat(webhookId: string, deliveryId: string, at: number): Promise<boolean>;

  abstract deliveries(webhookId: string, query: DeliveryQuery): Promise<DeliveryPage>;

  /** How many wait, of all webhooks. */
  abstract pending(): Promise<number>;
}
