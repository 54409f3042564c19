import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Subscription } from 'rxjs';
import { EventBus } from './event-bus.js';
import { isFinal, type RecordedEvent } from './operation-event.js';
import { OperationsService } from './operations.service.js';

/** Seconds; operations last from one tool call to a night's run. */
const DURATION_BUCKETS = [0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200, 28_800];

/**
 * What is recorded, as Prometheus counts it: all that the bus tells, which with several nodes is the same on
 * each. Labels are the few types and outcomes: operation types and tenants are the clients' own words, and have no
 * place in a metric that others may read.
 */
@Injectable()
export class OperationsMetrics implements OnModuleDestroy {
  private readonly events: Counter<'type'>;
  private readonly opened: Counter;
  private readonly ended: Counter<'outcome'>;
  private readonly duration: Histogram;
  private readonly subscription: Subscription;

  constructor(registry: Registry, bus: EventBus, operations: OperationsService) {
    const registers = [registry];
    this.events = new Counter({
      name: 'opstream_events_total',
      help: 'Events recorded, by type',
      labelNames: ['type'],
      registers,
    });
    this.opened = new Counter({
      name: 'opstream_operations_opened_total',
      help: 'Operations opened',
      registers,
    });
    this.ended = new Counter({
      name: 'opstream_operations_ended_total',
      help: 'Operations ended, by outcome',
      labelNames: ['outcome'],
      registers,
    });
    this.duration = new Histogram({
      name: 'opstream_operation_duration_seconds',
      help: 'Time from opening to completion',
      buckets: DURATION_BUCKETS,
      registers,
    });
    new Gauge({
      name: 'tasks_count',
      help: 'Operations that are stored, each of which is an MCP task, by state',
      labelNames: ['status'],
      registers,
      async collect() {
        for (const [status, count] of Object.entries(await operations.countsByState())) {
          this.set({ status }, count);
        }
      },
    });
    this.subscription = bus.events$.subscribe((recorded) => this.count(recorded));
  }

  onModuleDestroy(): void {
    this.subscription.unsubscribe();
  }

  private count(recorded: readonly RecordedEvent[]): void {
    // One increment per type and emission: an emission may hold thousands of events.
    const types = new Map<string, number>();
    for (const event of recorded) {
      types.set(event.type, (types.get(event.type) ?? 0) + 1);
      if (event.seq === 1) this.opened.inc();
      if (isFinal(event.type)) this.ended.inc({ outcome: event.type });
      if (event.type === 'completed') {
        this.duration.observe((JSON.parse(event.data) as { duration: number }).duration);
      }
    }
    for (const [type, count] of types) this.events.inc({ type }, count);
  }
}
