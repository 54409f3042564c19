// The real application: configured like the service, tokens required, every event recorded in SQLite before it is
// published. The publisher calls the OperationsService, as a host application would.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { ConsoleLogger } from '@nestjs/common';
import { OperationsService } from '../../dist/operations/operations.service.js';
import { OpstreamModule } from '../../dist/opstream.module.js';
import { openService } from '../../dist/service.js';
import { Subscriptions } from '../../dist/streaming/delivery/subscriptions.js';
import { nowNs, serveCommands } from './commands.mjs';
import { messageOf } from './event-shape.mjs';

const TENANT = 'default';
const OPERATION = 'bench';

const dataDir = mkdtempSync(join(tmpdir(), 'opstream-bench-'));
process.on('exit', () => rmSync(dataDir, { recursive: true, force: true }));

const app = await openService(
  OpstreamModule.forRoot({
    dataDir,
    port: 0,
    jwtSecret: process.env.BENCH_SECRET,
    allowAnonymous: false,
  }),
  new ConsoleLogger({ logLevels: ['warn', 'error', 'fatal'] }),
);
const operations = app.get(OperationsService);
const subscriptions = app.get(Subscriptions);
await operations.create(TENANT, { operationType: 'bench', operationId: OPERATION });

const KEY = { tenant: TENANT, operationId: OPERATION };
const record = (bytes) => operations.log(KEY, 'info', messageOf(bytes), { sent_ns: nowNs() });

/** Deliveries that the meter will have counted when everything recorded so far is written. */
let due = subscriptions.metrics.events;

serveCommands(app.getHttpServer().address().port, {
  seq: 1,
  async publish(count, bytes) {
    this.seq += count;
    due += count * subscriptions.count();
    if (count === 1) await record(bytes);
    else await Promise.all(Array.from({ length: count }, () => record(bytes)));
  },
  async written() {
    const giveUp = performance.now() + 60_000;
    while (subscriptions.metrics.events < due) {
      if (performance.now() > giveUp)
        throw new Error(`${due - subscriptions.metrics.events} deliveries are missing`);
      await setImmediate();
    }
  },
  gauges: () => ({ lagging: subscriptions.metrics.lagging, rss: process.memoryUsage.rss() }),
});
