import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Subscription } from 'rxjs';
import { Configuration } from '../config/configuration.js';
import { attemptDelivery, type Attempted } from './delivery-attempt.js';
import { RETRY_SECONDS, retryDelay } from './retry-schedule.js';
import type { Delivery, Webhook } from './webhook.js';
import { WebhookStore, type AttemptOutcome } from './webhook-store.js';
import { WebhooksService } from './webhooks.service.js';

/** Requests at once to one webhook: a slow receiver holds up only itself. */
const PER_WEBHOOK = 4;
/** Requests at once in all. */
const IN_ALL = 64;
/** How often the queue is looked at for what has become due. */
const LOOK_MS = 1000;
/** Seconds after which a claim counts as abandoned: longer than an attempt can take. */
const CLAIM_SECONDS = 60;

export type DeliveryOutcome = 'delivered' | 'retried' | 'failed';

/** Sends what is due: a few requests at a time to each webhook, retried on a schedule for a day. */
@Injectable()
export class WebhookDispatcher implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('Webhooks');
  private readonly retrySeconds: readonly number[];
  private readonly allowedHosts: ReadonlySet<string>;
  private readonly inFlight = new Map<string, number>();
  private readonly requests = new Set<Promise<void>>();
  private readonly closing = new AbortController();
  private due: Subscription | undefined;
  private timer: NodeJS.Timeout | undefined;
  private looking = false;
  private lookAgain = false;
  /** Attempts by outcome. */
  readonly counts: Record<DeliveryOutcome, number> = { delivered: 0, retried: 0, failed: 0 };

  constructor(
    private readonly store: WebhookStore,
    private readonly webhooks: WebhooksService,
    { webhooks: settings }: Configuration,
  ) {
    this.retrySeconds = settings.retrySeconds.length > 0 ? settings.retrySeconds : RETRY_SECONDS;
    this.allowedHosts = new Set(settings.allowedHosts);
  }

  onApplicationBootstrap(): void {
    this.due = this.webhooks.due$.subscribe(() => this.look());
    this.timer = setInterval(() => this.look(), LOOK_MS).unref();
    this.look();
  }

  async onModuleDestroy(): Promise<void> {
    this.due?.unsubscribe();
    clearInterval(this.timer);
    this.closing.abort();
    await Promise.allSettled(this.requests);
  }

  private look(): void {
    this.lookAgain = true;
    if (this.looking || this.closing.signal.aborted) return;
    this.looking = true;
    this.sendDue()
      .catch((error: unknown) => this.logger.warn({ event: 'webhooks_not_sent', error }))
      .finally(() => (this.looking = false));
  }

  private async sendDue(): Promise<void> {
    while (this.lookAgain && !this.closing.signal.aborted) {
      this.lookAgain = false;
      for (const webhook of this.webhooks.all) {
        const free = Math.min(
          PER_WEBHOOK - (this.inFlight.get(webhook.id) ?? 0),
          IN_ALL - this.requests.size,
        );
        if (!webhook.enabled || free <= 0) continue;
        const at = Date.now() / 1000;
        const claimed = await this.store.claim(webhook.id, free, at, at + CLAIM_SECONDS);
        for (const delivery of claimed) this.send(webhook, delivery);
      }
    }
  }

  private send(webhook: Webhook, delivery: Delivery): void {
    this.inFlight.set(webhook.id, (this.inFlight.get(webhook.id) ?? 0) + 1);
    const request = this.deliver(webhook, delivery)
      .catch((error: unknown) => this.logger.warn({ event: 'webhook_not_settled', error }))
      .finally(() => {
        this.requests.delete(request);
        const left = this.inFlight.get(webhook.id)! - 1;
        if (left > 0) this.inFlight.set(webhook.id, left);
        else this.inFlight.delete(webhook.id);
        // The next of its operation, or of its webhook, may have waited for this one.
        this.look();
      });
    this.requests.add(request);
  }

  private async deliver(webhook: Webhook, delivery: Delivery): Promise<void> {
    const addresses = this.allowedHosts.has(new URL(webhook.url).hostname) ? 'any' : 'public';
    const attempted = await attemptDelivery(webhook, delivery, addresses, this.closing.signal);
    // Cut off by the stop of the service: whether it arrived is unknown, and the next start tries again.
    if (this.closing.signal.aborted && attempted.attempt.status === null) return;
    const outcome = this.judge(delivery, attempted);
    await this.store.settle(delivery.id, outcome);
    this.counts[outcome.state === 'pending' ? 'retried' : outcome.state] += 1;
    if (attempted.attempt.status === 410)
      await this.webhooks.disable(webhook.id, 'The receiver answered 410: it is gone');
  }

  private judge(delivery: Delivery, { attempt, retryAfter }: Attempted): AttemptOutcome {
    const { status } = attempt;
    const now = Date.now() / 1000;
    if (status !== null && status >= 200 && status < 300)
      return { state: 'delivered', nextAt: now, last: attempt };
    const delay = retryDelay(delivery.attempts + 1, retryAfter, this.retrySeconds, Math.random());
    if (status === 410 || delay === undefined) return { state: 'failed', nextAt: now, last: attempt };
    return { state: 'pending', nextAt: now + delay, last: attempt };
  }
}
