import { setImmediate } from 'node:timers/promises';
import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { OperationStore } from './operation-store.js';

/** How often ended operations are checked against `OPERATION_MAX_AGE`. */
const INTERVAL_MS = 30_000;

/** Removes operations that ended longer ago than their maximum age. */
@Injectable()
export class OperationExpiry implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(OperationExpiry.name);
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(private readonly store: OperationStore) {}

  onModuleInit(): void {
    this.timer = setInterval(() => {
      this.expire().catch((error: unknown) => this.logger.warn({ error }, 'Removing old operations failed'));
    }, INTERVAL_MS).unref();
  }

  onModuleDestroy(): void {
    this.stopped = true;
    clearInterval(this.timer);
  }

  /** In steps, so that appends and reads get a turn in between. */
  private async expire(): Promise<void> {
    while (!this.stopped && (await this.store.expire(Date.now() / 1000))) await setImmediate();
  }
}
