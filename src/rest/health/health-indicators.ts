import { Injectable } from '@nestjs/common';

/** How one part of the service is doing. `degraded`: the service serves, that part does not. */
export interface Health {
  readonly status: 'up' | 'degraded' | 'down';
  /** Why, and since when, in a sentence; no secrets. */
  readonly detail?: string;
}

/** Looks at one part; must answer at once from what it knows. */
export type HealthIndicator = () => Health;

/** Parts that report their health; features register theirs when they start. */
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
