import { Injectable } from '@nestjs/common';

/** Health of one part of the service. `degraded`: the service works, that part does not. */
export interface Health {
  readonly status: 'up' | 'degraded' | 'down';
  /** Why and since when, in one sentence; no secrets. */
  readonly detail?: string;
}

/** Checks one part; must return immediately from what it knows. */
export type HealthIndicator = () => Health;

/** Parts that report their health; features register theirs at start. */
@Injectable()
export class HealthIndicators {
  private readonly indicators = new Map<string, HealthIndicator>();

  register(name: string, indicator: HealthIndicator): void {
    this.indicators.set(name, indicator);
  }

  check(): Record<string, Health> {
    return Object.fromEntries([...this.indicators].map(([name, indicator]) => [name, indicator()]));
  }
}
