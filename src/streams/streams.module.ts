import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { Configuration } from '../config/configuration.js';
import { openDatabase } from '../platform/sqlite/sqlite-database.js';
import { MemoryStreamStore } from './adapters/memory-stream-store.js';
import { SqliteStreamStore } from './adapters/sqlite-stream-store.js';
import { StreamsHttp } from './http/streams-http.service.js';
import { StreamStore } from './stream-store.js';
import { StreamsService } from './streams.service.js';

/** Chooses the engine. */
function createStore({ store, streams }: Configuration): StreamStore {
  if (store.kind === 'memory') return new MemoryStreamStore(streams.limits);
  const database = openDatabase(join(store.dataDir, 'streams.db'), store.durability);
  return new SqliteStreamStore(database, streams.limits, false);
}

/** Durable Streams: the open protocol for streams of bytes and of JSON messages (docs/streams.md). */
@Module({
  providers: [
    { provide: StreamStore, useFactory: createStore, inject: [Configuration] },
    StreamsService,
    StreamsHttp,
  ],
  exports: [StreamsService, StreamsHttp],
})
export class StreamsModule {}
