import { operationKeyText, type OperationKey } from './operation-key.js';
import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Subscription } from 'rxjs';
import { turnBudget } from '../platform/lifecycle/turn-budget.js';
import { EventBus } from './event-bus.js';
import { isFinal } from './operation-event.js';
import { OperationsService } from './operations.service.js';
import { isActive, type Operation } from './operation.js';

/** How often leases are checked, in milliseconds: an operation ends at most this much late. */
const CHECK_MS = 1000;

interface Lease {
  readonly tenant: string;
  readonly operationId: string;
  readonly milliseconds: number;
  /** In terms of `performance.now()`: the wall clock jumps, and a jump must not end anybody's work. */
  deadline: number;
}

/**
 * Ends abandoned work. Work of the service itself ends as `Interrupted` when the next process starts; an operation
 * with a lease ends as `Stalled` once its producer has been silent for that long.
 */
@Injectable()
export class OperationLeases implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('Operations');
  private readonly leases = new Map<string, Lease>();
  private readonly bus: Subscription;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly operations: OperationsService,
    bus: EventBus,
  ) {
    operations.onHeard = (operation) => this.heard(operation);
    this.bus = bus.events$.subscribe((events) => {
      if (this.leases.size === 0) return;
      for (const event of events) {
        if (isFinal(event.type)) this.leases.delete(operationKeyText(event));
        else this.renew(event);
      }
    });
  }

  /** Work of the previous process is over, and every lease restarts: its producer may just be coming back. */
  async onApplicationBootstrap(): Promise<void> {
    for (const key of await this.operations.unfinished('')) {
      await turnBudget.turn();
      const operation = await this.operations.find(key);
      if (!operation || !isActive(operation)) continue;
      if (operation.owner !== null && operation.owner !== this.operations.incarnation)
        await this.end(operation, 'The service was restarted while the work ran', 'Interrupted');
      else this.heard(operation);
    }
  }

  onModuleDestroy(): void {
    this.bus.unsubscribe();
    clearInterval(this.timer);
  }

  /** Its producer created it, or renewed the lease. */
  private heard(operation: Operation): void {
    const { tenant, operationId, leaseSeconds } = operation;
    if (leaseSeconds === null || !isActive(operation)) return;
    const milliseconds = leaseSeconds * 1000;
    const deadline = performance.now() + milliseconds;
    this.leases.set(operationKeyText(operation), {
      tenant,
      operationId,
      milliseconds,
      deadline,
    });
    this.timer ??= setInterval(() => this.check(), CHECK_MS).unref();
  }

  private renew(key: OperationKey): void {
    const lease = this.leases.get(operationKeyText(key));
    if (lease) lease.deadline = performance.now() + lease.milliseconds;
  }

  private check(): void {
    const now = performance.now();
    for (const [key, lease] of this.leases) {
      if (lease.deadline > now) continue;
      this.leases.delete(key);
      void this.stall(lease);
    }
  }

  private async stall(lease: Lease): Promise<void> {
    const ended = await this.end(
      lease,
      `Nothing was heard of the producer for ${lease.milliseconds / 1000} s`,
      'Stalled',
    );
    // Retried later, not immediately.
    if (!ended)
      this.leases.set(operationKeyText(lease), {
        ...lease,
        deadline: performance.now() + 10_000,
      });
  }

  /** @returns false when it may still be running */
  private async end(key: OperationKey, message: string, errorType: string): Promise<boolean> {
    try {
      await this.operations.error(key, message, errorType);
      return true;
    } catch (error) {
      const operation = await this.operations.find(key).catch(() => undefined);
      if (operation === null || (operation && !isActive(operation))) return true;
      this.logger.warn({ error, operation_id: key.operationId }, 'An abandoned operation could not be ended');
      return false;
    }
  }
}
