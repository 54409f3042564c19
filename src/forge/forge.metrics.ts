import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { OpstreamError } from '../platform/errors/opstream-error.js';

/** Seconds; stopping an agent takes Forge two, a merge or a push may take longer. */
const BUCKETS = [0.005, 0.02, 0.1, 0.5, 2, 5, 15, 60];

/** Metrics of the connection to Forge: no ids and no tenants, only outcomes and kinds of streams. */
@Injectable()
export class ForgeMetrics {
  private readonly requests: Histogram<'outcome'>;
  private readonly reconnects: Counter<'stream'>;

  constructor(private readonly registry: Registry) {
    const registers = [registry];
    this.requests = new Histogram({
      name: 'opstream_forge_request_duration_seconds',
      help: 'Time of requests to Forge, by outcome: ok, or the code of the error',
      labelNames: ['outcome'],
      buckets: BUCKETS,
      registers,
    });
    this.reconnects = new Counter({
      name: 'opstream_forge_reconnects_total',
      help: 'Times a stream of Forge was open again after its connection was lost, by stream',
      labelNames: ['stream'],
      registers,
    });
  }

  /** Times a request and passes its error on. */
  async timed<T>(request: () => Promise<T>): Promise<T> {
    const stop = this.requests.startTimer();
    try {
      const answer = await request();
      stop({ outcome: 'ok' });
      return answer;
    } catch (error) {
      stop({ outcome: error instanceof OpstreamError ? error.code : 'internal_error' });
      throw error;
    }
  }

  reconnected(stream: string): void {
    this.reconnects.inc({ stream });
  }

  /** A gauge that is read when scraped. */
  gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(read());
      },
    });
  }
}
