import type { Webhook } from './webhook.js';

/** The webhooks of all tenants in memory, where every end of an operation looks for those that want to hear of it. */
export class WebhookList {
  private readonly byId = new Map<string, Webhook>();
  private byTenant = new Map<string, readonly Webhook[]>();

  get all(): readonly Webhook[] {
    return [...this.byId.values()];
  }

  of(tenant: string): readonly Webhook[] {
    return this.byTenant.get(tenant) ?? [];
  }

  get(webhookId: string): Webhook | undefined {
    return this.byId.get(webhookId);
  }

  put(webhook: Webhook): void {
    this.byId.set(webhook.id, webhook);
    this.index();
  }

  remove(webhookId: string): void {
    this.byId.delete(webhookId);
    this.index();
  }

  private index(): void {
    const byTenant = new Map<string, Webhook[]>();
    for (const webhook of this.byId.values()) {
      const others = byTenant.get(webhook.tenant);
      if (others) others.push(webhook);
      else byTenant.set(webhook.tenant, [webhook]);
    }
    this.byTenant = byTenant;
  }
}
