import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Subscription } from 'rxjs';
import { Configuration } from '../config/configuration.js';
import { EventBus } from './event-bus.js';
import { isFinal, type RecordedEvent } from './operation-event.js';
import { OperationTypes } from './operation-types.js';
import { OperationsService } from './operations.service.js';

/** Seconds; operations last from one tool call to a night's run. */
const DURATION_BUCKETS = [0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200, 28_800];

/**
 * Metrics of recorded operations, counted from the event bus, so that they are equal on all nodes. Tenants never
 * become labels, and operation types only when clients did not choose them.
 */
@Injectable()
export class OperationsMetrics implements OnModuleDestroy {
  private readonly events: Counter<'type'>;
  private readonly opened: Counter<'operation_type'>;
  private readonly cacheUses: Counter<'outcome'>;
  private readonly ended: Counter<'operation_type' | 'outcome'>;
  private readonly duration: Histogram<'operation_type'>;
  private readonly types: OperationTypes;
  private readonly subscription: Subscription;

  constructor(
    registry: Registry,
    bus: EventBus,
    private readonly operations: OperationsService,
    { measuredTypes }: Configuration,
  ) {
    const registers = [registry];
    const listed = new Set(measuredTypes);
    this.types = new OperationTypes((type) => listed.has(type) || operations.ownTypes.has(type));
    this.events = new Counter({
      name: 'opstream_events_total',
      help: 'Events recorded, by type',
      labelNames: ['type'],
      registers,
    });
    this.opened = new Counter({
      name: 'opstream_operations_opened_total',
      help: 'Operations opened, by type',
      labelNames: ['operation_type'],
      registers,
    });
    this.ended = new Counter({
      name: 'opstream_operations_ended_total',
      help: 'Operations ended, by type and outcome',
      labelNames: ['operation_type', 'outcome'],
      registers,
    });
    this.cacheUses = new Counter({
      name: 'opstream_cache_requests_total',
      help: 'Openings with a cache key, by whether another operation answered for it (hit) or not (miss)',
      labelNames: ['outcome'],
      registers,
    });
    operations.onCacheUsed = (outcome) => this.cacheUses.inc({ outcome });
    this.duration = new Histogram({
      name: 'opstream_operation_duration_seconds',
      help: 'Time from opening to completion, by type',
      labelNames: ['operation_type'],
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
    new Counter({
      name: 'opstream_log_search_events_total',
      help: 'Events that searches of logs have read and compared',
      registers,
      collect() {
        this.reset();
        this.inc(operations.comparedEvents);
      },
    });
    this.subscription = bus.events$.subscribe((recorded) => this.count(recorded));
    this.subscription.add(
      bus.removed$.subscribe((removed) => {
        for (const { tenant, operationId } of removed) this.types.forget({ tenant, operationId });
      }),
    );
  }

  onModuleDestroy(): void {
    this.subscription.unsubscribe();
  }

  private count(recorded: readonly RecordedEvent[]): void {
    // One increment per type and emission: an emission may hold thousands of events.
    const types = new Map<string, number>();
    for (const event of recorded) {
      types.set(event.type, (types.get(event.type) ?? 0) + 1);
      if (event.seq === 1 || isFinal(event.type)) this.countOperation(event);
    }
    for (const [type, count] of types) this.events.inc({ type }, count);
  }
  /** The beginning or the end of one. */
  private countOperation(event: RecordedEvent): void {
    const isLast = isFinal(event.type);
    const type = this.types.labelOf(event, isLast);
    if (type !== undefined) return this.countAs(type, event);
    // Created in an earlier run of the service.
    void this.operations
      .find(event)
      .catch(() => null)
      .then((operation) => this.countAs(this.types.label(operation?.operationType ?? ''), event));
  }

  private countAs(operationType: string, { seq, type: outcome, data }: RecordedEvent): void {
    const labels = { operation_type: operationType };
    if (seq === 1) this.opened.inc(labels);
    if (isFinal(outcome)) this.ended.inc({ ...labels, outcome });
    if (outcome === 'completed')
      this.duration.observe(labels, (JSON.parse(data) as { duration: number }).duration);
  }
}
