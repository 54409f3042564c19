import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Registry } from 'prom-client';
import { Subscriptions } from './delivery/subscriptions.js';
import { AgentRooms } from './agents/agent-rooms.js';
import { SocketMetrics } from './socket/socket-metrics.js';

/** Delivery metrics, read from plain counters when scraped. */
@Injectable()
export class StreamingMetrics {
  constructor(registry: Registry, subscriptions: Subscriptions, sockets: SocketMetrics, rooms: AgentRooms) {
    const { metrics } = subscriptions;
    const registers = [registry];
    gauge('websocket_connections', 'Open WebSocket connections', () => sockets.connections);
    gauge('opstream_subscriptions', 'Subscriptions of all connections', () => subscriptions.count());
    gauge(
      'opstream_lagging_subscriptions',
      'Subscriptions that read from the log because they fell behind',
      () => metrics.lagging,
    );
    labelled(Counter, 'websocket_messages_total', 'WebSocket messages of every protocol', 'direction', () => [
      ['incoming', sockets.received],
      ['outgoing', sockets.sent + metrics.messages],
    ]);
    labelled(Counter, 'errors_total', 'Failures on sockets', 'type', () => [
      ['server', sockets.serverErrors],
      ['network', sockets.networkErrors],
    ]);
    labelled(Gauge, 'agents_count', 'Agents by the status they last reported', 'status', () =>
      knownStatuses(rooms.countByStatus()),
    );
    counter('opstream_deliveries_total', 'Events sent to subscribers', () => metrics.events);
    counter('opstream_delivered_bytes_total', 'Bytes of events sent to subscribers', () => metrics.bytes);
    counter('opstream_lags_total', 'Times a subscription fell behind', () => metrics.lags);

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

    function labelled(
      Metric: typeof Counter | typeof Gauge,
      name: string,
      help: string,
      label: string,
      read: () => readonly (readonly [string, number])[],
    ): void {
      new Metric({
        name,
        help,
        registers,
        labelNames: [label],
        collect() {
          this.reset();
          for (const [value, count] of read()) this.inc({ [label]: value }, count);
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

/** Agents choose their statuses freely. Only these become labels, since others could be secrets or unbounded. */
const STATUS_LABELS = new Set(['idle', 'busy', 'active', 'running', 'paused', 'error', 'offline', 'online']);

function knownStatuses(counts: ReadonlyMap<string, number>): [string, number][] {
  const known = new Map<string, number>();
  for (const [status, count] of counts) {
    const label = STATUS_LABELS.has(status) ? status : 'other';
    known.set(label, (known.get(label) ?? 0) + count);
  }
  return [...known];
}
