import type { Database, Statement } from 'better-sqlite3';
import { toStoreError } from '../../platform/sqlite/store-error.js';
import type { Attempt, Delivery, NewDelivery, Webhook, WebhookEvent } from '../webhook.js';
import {
  KEPT_DELIVERIES,
  MAX_PENDING,
  WebhookStore,
  type AttemptOutcome,
  type DeliveryPage,
  type DeliveryQuery,
} from '../webhook-store.js';

interface WebhookRow {
  id: string;
  tenant: string;
  url: string;
  description: string;
  events: string;
  operation_type: string | null;
  secret: string;
  enabled: number;
  disabled_reason: string | null;
  created_at: number;
}

interface DeliveryRow {
  delivery_no: number;
  id: string;
  webhook_id: string;
  tenant: string;
  operation_id: string | null;
  event: string;
  body: string;
  created_at: number;
  state: string;
  attempts: number;
  next_at: number;
  last: string | null;
}

const list = (condition: string): string =>
  `SELECT * FROM webhook_deliveries WHERE webhook_id = :webhookId ${condition}
   AND delivery_no < :before ORDER BY delivery_no DESC LIMIT :limit`;

/** Finished deliveries removed at a time; the rest follows with the next that finishes. */
const TRIM_STEP = 50;

/** Webhooks in the service's database file, whose owner closes it. */
export class SqliteWebhookStore extends WebhookStore {
  private readonly sql: ReturnType<typeof prepareStatements>;

  constructor(private readonly database: Database) {
    super();
    this.sql = prepareStatements(database);
    // This process is the only one: what was claimed when the last one ended is due again.
    this.sql.unclaim.run();
  }

  all(): Promise<readonly Webhook[]> {
    return this.attempt(() => this.sql.all.all().map(toWebhook));
  }

  add(webhook: Webhook): Promise<boolean> {
    return this.attempt(() => this.sql.add.run(parametersOf(webhook)).changes > 0);
  }

  update(webhook: Webhook): Promise<void> {
    return this.attempt(() => void this.sql.update.run(parametersOf(webhook)));
  }

  remove(webhookId: string): Promise<void> {
    return this.transact(() => {
      this.sql.remove.run(webhookId);
      this.sql.removeDeliveries.run(webhookId);
    });
  }

  positions(): Promise<ReadonlyMap<string, number>> {
    return this.attempt(
      () => new Map(this.sql.positions.all().map(({ tenant, position }) => [tenant, position])),
    );
  }

  enqueue(tenant: string, position: number, deliveries: readonly NewDelivery[]): Promise<number> {
    return this.transact(() => {
      let refused = 0;
      const room = new Map<string, number>();
      for (const delivery of deliveries) {
        const { webhookId } = delivery;
        const left =
          room.get(webhookId) ?? MAX_PENDING - this.sql.pendingOf.get(webhookId, MAX_PENDING)!.count;
        room.set(webhookId, left - 1);
        if (left <= 0) refused += 1;
        else this.sql.enqueue.run(delivery);
      }
      this.sql.look.run(tenant, position);
      return refused;
    });
  }

  claim(webhookId: string, limit: number, at: number, claimedUntil: number): Promise<readonly Delivery[]> {
    return this.transact(() => {
      const rows = this.sql.due.all({ webhookId, at, limit });
      for (const { delivery_no: number } of rows) this.sql.claim.run(claimedUntil, number);
      return rows.map(toDelivery);
    });
  }

  settle(deliveryId: string, { state, nextAt, last }: AttemptOutcome): Promise<void> {
    return this.transact(() => {
      this.sql.settle.run(state, nextAt, JSON.stringify(last), deliveryId);
      const row = this.sql.delivery.get(deliveryId);
      if (row && state !== 'pending') {
        const { webhook_id: webhookId } = row;
        this.sql.trim.run({ webhookId, kept: KEPT_DELIVERIES, step: TRIM_STEP });
      }
    });
  }

  repeat(webhookId: string, deliveryId: string, at: number): Promise<boolean> {
    return this.attempt(() => this.sql.repeat.run(at, webhookId, deliveryId).changes > 0);
  }

  deliveries(webhookId: string, { state, limit, cursor }: DeliveryQuery): Promise<DeliveryPage> {
    return this.attempt(() => {
      const range = { webhookId, before: cursor ?? Number.MAX_SAFE_INTEGER, limit: limit + 1 };
      const rows =
        state === undefined ? this.sql.list.all(range) : this.sql.listState.all({ ...range, state });
      const page = rows.slice(0, limit);
      return {
        deliveries: page.map(toDelivery),
        nextCursor: rows.length > limit ? page.at(-1)!.delivery_no : null,
      };
    });
  }

  pending(): Promise<number> {
    return this.attempt(() => this.sql.pending.get()!.count);
  }

  private transact<T>(work: () => T): Promise<T> {
    return this.attempt(() => this.database.transaction(work).immediate());
  }

  private async attempt<T>(work: () => T): Promise<T> {
    try {
      return work();
    } catch (thrown) {
      throw toStoreError(thrown);
    }
  }
}

function prepareStatements(database: Database) {
  const prepare = <Parameters extends unknown[] | object = [], Row = unknown>(
    sql: string,
  ): Statement<Parameters extends unknown[] ? Parameters : [Parameters], Row> =>
    database.prepare(sql) as never;
  return {
    all: prepare<[], WebhookRow>('SELECT * FROM webhooks ORDER BY webhook_no'),
    add: prepare<object>(
      `INSERT OR IGNORE INTO webhooks
         (id, tenant, url, description, events, operation_type, secret, enabled, disabled_reason, created_at)
       VALUES (:id, :tenant, :url, :description, :events, :operationType, :secret, :enabled, :disabledReason,
         :createdAt)`,
    ),
    update: prepare<object>(
      `UPDATE webhooks SET url = :url, description = :description, events = :events,
         operation_type = :operationType, secret = :secret, enabled = :enabled, disabled_reason = :disabledReason
       WHERE id = :id AND tenant = :tenant AND created_at = :createdAt`,
    ),
    remove: prepare<[string]>('DELETE FROM webhooks WHERE id = ?'),
    removeDeliveries: prepare<[string]>('DELETE FROM webhook_deliveries WHERE webhook_id = ?'),
    positions: prepare<[], { tenant: string; position: number }>('SELECT * FROM webhook_positions'),
    look: prepare<[string, number]>(
      `INSERT INTO webhook_positions (tenant, position) VALUES (?, ?)
       ON CONFLICT (tenant) DO UPDATE SET position = excluded.position`,
    ),
    enqueue: prepare<object>(
      `INSERT OR IGNORE INTO webhook_deliveries
         (id, webhook_id, tenant, operation_id, event, body, created_at, state, next_at)
       VALUES (:id, :webhookId, :tenant, :operationId, :event, :body, :createdAt, 'pending', :createdAt)`,
    ),
    pendingOf: prepare<[string, number], { count: number }>(
      `SELECT count(*) AS count FROM
         (SELECT 1 FROM webhook_deliveries WHERE webhook_id = ? AND state = 'pending' LIMIT ?)`,
    ),
    pending: prepare<[], { count: number }>(
      "SELECT count(*) AS count FROM webhook_deliveries INDEXED BY webhook_deliveries_pending WHERE state = 'pending'",
    ),
    unclaim: prepare(
      "UPDATE webhook_deliveries SET claimed_until = 0 WHERE state = 'pending' AND claimed_until > 0",
    ),
    due: prepare<object, DeliveryRow>(
      `SELECT * FROM webhook_deliveries AS one WHERE webhook_id = :webhookId AND state = 'pending'
         AND next_at <= :at AND claimed_until <= :at
         AND NOT EXISTS (SELECT 1 FROM webhook_deliveries AS earlier WHERE earlier.webhook_id = one.webhook_id
           AND earlier.state = 'pending' AND earlier.operation_id = one.operation_id
           AND earlier.delivery_no < one.delivery_no)
       ORDER BY next_at LIMIT :limit`,
    ),
    claim: prepare<[number, number]>('UPDATE webhook_deliveries SET claimed_until = ? WHERE delivery_no = ?'),
    settle: prepare<[string, number, string, string]>(
      `UPDATE webhook_deliveries SET state = ?, next_at = ?, last = ?, attempts = attempts + 1, claimed_until = 0
       WHERE id = ?`,
    ),
    delivery: prepare<[string], DeliveryRow>('SELECT * FROM webhook_deliveries WHERE id = ?'),
    trim: prepare<object>(
      `DELETE FROM webhook_deliveries WHERE delivery_no IN (
         SELECT delivery_no FROM webhook_deliveries WHERE webhook_id = :webhookId AND state IN ('delivered', 'failed')
         ORDER BY delivery_no DESC LIMIT :step OFFSET :kept)`,
    ),
    repeat: prepare<[number, string, string]>(
      `UPDATE webhook_deliveries SET state = 'pending', attempts = 0, next_at = ?, claimed_until = 0
       WHERE webhook_id = ? AND id = ?`,
    ),
    list: prepare<object, DeliveryRow>(list('')),
    listState: prepare<object, DeliveryRow>(list('AND state = :state')),
  };
}

function parametersOf(webhook: Webhook): object {
  return { ...webhook, events: JSON.stringify(webhook.events), enabled: Number(webhook.enabled) };
}

function toWebhook(row: WebhookRow): Webhook {
  return {
    id: row.id,
    tenant: row.tenant,
    url: row.url,
    description: row.description,
    events: JSON.parse(row.events) as WebhookEvent[],
    operationType: row.operation_type,
    secret: row.secret,
    enabled: row.enabled === 1,
    disabledReason: row.disabled_reason,
    createdAt: row.created_at,
  };
}

function toDelivery(row: DeliveryRow): Delivery {
  return {
    id: row.id,
    webhookId: row.webhook_id,
    tenant: row.tenant,
    operationId: row.operation_id,
    event: row.event as Delivery['event'],
    body: row.body,
    createdAt: row.created_at,
    state: row.state as Delivery['state'],
    attempts: row.attempts,
    nextAt: row.next_at,
    last: row.last === null ? null : (JSON.parse(row.last) as Attempt),
  };
}
