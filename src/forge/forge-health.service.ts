import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { HealthIndicators, type Health } from '../rest/health/health-indicators.js';
import { ForgeClient } from './api/forge-client.service.js';
import { ForgeMirrors } from './mirror/forge-mirrors.service.js';

/** Polling interval while Forge responds, and while it does not. */
const CHECK_MS = { up: 10_000, degraded: 1000, down: 1000 } as const;

/** Polls Forge for `/health/ready` and resumes unfinished mirrors. */
@Injectable()
export class ForgeHealth implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('Forge');
  private health: Health = { status: 'degraded', detail: 'Forge was not reached yet' };
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(
    indicators: HealthIndicators,
    private readonly client: ForgeClient,
    private readonly mirrors: ForgeMirrors,
  ) {
    indicators.register('forge', () => this.health);
  }

  /** Not awaited: a Forge that is down must not delay the start. */
  onApplicationBootstrap(): void {
    void this.check();
  }

  onModuleDestroy(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private async check(): Promise<void> {
    const before = this.health.status;
    try {
      await this.client.health();
      this.health = { status: 'up' };
    } catch (error) {
      // A server that does not know the path is up nevertheless.
      const answered = error instanceof OpstreamError && error.code === 'forge_not_found';
      const detail = error instanceof Error ? error.message : String(error);
      this.health = answered ? { status: 'up' } : { status: 'degraded', detail };
    }
    if (this.stopped) return;
    this.timer = setTimeout(() => void this.check(), CHECK_MS[this.health.status]).unref();
    if (before !== this.health.status && this.health.status === 'up') await this.takeUp();
  }

  private async takeUp(): Promise<void> {
    this.logger.log('Forge is reachable');
    try {
      await this.mirrors.resumeUnfinished();
    } catch (error) {
      this.logger.warn({ event: 'forge_resume_failed', error });
    }
  }
}
