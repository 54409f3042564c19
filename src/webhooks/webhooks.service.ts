import { createHash, randomUUID } from 'node:crypto';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Subject } from 'rxjs';
import { Configuration } from '../config/configuration.js';
import { OperationStore } from '../operations/operation-store.js';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { testDelivery } from './delivery-body.js';
import { isSecret, makeSecret } from './signature.js';
import type { Webhook } from './webhook.js';
import { WebhookList } from './webhook-list.js';
import { WebhookStore, type DeliveryPage, type DeliveryQuery } from './webhook-store.js';

/** Webhooks of one tenant, those of the configuration included. */
const MAX_WEBHOOKS = 100;
const MAX_URL = 2000;

/** What an administrator decides about a webhook. */
export interface WebhookSettings {
  readonly url: string;
  readonly description?: string | undefined;
  readonly events?: Webhook['events'] | undefined;
  readonly operationType?: string | null | undefined;
  readonly secret?: string | undefined;
}

/** Creates, changes and lists webhooks. */
@Injectable()
export class WebhooksService implements OnModuleInit {
  private readonly logger = new Logger('Webhooks');
  private readonly list = new WebhookList();
  private readonly configured: Configuration['webhooks'];
  /** Emits when deliveries may have become due. */
  readonly due$ = new Subject<void>();

  constructor(
    private readonly store: WebhookStore,
    private readonly operations: OperationStore,
    { webhooks }: Configuration,
  ) {
    this.configured = webhooks;
  }

  async onModuleInit(): Promise<void> {
    for (const webhook of await this.store.all()) this.list.put(webhook);
    for (const settings of this.configured.targets) await this.configure(settings);
  }

  get all(): readonly Webhook[] {
    return this.list.all;
  }

  /** @throws OpstreamError `not_found` */
  get(tenant: string, webhookId: string): Webhook {
    const webhook = this.list.get(webhookId);
    if (webhook?.tenant !== tenant) throw new OpstreamError('not_found', 'There is no such webhook');
    return webhook;
  }

  of(tenant: string): readonly Webhook[] {
    return this.list.of(tenant);
  }

  /** @throws OpstreamError `invalid_request` */
  async create(tenant: string, settings: WebhookSettings): Promise<Webhook> {
    const webhook = newWebhook(tenant, `wh_${randomUUID()}`, settings);
    if (this.of(tenant).length >= MAX_WEBHOOKS)
      throw new OpstreamError('invalid_request', `A tenant has at most ${MAX_WEBHOOKS} webhooks`);
    await this.beginAtHead(tenant);
    await this.store.add(webhook);
    this.list.put(webhook);
    return webhook;
  }

  /** @throws OpstreamError `not_found`, `invalid_request`, `forbidden` for one that is in the configuration */
  async update(
    tenant: string,
    webhookId: string,
    changes: Partial<WebhookSettings> & { readonly enabled?: boolean | undefined },
  ): Promise<Webhook> {
    const before = this.changeable(tenant, webhookId);
    const { url = before.url, description = before.description, events = before.events } = changes;
    const {
      operationType = before.operationType,
      secret = before.secret,
      enabled = before.enabled,
    } = changes;
    const settings = newWebhook(tenant, webhookId, { url, description, events, operationType, secret });
    const after = {
      ...settings,
      createdAt: before.createdAt,
      enabled,
      disabledReason: enabled ? null : before.disabledReason,
    };
    await this.store.update(after);
    this.list.put(after);
    this.due$.next();
    return after;
  }

  /** @throws OpstreamError `not_found`, `forbidden` for one that is in the configuration */
  async remove(tenant: string, webhookId: string): Promise<void> {
    this.changeable(tenant, webhookId);
    this.list.remove(webhookId);
    await this.store.remove(webhookId);
  }

  /** Disables a webhook whose receiver says that it is gone. */
  async disable(webhookId: string, reason: string): Promise<void> {
    const webhook = this.list.get(webhookId);
    if (!webhook) return;
    const disabled = { ...webhook, enabled: false, disabledReason: reason };
    this.list.put(disabled);
    await this.store.update(disabled);
    this.logger.warn({ event: 'webhook_disabled', webhook_id: webhookId, reason });
  }

  /** Sends a test message. @returns the id of its delivery */
  async test(tenant: string, webhookId: string): Promise<string> {
    const delivery = testDelivery(this.get(tenant, webhookId), randomUUID(), Date.now() / 1000);
    const looked = (await this.store.positions()).get(tenant) ?? 0;
    await this.store.enqueue(tenant, looked, [delivery]);
    this.due$.next();
    return delivery.id;
  }

  /** @throws OpstreamError `not_found` */
  deliveries(tenant: string, webhookId: string, query: DeliveryQuery): Promise<DeliveryPage> {
    return this.store.deliveries(this.get(tenant, webhookId).id, query);
  }

  /** Sends a delivery again, under the same id. @throws OpstreamError `not_found` */
  async repeat(tenant: string, webhookId: string, deliveryId: string): Promise<void> {
    const { id } = this.get(tenant, webhookId);
    if (!(await this.store.repeat(id, deliveryId, Date.now() / 1000)))
      throw new OpstreamError('not_found', 'There is no such delivery');
    this.due$.next();
  }

  isConfigured(webhook: Webhook): boolean {
    return webhook.id.startsWith(CONFIGURED);
  }

  /** One of the configuration: its id follows from its address, so that its deliveries outlive a restart. */
  private async configure({
    tenant,
    ...settings
  }: Configuration['webhooks']['targets'][number]): Promise<void> {
    const digest = createHash('sha256').update(`${tenant}\n${settings.url}`).digest('hex').slice(0, 24);
    const webhook = newWebhook(tenant, CONFIGURED + digest, settings);
    const known = this.list.get(webhook.id);
    await this.beginAtHead(tenant);
    const secret = settings.secret ?? known?.secret ?? webhook.secret;
    const current = { ...webhook, secret, createdAt: known?.createdAt ?? webhook.createdAt };
    if (known) await this.store.update(current);
    else await this.store.add(current);
    this.list.put(current);
  }

  /** A tenant's first webhook hears of what ends from now on. */
  private async beginAtHead(tenant: string): Promise<void> {
    if ((await this.store.positions()).has(tenant)) return;
    const { head } = await this.operations.readTenant(tenant, Number.MAX_SAFE_INTEGER, {
      limit: 1,
      maxBytes: 1,
    });
    await this.store.enqueue(tenant, head, []);
  }

  private changeable(tenant: string, webhookId: string): Webhook {
    const webhook = this.get(tenant, webhookId);
    if (!this.isConfigured(webhook)) return webhook;
    throw new OpstreamError('forbidden', 'This webhook is in WEBHOOKS, and changes there');
  }
}

const CONFIGURED = 'wh_configured_';

/** @throws OpstreamError `invalid_request` */
function newWebhook(tenant: string, id: string, settings: WebhookSettings): Webhook {
  const { url, description = '', events = [], operationType = null, secret = makeSecret() } = settings;
  if (!isAddress(url))
    throw new OpstreamError('invalid_request', 'url must be an http or https address without credentials');
  if (!isSecret(secret))
    throw new OpstreamError('invalid_request', 'secret must be whsec_ and the base64 of 24 to 64 bytes');
  return {
    id,
    tenant,
    url,
    description,
    events: [...new Set(events)],
    operationType,
    secret,
    enabled: true,
    disabledReason: null,
    createdAt: Date.now() / 1000,
  };
}

function isAddress(text: string): boolean {
  if (text.length > MAX_URL || !URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return /^https?:$/.test(protocol) && username + password === '';
}
