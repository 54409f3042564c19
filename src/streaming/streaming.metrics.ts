import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Registry } from 'prom-client';
import { Subscriptions } from './delivery/subscriptions.js';
import { HubStatus } from './hub/hub-status.js';

/** Metrics of the delivery side, read from plain counters when they are scraped. */
@Injectable()
export class StreamingMetrics {
  constructor(registry: Registry, subscriptions: Subscriptions, hub: HubStatus) {
    const { meter } = subscriptions;
    const registers = [registry];
    gauge('websocket_connections', 'Open WebSocket connections', () => hub.connections);
    gauge('opstream_subscriptions', 'Subscriptions of all connections', () => subscriptions.count());
    gauge(
      'opstream_lagging_subscriptions',
      'Subscriptions that read from the log because they fell behind',
      () => meter.lagging,
    );
    counter('opstream_deliveries_total', 'Events sent to subscribers', () => meter.events);
    counter('opstream_delivered_bytes_total', 'Bytes of events sent to subscribers', () => meter.bytes);
    counter('opstream_lags_total', 'Times a subscription fell behind', () => meter.lags);

    function gauge(name: string, help: string, read: () => number): void {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    }

    function counter(name: string, help: string, read: () => number): void {
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset();
          this.inc(read());
        },
      });
    }
  }
}
