import { Injectable } from '@nestjs/common';
import { Counter, Histogram, Registry } from 'prom-client';

/** Seconds. */
const BUCKETS = [0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10];

/** A completed request, as the HTTP platform knows it. */
export interface AnsweredRequest {
  readonly method: string;
  /** The route pattern, never the path itself: each id would create a series. */
  readonly route: string | undefined;
  readonly status: number;
  readonly seconds: number;
}

/** HTTP metrics for Prometheus. */
@Injectable()
export class HttpMetrics {
  private readonly requests: Counter<'method' | 'route' | 'status_code'>;
  private readonly durations: Histogram<'method' | 'route' | 'status_code'>;

  constructor(registry: Registry) {
    const labelNames = ['method', 'route', 'status_code'] as const;
    const registers = [registry];
    this.requests = new Counter({
      name: 'http_requests_total',
      help: 'Requests answered',
      labelNames,
      registers,
    });
    this.durations = new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time until the answer was sent; of an event stream until its end',
      labelNames,
      buckets: BUCKETS,
      registers,
    });
  }

  answered({ method, route, status, seconds }: AnsweredRequest): void {
    const labels = { method, route: route ?? 'unmatched', status_code: String(status) };
    this.requests.inc(labels);
    this.durations.observe(labels, seconds);
  }
}
