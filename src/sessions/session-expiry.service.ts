import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { SessionStore } from './session-store.js';

const INTERVAL_MS = 60_000;

/** Removes messages, memory and tokens that are past their time, a few at a time. */
@Injectable()
export class SessionExpiry implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Sessions');
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private stopped = false;

  constructor(private readonly store: SessionStore) {}

  onApplicationBootstrap(): void {
    this.start();
    this.timer = setInterval(() => this.start(), INTERVAL_MS).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.running;
  }

  private start(): void {
    this.running ??= this.run()
      .catch((error: unknown) => this.logger.warn({ event: 'session_expiry_failed', error }))
      .finally(() => (this.running = undefined));
  }

  private async run(): Promise<void> {
    while (!this.stopped && (await this.store.expire(Date.now() / 1000))) await nextTurn();
  }
}
