import { Module } from '@nestjs/common';
import { Configuration } from '../config/configuration.js';
import { StreamingModule } from '../streaming/streaming.module.js';
import { OperationsModule } from '../operations/operations.module.js';
import { DatabaseModule, SharedDatabase } from '../platform/sqlite/database.module.js';
import { MemoryStreamStore } from './adapters/memory-stream-store.js';
import { SqliteStreamStore } from './adapters/sqlite-stream-store.js';
import { StreamsHttp } from './http/streams-http.service.js';
import { StreamCommands } from './hub/stream-commands.service.js';
import { OperationStreams } from './operations/operation-streams.service.js';
import { StreamOperations } from './operations/stream-operations.service.js';
import { StreamNamespaces } from './stream-namespaces.js';
import { StreamStore } from './stream-store.js';
import { StreamsMetrics } from './streams.metrics.js';
import { StreamsService } from './streams.service.js';

/** Chooses the engine. */
function createStore({ streams }: Configuration, { connection }: SharedDatabase): StreamStore {
  if (connection === undefined) return new MemoryStreamStore(streams.limits);
  // Any start may follow a loss or a restore that cannot be seen, as with operations.
  return new SqliteStreamStore(connection, streams.limits, true);
}

/** Durable Streams: the open protocol for streams of bytes and of JSON messages (docs/streams.md). */
@Module({
  imports: [DatabaseModule, OperationsModule, StreamingModule],
  providers: [
    { provide: StreamStore, useFactory: createStore, inject: [Configuration, SharedDatabase] },
    StreamsService,
    StreamNamespaces,
    OperationStreams,
    StreamOperations,
    StreamsHttp,
    StreamsMetrics,
    StreamCommands,
  ],
  exports: [StreamsService, StreamNamespaces, StreamsHttp],
})
export class StreamsModule {}
