import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Registry } from 'prom-client';
import { StreamStore } from './stream-store.js';
import { StreamsService } from './streams.service.js';

/** Metrics of Durable Streams, read when they are scraped; paths and tenants are in none of them. */
@Injectable()
export class StreamsMetrics {
  constructor(registry: Registry, store: StreamStore, streams: StreamsService) {
    const registers = [registry];
    const { counts, metrics } = streams;
    const counter = (name: string, help: string, value: () => number): void => {
      const created: Counter = new Counter({
        name,
        help,
        registers,
        collect() {
          created.reset();
          created.inc(value());
        },
      });
    };
    const stored = new Gauge({
      name: 'opstream_streams',
      help: 'Stored Durable Streams of all tenants',
      registers,
      async collect() {
        stored.set((await store.usage()).streams);
      },
    });
    const bytes = new Gauge({
      name: 'opstream_streams_bytes',
      help: 'Content of all stored Durable Streams, in bytes',
      registers,
      async collect() {
        bytes.set((await store.usage()).bytes);
      },
    });
    const readers = new Gauge({
      name: 'opstream_stream_readers',
      help: 'Live readers of Durable Streams, operations and sessions included',
      labelNames: ['by'],
      registers,
      collect() {
        const { following, waiting } = streams.readers;
        readers.set({ by: 'event_stream' }, following);
        readers.set({ by: 'long_poll' }, waiting);
      },
    });
    const lagging = new Gauge({
      name: 'opstream_stream_readers_lagging',
      help: 'Live readers of Durable Streams that fell behind and are catching up from the log',
      registers,
      collect() {
        lagging.set(metrics.lagging);
      },
    });
    counter('opstream_streams_created_total', 'Durable Streams created', () => counts.created);
    counter('opstream_streams_removed_total', 'Durable Streams deleted or expired', () => counts.removed);
    counter('opstream_stream_appends_total', 'Recorded appends to Durable Streams', () => counts.appends);
    counter(
      'opstream_stream_appended_bytes_total',
      'Content appended to Durable Streams, in bytes',
      () => counts.appendedBytes,
    );
    counter(
      'opstream_stream_read_bytes_total',
      'Bytes sent to readers of Durable Streams',
      () => counts.readBytes + metrics.bytes,
    );
    counter(
      'opstream_stream_lags_total',
      'Number of times a live reader fell behind and switched to catch-up',
      () => metrics.lags,
    );
  }
}
