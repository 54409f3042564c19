import type { RestClient } from '../../../client/rest/rest-client.js';

/** A webhook as the service lists it (docs/webhooks.md). */
export interface Webhook {
  readonly id: string;
  readonly url: string;
  readonly description: string;
  readonly events: readonly string[];
  readonly operation_type: string | null;
  readonly enabled: boolean;
  readonly disabled_reason: string | null;
  /** Comes from the configuration, and changes only there. */
  readonly configured: boolean;
}

export interface Delivery {
  readonly id: string;
  readonly event: string;
  readonly operation_id: string | null;
  readonly state: 'pending' | 'delivered' | 'failed';
  readonly attempts: number;
  readonly created_at: number;
  readonly last_attempt: Readonly<Record<string, unknown>> | null;
}

export const EVENTS = ['operation.completed', 'operation.failed', 'operation.cancelled'] as const;

export interface NewWebhook {
  readonly url: string;
  readonly description: string;
  readonly events: readonly string[];
  readonly operation_type?: string;
}

/** The webhooks of the tenant; all of it needs the scope `admin`. */
export class WebhooksApi {
  constructor(private readonly rest: RestClient) {}

  async list(): Promise<readonly Webhook[]> {
    const answer = await this.rest.request<{ webhooks: Webhook[] }>('GET', 'api/webhooks');
    return answer.webhooks;
  }

  /** @returns with the secret, which is shown only this once */
  create(webhook: NewWebhook): Promise<Webhook & { readonly secret: string }> {
    return this.rest.request('POST', 'api/webhooks', { body: webhook });
  }

  enable(id: string, enabled: boolean): Promise<Webhook> {
    return this.rest.request('PATCH', pathOf(id), { body: { enabled } });
  }

  async remove(id: string): Promise<void> {
    await this.rest.request('DELETE', pathOf(id));
  }

  async test(id: string): Promise<void> {
    await this.rest.request('POST', pathOf(id, 'test'));
  }

  async deliveries(id: string): Promise<readonly Delivery[]> {
    const query = { limit: 20 };
    const answer = await this.rest.request<{ deliveries: Delivery[] }>('GET', pathOf(id, 'deliveries'), {
      query,
    });
    return answer.deliveries;
  }

  async repeat(id: string, delivery: string): Promise<void> {
    await this.rest.request('POST', pathOf(id, `deliveries/${encodeURIComponent(delivery)}/repeat`));
  }
}

function pathOf(id: string, below?: string): string {
  const path = `api/webhooks/${encodeURIComponent(id)}`;
  return below === undefined ? path : `${path}/${below}`;
}
