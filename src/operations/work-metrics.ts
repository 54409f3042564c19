import { Injectable } from '@nestjs/common';
import { Gauge, Histogram, Registry } from 'prom-client';

/** Seconds; from one lookup to a night's run. */
const BUCKETS = [0.005, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200, 28_800];
/** Pairs of service and name that have series of their own; later ones are counted as `other`. */
const MAX_PAIRS = 200;
const OTHER = { service: 'other', name: 'other' };

/** Measures work of an application beside Opstream's own metrics. */
@Injectable()
export class WorkMetrics {
  private readonly durations: Histogram<'service' | 'name' | 'outcome'>;
  private readonly inProgress: Gauge<'service' | 'name'>;
  private readonly pairs = new Set<string>();

  constructor(registry: Registry) {
    const registers = [registry];
    this.durations = new Histogram({
      name: 'opstream_work_duration_seconds',
      help: 'Work measured by the application, by service, name and outcome',
      labelNames: ['service', 'name', 'outcome'],
      buckets: BUCKETS,
      registers,
    });
    this.inProgress = new Gauge({
      name: 'opstream_work_in_progress',
      help: 'Measured work under way',
      labelNames: ['service', 'name'],
      registers,
    });
  }

  /**
   * Runs work and measures it: how often, how long, and whether it succeeded.
   * @param service and `name` become labels: take words of the program, never a client's
   * @returns what the work returns; rejects with what it throws
   */
  async trackRequest<T>(service: string, name: string, work: () => Promise<T> | T): Promise<T> {
    const labels = this.labels(service, name);
    const end = this.durations.startTimer(labels);
    this.inProgress.inc(labels);
    let outcome = 'error';
    try {
      const result = await work();
      outcome = 'success';
      return result;
    } finally {
      this.inProgress.dec(labels);
      end({ outcome });
    }
  }

  private labels(service: string, name: string): { service: string; name: string } {
    const pair = JSON.stringify([service, name]);
    if (!this.pairs.has(pair) && this.pairs.size >= MAX_PAIRS) return OTHER;
    this.pairs.add(pair);
    return { service, name };
  }
}
